# SPDX-License-Identifier: Apache-2.0
"""A scene whose Gaussians depend on the view enters; Gaussians that every 3DGS viewer can show leave.

Anchors make other Gaussians for every camera; files of other tools hold one set. So the generators are asked from many
cameras, and each Gaussian gets what fits all answers best, weighted by its opacity there and by whether the camera sees
it: the mean opacity, the geometric mean of scales, the mean of aligned quaternions, and spherical harmonics by least
squares for colors. From there Gaussians descend on what the scene itself shows (`descent.py`). The idea of fitting
harmonics is from the threads of users who wanted their Scaffold-GS models shown (Scaffold-GS, pull request 113); the
weights, the shapes and the descent are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.assembly import COVARIANCE_OUTPUTS
from lamina.anchors.exporting.descent import fit_to_subject
from lamina.anchors.exporting.subject import Subject
from lamina.anchors.neural import Heads, head_inputs, in_view
from lamina.cameras.around import evenly, views_around
from lamina.cameras.camera import Camera
from lamina.data.splats.cloud import SplatCloud, cloud_of_linear
from lamina.render.spherical_harmonics import MAX_DEGREE, basis

VIEWS = 100
"""Cameras to fit to: of the stream, and around and between those."""

ASKED_VIEWS = 48
"""Of them, so many at most are asked for Gaussians: time grows with them."""

FIT_STEPS = 1_600
"""About three quarters of a minute for 46,000 Gaussians at 400x267 on one core. Bonsai's held-out views lose 2.1 dB
without a fit, 0.49 with 400 steps, 0.31 with 800, 0.19 with 1,600."""

LEAST_FITTED = 3
"""Cameras that the stream must keep for a fit: with one, other views became 0.3 dB worse; with three, 2.9 dB better
(bonsai, the scene's own views)."""

DEGREE = 2
"""Of the harmonics: generators are smooth in the direction; degree 3 gains 0.1 dB after 800 steps, at 1.5 times the
size of a .ply."""

RIDGE = 1e-2
"""Pulls harmonics above degree 0 towards 0, relative to the weight seen: a Gaussian that few viewpoints see keeps to
its mean color in directions that none of them looked from."""

UNSEEN_WEIGHT = 1e-3
"""Of a camera that does not see an anchor, where one that does has 1: it counts where no other does."""

FAINTEST = 1.0 / 255.0
"""Opacity under which no renderer draws."""

CHUNK_ANCHORS = 4096
"""Anchors at a time: bounds memory to some hundred megabytes."""


def export_cloud(
    subject: Subject,
    *,
    degree: int = DEGREE,
    fit_steps: int = FIT_STEPS,
    report: Callable[[float], None] = lambda done: None,
) -> SplatCloud:
    """One set of Gaussians for all views; `report` gets the share that is done, 0...1, and may raise to stop.

    `fit_steps` of 0 leaves it at the means over cameras. So does a stream with fewer than `LEAST_FITTED` cameras:
    nobody knows where its scene is looked at from, and what is fitted to some views is worse in others.

    Raises:
        ValueError: a degree outside 0...3, or fewer than 0 steps.
    """
    if not 0 <= degree <= MAX_DEGREE or fit_steps < 0:
        raise ValueError(f"expected degree 0...{MAX_DEGREE} and 0 or more steps, got {degree} and {fit_steps}")
    views = views_around(subject.cameras, subject.unit, VIEWS)
    cloud = mean_cloud(subject, evenly(views, ASKED_VIEWS), degree)
    if fit_steps and len(subject.cameras) >= LEAST_FITTED and len(cloud):
        cloud = fit_to_subject(cloud, subject, views, fit_steps, report)
        cloud = cloud.selected(cloud.opacities > FAINTEST)
    report(1.0)
    return cloud


def mean_cloud(subject: Subject, cameras: Sequence[Camera], degree: int) -> SplatCloud:
    """What fits all answers best; without cameras, from all of its viewpoints, as if they saw everything."""
    sights: list[tuple[Tensor, Camera | None]]
    if cameras:
        sights = [(torch.from_numpy(camera.position_world.astype(np.float32)), camera) for camera in cameras]
    else:
        sights = [(place, None) for place in torch.from_numpy(subject.viewpoints.astype(np.float32))]
    anchors = subject.anchors
    with torch.inference_mode():
        starts = range(0, max(len(anchors), 1), CHUNK_ANCHORS)
        chunks = (anchors.select(slice(start, start + CHUNK_ANCHORS)) for start in starts)
        parts = [_mean_chunk(chunk, subject.heads, sights, degree) for chunk in chunks]
    means, rotations, scales, opacities, sh = (torch.cat(columns).numpy() for columns in zip(*parts, strict=True))
    return cloud_of_linear(means, rotations, scales, opacities, sh)


def _mean_chunk(
    anchors: Anchors, heads: Heads, sights: Sequence[tuple[Float[Tensor, " 3"], Camera | None]], degree: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Means, rotations, scales, opacities and harmonics of the Gaussians of some anchors."""
    used = torch.nonzero(anchors.masks.reshape(-1) > 0).reshape(-1)
    rows = used // max(anchors.masks.shape[1], 1)
    reach, size, masks = anchors.scalings[rows, :3], anchors.scalings[rows, 3:], anchors.masks.reshape(-1)[used]
    means = anchors.positions[rows] + anchors.offsets.reshape(-1, 3)[used] * reach
    terms = (degree + 1) ** 2
    views, weights = means.new_zeros(len(means)), means.new_zeros(len(means))
    log_scales, rotations = means.new_zeros(len(means), 3), means.new_zeros(len(means), 4)
    normal, moment = means.new_zeros(len(means), terms, terms), means.new_zeros(len(means), terms, 3)
    first: Tensor | None = None
    for place, camera in sights:
        inputs = head_inputs(anchors, heads, place)
        view = torch.ones_like(masks) if camera is None else in_view(anchors, camera)[rows].float()
        view = view.clamp_min(UNSEEN_WEIGHT)
        weight = view * (torch.tanh(heads.opacity(inputs)).reshape(-1)[used] * masks).clamp_min(0)
        shape = heads.covariance(inputs).reshape(-1, COVARIANCE_OUTPUTS)[used]
        quaternions = torch.nn.functional.normalize(shape[:, 3:], dim=1)
        first = quaternions if first is None else first
        aligned = quaternions * torch.where((quaternions * first).sum(1, keepdim=True) < 0, -1.0, 1.0)
        seen = basis(torch.nn.functional.normalize(means - place, dim=1), degree) * weight[:, None].sqrt()
        color = (torch.sigmoid(heads.color(inputs)).reshape(-1, 3)[used] - 0.5) * weight[:, None].sqrt()
        views += view
        weights += weight
        log_scales += weight[:, None] * torch.log(size * torch.sigmoid(shape[:, :3]))
        rotations += weight[:, None] * aligned
        normal += seen[:, :, None] * seen[:, None, :]
        moment += seen[:, :, None] * color[:, None, :]
    opacities, scales = weights / views, torch.exp(log_scales / weights[:, None])
    finite = torch.isfinite(means).all(dim=1) & torch.isfinite(scales).all(dim=1)
    kept = torch.nonzero((opacities > FAINTEST) & finite).reshape(-1)
    weights = weights[kept]
    penalty = torch.full((terms,), RIDGE).index_fill(0, torch.tensor([0]), 1e-6)
    sh = torch.linalg.solve(normal[kept] + torch.diag(penalty) * weights[:, None, None], moment[kept])
    return means[kept], rotations[kept], scales[kept], opacities[kept].clamp_max(1.0), sh
