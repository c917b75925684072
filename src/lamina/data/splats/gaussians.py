# SPDX-License-Identifier: Apache-2.0
"""A cloud and a viewpoint enter, Gaussians for the renderer leave; and back.

Not in the package's `__init__`, since it needs torch.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.data.splats.cloud import SplatCloud, cloud_of_linear
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spherical_harmonics import FLAT, MIDDLE, evaluate


def gaussians_seen_from(cloud: SplatCloud, position: Float[np.ndarray, "3"]) -> Gaussians3D:
    """What a camera at `position` (world units) sees: colors of the direction from it to each mean."""
    means = torch.from_numpy(cloud.means)
    directions = means - torch.as_tensor(np.asarray(position, np.float32))
    return Gaussians3D(
        means,
        torch.from_numpy(cloud.rotations),
        torch.from_numpy(cloud.scales),
        torch.from_numpy(cloud.opacities),
        evaluate(torch.from_numpy(cloud.sh), directions),
    )


def cloud_of_gaussians(gaussians: Gaussians3D, sh: Float[Tensor, "n c 3"] | None = None) -> SplatCloud:
    """A cloud with these harmonics; without them, of degree 0 with the colors that the Gaussians have.

    Raises:
        ValueError: harmonics of another number of Gaussians, or that fill no degree 0...3.
    """
    if sh is None:
        sh = ((gaussians.colors - MIDDLE) / FLAT)[:, None]
    means, rotations, scales, opacities, _ = (tensor.detach().cpu().numpy() for tensor in gaussians.tensors())
    return cloud_of_linear(means, rotations, scales, opacities, sh.detach().cpu().numpy())
