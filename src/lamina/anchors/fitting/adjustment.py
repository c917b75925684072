# SPDX-License-Identifier: Apache-2.0
"""Changes of the octree during a fit: a state and what was observed enter, a state on another octree leaves."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, Int64

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.fitting.state import MASK_THRESHOLD, FitState, origins_of, with_layers
from lamina.anchors.fitting.training import FitInput, rows_in_view
from lamina.anchors.growth import GrowthRule, grow, prune
from lamina.anchors.picturing import painted
from lamina.cameras.camera import Camera
from lamina.errors import SignalError
from lamina.fitting.shots import size_within

LEAST_VISITS = 0.1
"""Anchors seen in less than this share of an interval's steps are not judged. Scaffold-GS: 0.8 of twice as many."""

OFF_MARGIN = 8.0
"""Logits of offsets that are not used any more, under the threshold."""

LEAST_WEIGHT_PX = 0.2
"""Offsets whose Gaussians weigh less than so many pixels together in every training view are not used any more."""

LEAST_ANCHORS = 2
"""Fewer have no spread that a probability model could learn."""


def adjust(state: FitState, config: AnchorFitConfig) -> FitState:
    """Removes anchors that hardly show, adds some where the loss pulls; statistics begin anew.

    Source: ProGS, sec. III-C.
    """
    growth, statistics = config.growth, state.statistics
    visited = statistics.visits >= LEAST_VISITS * growth.interval_steps
    faint = visited & (statistics.opacities < growth.opacity * np.maximum(statistics.visits, 1))
    centers = centers_of(state)
    significance = statistics.significance(growth.least_sightings * growth.interval_steps)
    layers = prune(state.layers, faint)
    kept = origins_of(layers, state.layers)
    state = with_layers(state, layers, np.full(len(kept), -1, np.int64))
    room = allowed_at(state.step, config) - state.count
    if room <= 0:
        return state
    rule = GrowthRule(growth.threshold, growth.layer_exponent, room)
    grown, source = grow(state.layers, state.lattice, centers[kept], significance[kept], rule)
    return with_layers(state, grown, source)


def allowed_at(step: int, config: AnchorFitConfig) -> int:
    """Anchors that there may be: rising evenly from the first to the limit while growing lasts, if it is paced."""
    first, limit, schedule = config.anchors.first, config.anchors.limit, config.schedule
    if not config.growth.is_paced:
        return limit
    share = (step / schedule.steps - schedule.grow_from) / max(schedule.grow_until - schedule.grow_from, 1e-9)
    return round(first + (limit - first) * min(max(share, 0.0), 1.0))


def centers_of(state: FitState) -> Float64[np.ndarray, "n k 3"]:
    """Where each anchor's Gaussians stand, world units."""
    _, scalings, offsets = state.columns(state.values.values)
    reach = torch.exp(scalings[:, :3]) * state.voxels
    centers = state.positions[:, None] + offsets.reshape(state.count, -1, 3) * reach[:, None]
    return centers.cpu().numpy().astype(np.float64)


def drop_unused(state: FitState, scene: FitInput) -> FitState:
    """Masks offsets that no training view shows, then removes leaves of which nothing is left.

    What an offset weighs in a view is the gradient of the picture's sum by its color: exact, occlusion included.

    Raises:
        SignalError: next to nothing is left.
    """
    left = without(state, state.used().cpu().numpy() & (weights_of(state, scene) >= LEAST_WEIGHT_PX))
    if left.count < LEAST_ANCHORS:
        camera = scene.camera(scene.capture.train[0])
        raise SignalError(
            f"{scene.capture.name}: {left.count} of {state.count} anchors show anything in views of {camera.width}x"
            f"{camera.height} pixels, expected at least {LEAST_ANCHORS}; take a larger scale, or check the poses"
        )
    return left


def drop_empty(state: FitState) -> FitState:
    """Removes leaves of which masks have left nothing: they never return, and cost time at every step."""
    return without(state, state.used().cpu().numpy())


def without(state: FitState, used: Bool[np.ndarray, "n k"]) -> FitState:
    """The state with no other offsets than these used, and no leaves of which nothing is left."""
    layers = prune(state.layers, empty_anchors(used))
    kept = origins_of(layers, state.layers)
    dropped = with_layers(state, layers, np.full(len(kept), -1, np.int64))
    unused = torch.from_numpy(~used[kept]).to(state.device)
    dropped.mask_logits.values[unused & dropped.used()] = mask_off()
    return dropped


def weights_of(state: FitState, scene: FitInput) -> Float32[np.ndarray, "n k"]:
    """Pixels that each offset's Gaussian weighs in the training view that shows most of it.

    Views of more pixels than a step takes are looked at smaller; what an offset weighs there counts for as many more.
    Each view is looked at from the top level and, where generators are told levels, from one below in turn: what gives
    way to finer anchors at the top may be all there is of a place at the base.
    """
    most = np.zeros((state.count, state.layout.offset_count), np.float32)
    top = state.lattice.layer_count - 1
    for number, view in enumerate(scene.capture.train):
        camera, pixels = bounded(scene.camera(view), scene.config.schedule.step_pixels)
        levels = (top, number % top) if state.networks.heads.is_level_conditioned else (top,)
        for level in levels:
            rows, found = weights_in_view(state, camera, level, scene.near)
            most[rows] = np.maximum(most[rows], pixels * found)
    return most


def bounded(camera: Camera, pixels: int) -> tuple[Camera, np.float32]:
    """The camera with at most about so many pixels, and how many of its own each of these is."""
    width, height = size_within(camera, pixels)
    if (width, height) == (camera.width, camera.height):
        return camera, np.float32(1.0)
    return camera.resized(width, height), np.float32(camera.width * camera.height / (width * height))


def weights_in_view(
    state: FitState, camera: Camera, level: int, near: float = 0.0
) -> tuple[Int64[np.ndarray, " v"], Float32[np.ndarray, "v k"]]:
    """Rows of a level that are in view, and pixels that each of their offsets' Gaussians weighs there."""
    rows = rows_in_view(state, camera, near)
    rows = rows[rows < int(state.starts[level + 1])]
    if not len(rows):
        return np.zeros(0, np.int64), np.zeros((0, state.layout.offset_count), np.float32)
    with torch.no_grad():
        anchors = state.anchors(rows, state.values.values[rows], state.used()[rows].float(), level)
    found = painted(anchors, state.networks.heads.detached(), camera)[:, :, 1]
    return rows.cpu().numpy(), found.cpu().numpy()


def empty_anchors(used: Bool[np.ndarray, "n k"]) -> Bool[np.ndarray, " n"]:
    """Anchors of which no offset is used."""
    return np.logical_not(used.max(axis=1))


def mask_off() -> float:
    """A logit that is under the threshold for good."""
    return math.log(MASK_THRESHOLD / (1 - MASK_THRESHOLD)) - OFF_MARGIN
