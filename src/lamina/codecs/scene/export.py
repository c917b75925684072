# SPDX-License-Identifier: Apache-2.0
"""A scene whose Gaussians depend on the view enters; Gaussians that every 3DGS viewer can show leave.

Anchors make other Gaussians for every camera; files of other tools hold one set. So the generators are asked from many
viewpoints, and each Gaussian gets what fits all answers best, weighted by its opacity there: the mean opacity, the
geometric mean of scales, the mean of aligned quaternions, and spherical harmonics by least squares for colors. The idea
of fitting harmonics is from the threads of users who wanted their Scaffold-GS models shown (Scaffold-GS, pull request
113); the weights and the shapes are ours.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from lamina.anchors.neural import COVARIANCE_OUTPUTS, Anchors, Heads, head_inputs
from lamina.codecs.scene.model import SceneModel
from lamina.data.splats.cloud import SplatCloud, cloud_of_linear
from lamina.render.spherical_harmonics import basis

VIEWPOINTS = 32
"""Asked at most, evenly chosen among those given: time grows with them."""

DEGREE = 2
"""Of the harmonics: generators are smooth in the direction, and degree 3 doubles the file."""

RIDGE = 1e-2
"""Pulls harmonics above degree 0 towards 0, relative to the weight seen: a Gaussian that few viewpoints see keeps to
its mean color in directions that none of them looked from."""

FAINTEST = 1.0 / 255.0
"""Opacity under which no renderer draws."""

CHUNK_ANCHORS = 4096
"""Anchors at a time: bounds memory to some hundred megabytes."""


def export_cloud(model: SceneModel, viewpoints: Float64[np.ndarray, "m 3"], degree: int = DEGREE) -> SplatCloud:
    """One set of Gaussians for all views. `viewpoints` are where the scene may be looked at from, world units.

    Raises:
        ValueError: no viewpoint, or a degree outside 0...3.
    """
    if len(viewpoints) == 0:
        raise ValueError("expected at least one viewpoint to look at the scene from")
    chosen = viewpoints[np.linspace(0, len(viewpoints) - 1, min(VIEWPOINTS, len(viewpoints))).round().astype(int)]
    places = torch.from_numpy(chosen.astype(np.float32))
    anchors = model.anchors()
    with torch.inference_mode():
        parts = [
            _export_chunk(anchors.select(slice(start, start + CHUNK_ANCHORS)), model.heads, places, degree)
            for start in range(0, len(anchors), CHUNK_ANCHORS)
        ]
    means, rotations, scales, opacities, sh = (
        torch.cat(columns).numpy() if columns else np.zeros((0, 1)) for columns in zip(*parts, strict=True)
    )
    return cloud_of_linear(means, rotations, scales, opacities, sh)


def _export_chunk(
    anchors: Anchors, heads: Heads, places: Float[Tensor, "m 3"], degree: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Means, rotations, scales, opacities and harmonics of the Gaussians of some anchors."""
    count, per_anchor = anchors.masks.shape
    reach, size = anchors.scalings[:, None, :3], anchors.scalings[:, None, 3:]
    means = (anchors.positions[:, None] + anchors.offsets * reach).reshape(-1, 3)
    terms = (degree + 1) ** 2
    weights = means.new_zeros(len(means))
    log_scales, rotations = means.new_zeros(len(means), 3), means.new_zeros(len(means), 4)
    normal, moment = means.new_zeros(len(means), terms, terms), means.new_zeros(len(means), terms, 3)
    first: Tensor | None = None
    for place in places:
        inputs = head_inputs(anchors, heads, place)
        opacity = (torch.tanh(heads.opacity(inputs)) * anchors.masks).clamp_min(0).reshape(-1)
        shape = heads.covariance(inputs).reshape(count, per_anchor, COVARIANCE_OUTPUTS)
        quaternions = torch.nn.functional.normalize(shape[..., 3:], dim=-1).reshape(-1, 4)
        first = quaternions if first is None else first
        aligned = quaternions * torch.where((quaternions * first).sum(1, keepdim=True) < 0, -1.0, 1.0)
        seen = basis(torch.nn.functional.normalize(means - place, dim=1), degree) * opacity[:, None].sqrt()
        color = (torch.sigmoid(heads.color(inputs)).reshape(-1, 3) - 0.5) * opacity[:, None].sqrt()
        weights += opacity
        log_scales += opacity[:, None] * torch.log(size * torch.sigmoid(shape[..., :3])).reshape(-1, 3)
        rotations += opacity[:, None] * aligned
        normal += seen[:, :, None] * seen[:, None, :]
        moment += seen[:, :, None] * color[:, None, :]
    opacities = weights / len(places)
    kept = torch.nonzero(opacities > FAINTEST).reshape(-1)
    weights, normal, moment = weights[kept], normal[kept], moment[kept]
    penalty = torch.full((terms,), RIDGE).index_fill(0, torch.tensor([0]), 1e-6)
    sh = torch.linalg.solve(normal + torch.diag(penalty) * weights[:, None, None], moment)
    scales = torch.exp(log_scales[kept] / weights[:, None])
    return means[kept], rotations[kept], scales, opacities[kept].clamp_max(1.0), sh
