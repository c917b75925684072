# SPDX-License-Identifier: Apache-2.0
"""Planar rendering on CUDA as a differentiable operation: tensors in, tensors out, Triton kernels inside.

Works in float32, as the CPU kernels do. No atomics: sums have one order, so equal inputs give equal bits on one device.
Triton is imported on first use only.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.errors import BackendUnavailable
from lamina.render.gaussians2d import Gaussians2D
from lamina.render.tile_entries import TileEntries, invert_covariances, list_tile_entries


def require_cuda() -> None:
    """Checks that the CUDA backend can run.

    Raises:
        BackendUnavailable: Triton or a CUDA device is missing.
    """
    if find_spec("triton") is None:
        raise BackendUnavailable("the CUDA backend needs Triton: pip install 'lamina[cuda]'")
    if not torch.cuda.is_available():
        raise BackendUnavailable(
            'the CUDA backend needs a CUDA device and a CUDA build of PyTorch (https://pytorch.org): use backend="auto"'
        )


def render_cuda(
    gaussians: Gaussians2D, split: int, width: int, height: int
) -> tuple[Float[Tensor, "h w 3"], Float[Tensor, "h w 3"]]:
    """Splats [0, split) alone, and all of them. With split = 0 the first picture is empty (0, 0, 3)."""
    return _PlanarCuda.apply(gaussians.positions, gaussians.covariances, gaussians.colors, split, width, height)


class _PlanarCuda(torch.autograd.Function):
    """Forward keeps the entries; backward reduces gradients to moments per splat and chains them to the inputs."""

    @staticmethod
    def forward(
        ctx: Any, positions: Tensor, covariances: Tensor, colors: Tensor, split: int, width: int, height: int
    ) -> tuple[Tensor, Tensor]:
        from lamina.render.kernels import planar_triton

        positions32, covariances32 = positions.detach().float(), covariances.detach().float()
        conics, usable = invert_covariances(positions32, covariances32)
        entries = list_tile_entries(positions32, covariances32, usable, width, height)
        values = torch.cat([positions32, conics, colors.detach().float()], dim=1).contiguous()
        lists = _lists(entries, split)
        lower, top = planar_triton.accumulate(values, *lists, split > 0, width, height)
        ctx.save_for_backward(values, conics)
        ctx.kept = (entries, lists, split)
        return lower.to(positions.dtype), top.to(positions.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        from lamina.render.kernels import planar_triton

        grad_lower, grad_top = grad_outputs
        values, conics = ctx.saved_tensors
        entries, (entry_splat, tile_starts, tile_splits), split = ctx.kept
        top = grad_top.float().contiguous()
        # Splats of the lower level are in both pictures.
        lower = (grad_lower + grad_top).float().contiguous() if split > 0 else top
        entry_moments = planar_triton.moments(values, entry_splat, tile_starts, tile_splits, lower, top)
        moments = _sum_by_splat(entry_moments, entries)
        wanted = (*_chain(moments, conics), moments[:, :3])
        return *(gradient.to(grad_top.dtype) for gradient in wanted), None, None, None


def _lists(entries: TileEntries, split: int) -> tuple[Tensor, Tensor, Tensor]:
    """Splat of each entry, first entry of each tile, and first entry of each tile that is not below `split`."""
    splats = entries.splat.int()
    starts = torch.nn.functional.pad(torch.cumsum(entries.per_tile, 0), (1, 0))
    below = torch.bincount(entries.tile[entries.splat < split], minlength=entries.per_tile.shape[0])
    return splats, starts.int(), (starts[:-1] + below).int()


def _sum_by_splat(entry_moments: Float[Tensor, "e m"], entries: TileEntries) -> Float[Tensor, "n m"]:
    """Back into splat order, then one sum for each run: the same order of additions every time."""
    by_splat = torch.empty_like(entry_moments)
    by_splat[entries.order] = entry_moments
    if by_splat.shape[0] == 0:
        return by_splat.new_zeros((entries.per_splat.shape[0], entry_moments.shape[1]))
    return torch.segment_reduce(by_splat, "sum", lengths=entries.per_splat, axis=0, unsafe=True, initial=0.0)


def _chain(moments: Float[Tensor, "n 9"], conics: Float[Tensor, "n 3"]) -> tuple[Tensor, Tensor]:
    """Moments about the centre -> gradients of positions A m1 and covariances A M2 A / 2, A the inverse covariance."""
    a, b, c = conics.double().unbind(dim=1)
    m_x, m_y, m_xx, m_xy, m_yy = moments[:, 4:].double().unbind(dim=1)
    p, q = a * m_xx + b * m_xy, a * m_xy + b * m_yy
    r, s = b * m_xx + c * m_xy, b * m_xy + c * m_yy
    grad_positions = torch.stack([a * m_x + b * m_y, b * m_x + c * m_y], dim=1)
    return grad_positions, torch.stack([0.5 * (p * a + q * b), r * a + s * b, 0.5 * (r * b + s * c)], dim=1)
