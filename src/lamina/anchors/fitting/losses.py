# SPDX-License-Identifier: Apache-2.0
"""What anchors descend on beside the pictures: Gaussians or attributes enter, a scalar with gradients leaves."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor
from torch.nn import functional

from lamina.render.gaussians3d import Gaussians3D

LEAST_DISTANCE = 1e-6
"""World units: what stands where one looks from has a finite width."""


def volume(scales: Float[Tensor, "m 3"], unit: float) -> Float[Tensor, ""]:
    """Mean over Gaussians of the product of their three scales, in units of the scene; 0 for none.

    Source: Lombardi et al., Mixture of Volumetric Primitives (2021), as in Scaffold-GS.
    """
    return (scales / unit).prod(dim=1).mean() if len(scales) else scales.sum()


def width_excess(gaussians: Gaussians3D, viewpoint: Float64[np.ndarray, "3"], allowed_rad: float) -> Float[Tensor, ""]:
    """By how much Gaussians look wider than `allowed_rad` from a place, all together; standard deviations.

    A sheet of fog before some cameras is cheap there, and veils everything for a camera between them. Its volume tells
    little, since it is thin (ours).
    """
    place = torch.from_numpy(viewpoint).to(gaussians.means)
    distances = (gaussians.means - place).norm(dim=1).clamp_min(LEAST_DISTANCE)
    return functional.relu(gaussians.scales.amax(dim=1) / distances - allowed_rad).sum()


def info_nce(
    attributes: Float[Tensor, "n a"],
    child_rows: Int64[Tensor, " c"],
    parent_rows: Int64[Tensor, " c"],
    negative_rows: Int64[Tensor, " j"],
    temperature: float,
) -> Float[Tensor, ""]:
    """How badly each child's parent is told from other anchors: mean of -log softmax of their similarity.

    Source: ProGS, Eq. 10, with two corrections. Attributes are scaled to length 1 (unnormalised products over 0.03
    overflow, and are minimised by growing attributes); the parent is one of the terms of the sum, or it is no softmax.
    All children of a step are told from the same negatives, which makes one matrix product of them.
    """
    unit = functional.normalize(attributes, dim=1)
    children = unit[child_rows]
    near = (children * unit[parent_rows]).sum(dim=1, keepdim=True)
    far = children @ unit[negative_rows].T
    logits = torch.cat([near, far], dim=1) / temperature
    return (torch.logsumexp(logits, dim=1) - logits[:, 0]).mean()
