# SPDX-License-Identifier: Apache-2.0
"""What generators say of each offset enters, with what the anchors hold; the Gaussians that are drawn leave.

The last step of `neural.py`, where most of its numbers are: one pass over them on the CPU in float32, and a readable
twin for any device and type.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.anchors import assembly_kernels as kernels
from lamina.anchors.anchors import Anchors
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.kernels.threads import share_threads

COVARIANCE_OUTPUTS = 7
"""Three scales and a quaternion, for each offset."""


def assemble(
    anchors: Anchors,
    opacities: Float[Tensor, "n k"],
    shapes: Float[Tensor, "n 7*k"],
    colors: Float[Tensor, "n 3*k"],
    least_opacity: float,
) -> tuple[Gaussians3D, Int64[Tensor, " m"]]:
    """The Gaussians that are drawn, and anchor * k + offset of each, rising; differentiable in all tensors.

    `opacities`, `shapes` and `colors` are what the generators put out, before tanh and sigmoids. Those under
    `least_opacity` are drawn as if they were there, with the gradient of what they are.
    """
    if opacities.device.type == "cpu" and opacities.dtype == torch.float32 and len(anchors):
        fields = (anchors.positions, anchors.scalings, anchors.offsets, anchors.masks)
        *tensors, sources = _Assembly.apply(*fields, opacities, shapes, colors, least_opacity)
        return Gaussians3D(*tensors), sources
    return assemble_reference(anchors, opacities, shapes, colors, least_opacity)


def assemble_reference(
    anchors: Anchors,
    opacities: Float[Tensor, "n k"],
    shapes: Float[Tensor, "n 7*k"],
    colors: Float[Tensor, "n 3*k"],
    least_opacity: float,
) -> tuple[Gaussians3D, Int64[Tensor, " m"]]:
    """The readable twin of `assemble`: any device, any float type."""
    count, per_anchor = anchors.masks.shape
    said = torch.tanh(opacities)
    if least_opacity > 0:
        said = said + (said.clamp_min(least_opacity) - said).detach()
    drawn = (said * anchors.masks).reshape(-1)
    sources = torch.nonzero(drawn.detach() > 0).reshape(-1)
    rows = sources // per_anchor
    parts = shapes.reshape(count * per_anchor, COVARIANCE_OUTPUTS)[sources]
    shades = torch.sigmoid(colors).reshape(count * per_anchor, 3)[sources]
    scalings = anchors.scalings[rows]
    means = anchors.positions[rows] + anchors.offsets.reshape(-1, 3)[sources] * scalings[:, :3]
    scales = scalings[:, 3:] * torch.sigmoid(parts[:, :3])
    return Gaussians3D(means, parts[:, 3:], scales, drawn[sources], shades), sources


class _Assembly(torch.autograd.Function):
    """One pass forward, one back; exponentials are torch's, which takes several at a time."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        *tensors, least_opacity = arguments
        positions, scalings, offsets, masks, opacities, shapes, colors = (tensor.detach() for tensor in tensors)
        share_threads()
        count, k = masks.shape
        tanhs = torch.tanh(opacities)
        drawn = tanhs.clamp_min(least_opacity) if least_opacity > 0 else tanhs
        shown = (drawn * masks).reshape(-1)
        sources = torch.nonzero(shown > 0).reshape(-1)
        blocks = np.append(np.arange(0, count, kernels.BLOCK_ANCHORS), count) * k
        first = np.searchsorted(sources.numpy(), blocks)
        means, rotations, scales, sigmoids, shades = (torch.empty(len(sources), width) for width in (3, 4, 3, 3, 3))
        inputs = (positions, offsets.reshape(count, k, 3), scalings, shapes.reshape(count, k, 7))
        kernels.gather_gaussians(
            sources.numpy(), first, *arrays_of(*inputs, colors.reshape(count, k, 3)),
            *arrays_of(means, rotations, sigmoids, shades),
        )  # fmt: skip
        sigmoids.sigmoid_()
        shades.sigmoid_()
        kernels.size_scales(sources.numpy(), first, k, *arrays_of(scalings, sigmoids, scales))
        ctx.save_for_backward(positions, scalings, offsets, masks, tanhs, drawn, sigmoids, shades, sources)
        ctx.first = first
        ctx.mark_non_differentiable(sources)
        return means, rotations, scales, shown[sources], shades, sources

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        share_threads()
        positions, scalings, offsets, masks, tanhs, drawn, sigmoids, shades, sources = ctx.saved_tensors
        count, k = masks.shape
        to_opacities, to_masks = torch.empty(count, k), torch.empty(count, k)
        to_shapes, to_colors, to_offsets = (torch.empty(count, k, width) for width in (7, 3, 3))
        to_scalings, to_positions = torch.empty_like(scalings), torch.empty_like(positions)
        kernels.chain_to_anchors(
            sources.numpy(), ctx.first,
            *arrays_of(masks, tanhs, drawn, offsets.reshape(count, k, 3), scalings, sigmoids, shades),
            *arrays_of(*grad_outputs[:5]),
            *arrays_of(to_opacities, to_shapes, to_colors, to_scalings, to_offsets, to_masks, to_positions),
        )  # fmt: skip
        return (
            to_positions, to_scalings, to_offsets.reshape(offsets.shape), to_masks,
            to_opacities, to_shapes.reshape(count, 7 * k), to_colors.reshape(count, 3 * k), None,
        )  # fmt: skip


def arrays_of(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    """The tensors' own memory where it is contiguous, copies otherwise."""
    return tuple(tensor.contiguous().numpy() for tensor in tensors)
