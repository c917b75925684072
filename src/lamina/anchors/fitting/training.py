# SPDX-License-Identifier: Apache-2.0
"""One step of the fit: a view enters; anchors, generators and probability model descend.

rows in view - values (+ noise) - Gaussians - top level, a lower level ─► photometric loss, volume
                     ├─ parents and children ─► InfoNCE
                     └─ bits of some rows ─► rate
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.context.layout import BASE_STEPS
from lamina.anchors.fitting.context_model import add_step_noise
from lamina.anchors.fitting.losses import info_nce, volume, width_excess
from lamina.anchors.fitting.relations import Known
from lamina.anchors.fitting.schedule import Stage, rates_at, stage_at
from lamina.anchors.fitting.state import FitState, soft_masks
from lamina.anchors.neural import generate, in_view
from lamina.cameras.camera import Camera
from lamina.data.captures import Capture
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spatial import SpatialImage, render_spatial

VOLUME_UNITS = 5.0
"""Units that the cameras' extent has where the volume term's weight was chosen: Mip-NeRF 360's."""

BITS_MEMORY = 0.01
"""Weight of a step in the running mean of bits."""

LEAST_SAMPLE = 512
"""Anchors whose bits are counted, at least."""

FULL_PRICE_SHARE = 0.5
"""A bit costs lambda over all values in view, so the more the fewer anchors are left; from this share of those that
there were on it costs no more, or what is left would be dropped ever faster until little is (fern, lambda .008)."""

TYPICAL_SHARE = 0.35
"""Of all anchors, what a step sees in captures that were taken all around. Where it sees more, masks learn at each step
of more of them, and are as much slower: forward-facing captures lost nine tenths of their anchors."""


@dataclass(frozen=True, eq=False)
class FitInput:
    """What a fit reads."""

    capture: Capture
    config: AnchorFitConfig
    device: torch.device

    @cached_property
    def background(self) -> tuple[float, float, float]:
        """Behind everything, 0...1."""
        red, green, blue = self.capture.background
        return red / 255.0, green / 255.0, blue / 255.0

    @property
    def near(self) -> float:
        """World units before a camera in which it sees no anchor."""
        return self.config.anchors.near_share * self.capture.camera_extent

    def camera(self, view: int) -> Camera:
        """Of a view."""
        return self.capture.views[view].camera

    def target(self, view: int) -> Float[Tensor, "h w 3"]:
        """What it saw, 0...1."""
        return torch.tensor(self.capture.pixels(view), device=self.device).float() / 255.0


@dataclass(frozen=True, eq=False)
class Seen:
    """What a view shows of the state, in the graph."""

    rows: Int64[Tensor, " v"]
    values: Float[Tensor, "v c"]
    """Leaf."""
    logits: Float[Tensor, "v k"]
    """Leaf."""
    masks: Float[Tensor, "v k"]
    steps: Float[Tensor, "v 3"] | None
    """Quantiser steps, where there is noise."""
    noisy: Float[Tensor, "v c"]
    gaussians: Gaussians3D
    sources: Int64[Tensor, " m"]
    """Of each Gaussian: index into rows * k + offset."""


def take_step(scene: FitInput, state: FitState) -> float:
    """Descends on the next view; returns the squared error of the top level. Chance depends on seed and step alone."""
    state.step += 1
    random = np.random.default_rng((scene.config.seed, state.step))
    noise = torch.Generator(state.device).manual_seed(scene.config.seed * 1_000_003 + state.step)
    view = view_at(scene, state.step)
    stage = stage_at(state.step, scene.config)
    shot = Shot(scene.camera(view), scene.target(view))
    shot = (shot.halved() if stage.is_half_size else shot).part(scene.config.schedule.step_pixels, random)
    seen = look(state, shot.camera, stage, noise, scene.near)
    pulls = torch.zeros(len(seen.gaussians), 2, device=state.device, requires_grad=True)
    image = render_spatial(seen.gaussians, shot.camera, background=scene.background, screen_offsets_px=pulls)
    loss = photometric(image.pixels, shot.target, scene.config.loss.ssim)
    unit = scene.capture.camera_extent / VOLUME_UNITS
    loss = loss + scene.config.loss.volume * volume(seen.gaussians.scales, unit)
    if scene.config.loss.width_excess > 0:
        excess = width_excess(seen.gaussians, shot.camera.position_world, scene.config.loss.allowed_width_rad)
        loss = loss + scene.config.loss.width_excess * excess
    if stage.has_lower_levels:
        loss = loss + lower_levels(scene, state, seen, shot, stage, random)
    if scene.config.loss.info_nce > 0 and state.lattice.layer_count > 1:
        loss = loss + scene.config.loss.info_nce * kinship(scene.config, state, seen, random)
    if stage.has_rate:
        state.rated_count = state.rated_count or state.count
        loss = loss + rate(scene.config, state, seen, random, noise)
    loss.backward()
    if stage.grows:
        observe(state, seen, image, pulls, shot, stage.least_opacity)
    descend(scene.config, state, seen, stage)
    return float((image.pixels.detach() - shot.target).square().mean())


def view_at(scene: FitInput, step: int) -> int:
    """Each training view once in a sweep, every sweep in another order."""
    views = scene.capture.train
    sweep, place = divmod(step - 1, len(views))
    return views[int(np.random.default_rng((scene.config.seed, 1, sweep)).permutation(len(views))[place])]


def look(state: FitState, camera: Camera, stage: Stage, noise: torch.Generator, near: float = 0.0) -> Seen:
    """Gaussians of all levels, for a camera that sees none nearer than `near`."""
    rows = rows_in_view(state, camera, near)
    values, logits = state.values.leaf(rows), state.mask_logits.leaf(rows)
    masks = soft_masks(logits)
    steps, noisy = None, values
    if stage.has_noise:
        context = state.networks.context
        steps = context.steps(parent_summaries(state, rows), state.relations, rows)
        noisy = add_step_noise(values, steps, state.layout, noise)
    place = torch.from_numpy(camera.position_world).to(noisy)
    anchors = state.anchors(rows, noisy, masks)
    gaussians, sources = generate(anchors, state.networks.heads, place, stage.least_opacity)
    return Seen(rows, values, logits, masks, steps, noisy, gaussians, sources)


@torch.no_grad()
def rows_in_view(state: FitState, camera: Camera, near: float = 0.0) -> Int64[Tensor, " v"]:
    """Anchors that may show, in order."""
    sizes = torch.exp(state.columns(state.values.values)[1].contiguous()) * state.voxels
    nothing = sizes[:, :0]
    return torch.nonzero(in_view(Anchors(state.positions, nothing, sizes, nothing, nothing), camera, near)).reshape(-1)


@torch.no_grad()
def parent_summaries(state: FitState, rows: Int64[Tensor, " v"]) -> Float[Tensor, "v p"]:
    """Features and scalings of parents: all that steps are told of other anchors; zeros in layer 0."""
    relations, columns = state.relations, state.layout.summary_channels
    summaries = state.values.values[:, :columns]
    return summaries.index_select(0, relations.parents[rows]) * relations.has_parent[rows]


@torch.no_grad()
def known_of_rows(state: FitState, rows: Int64[Tensor, " v"], noise: torch.Generator) -> Known:
    """What a decoder would know of other anchors, about: with noise for rounding."""
    relations, values = state.relations, state.values.values
    parents, neighbors = relations.parents[rows], relations.neighbors[rows]

    def rounded(wanted: Tensor) -> Tensor:
        steps = state.networks.context.layer_steps[relations.layers[wanted]]
        base = torch.exp2(steps) * steps.new_tensor(BASE_STEPS)
        return add_step_noise(values.index_select(0, wanted), base, state.layout, noise)

    parent = rounded(parents) * relations.has_parent[rows]
    if not state.layout.shape.uses_neighbors:
        return Known(parent, torch.zeros_like(parent))
    weights = relations.neighbor_weights[rows]
    near = rounded(neighbors[:, 0]) * weights[:, :1] + rounded(neighbors[:, 1]) * weights[:, 1:]
    return Known(parent, near)


def lower_levels(
    scene: FitInput, state: FitState, seen: Seen, shot: Shot, stage: Stage, random: np.random.Generator
) -> Float[Tensor, ""]:
    """Photometric loss of lower levels: of all (ProGS, Eq. 12, without its top term) or of one in turn."""
    loss, below = scene.config.loss, state.lattice.layer_count - 1
    total = shot.target.new_zeros(())
    if loss.coarse_to_fine == "off" or below == 0:
        return total
    levels = range(below) if loss.coarse_to_fine == "all" else (state.step % below,)
    for level in levels:
        gaussians = lower_gaussians(state, seen, level, shot.camera, stage.least_opacity)
        own = shot.halved() if level < loss.half_size_levels and not stage.is_half_size else shot
        own = own.part(loss.lower_pixels, random)
        image = render_spatial(gaussians, own.camera, background=scene.background)
        total = total + loss.lower_weight * photometric(image.pixels, own.target, loss.ssim)
    return total


def lower_gaussians(state: FitState, seen: Seen, level: int, camera: Camera, least_opacity: float) -> Gaussians3D:
    """What is seen of a lower level: generated for it; the first of all Gaussians if generators are not told levels."""
    heads, anchors = state.networks.heads, int(torch.searchsorted(seen.rows, int(state.starts[level + 1])))
    if not heads.is_level_conditioned:
        count = int(torch.searchsorted(seen.sources, anchors * state.layout.offset_count))
        return Gaussians3D(*(tensor[:count] for tensor in seen.gaussians.tensors()))
    first = state.anchors(seen.rows[:anchors], seen.noisy[:anchors], seen.masks[:anchors], level)
    place = torch.from_numpy(camera.position_world).to(seen.noisy)
    return generate(first, heads, place, least_opacity)[0]


def kinship(config: AnchorFitConfig, state: FitState, seen: Seen, random: np.random.Generator) -> Float[Tensor, ""]:
    """InfoNCE between some of the anchors in view and their parents, where these are in view too."""
    loss, rows = config.loss, seen.rows.cpu().numpy()
    children = random.choice(len(rows), round(loss.info_nce_share * len(rows)), replace=False)
    wanted = state.parents[rows[children]]
    places = np.minimum(np.searchsorted(rows, np.maximum(wanted, 0)), len(rows) - 1)
    there = (wanted >= 0) & (rows[places] == wanted)
    if not there.any():
        return seen.noisy.new_zeros(())
    negatives = random.integers(0, len(rows), loss.info_nce_negatives)
    child, parent, other = (
        torch.from_numpy(array).to(state.device) for array in (children[there], places[there], negatives)
    )
    return info_nce(seen.noisy, child, parent, other, loss.info_nce_temperature)


def rate(
    config: AnchorFitConfig, state: FitState, seen: Seen, random: np.random.Generator, noise: torch.Generator
) -> Float[Tensor, ""]:
    """Lambda times the mean bits of a value, from some of the anchors in view, plus the hash grid's share.

    Source: ProGS, Eq. 18, as HAC samples it.
    """
    assert seen.steps is not None
    count = min(len(seen.rows), max(LEAST_SAMPLE, round(config.context.sample_share * len(seen.rows))))
    if count == 0:
        return seen.noisy.new_zeros(())
    chosen = torch.from_numpy(np.sort(random.choice(len(seen.rows), count, replace=False))).to(state.device)
    rows, context = seen.rows[chosen], state.networks.context
    known, steps = known_of_rows(state, rows, noise), seen.steps[chosen]
    if config.context.true_rounding:
        _, bits = context.quantized(seen.values[chosen], steps, known, state.relations, rows)
    else:
        bits = context.bits(seen.noisy[chosen], steps, known, state.relations, rows)
    masks = seen.masks[chosen] if config.context.masks else seen.masks[chosen].detach()
    channels, per_anchor = state.layout.channels, bits.total(masks).mean()
    state.bits_per_anchor += BITS_MEMORY * (per_anchor.item() - state.bits_per_anchor)
    price = state.rate_weight * min(1.0, state.count / max(FULL_PRICE_SHARE * state.rated_count, 1.0))
    return price * (per_anchor + context.hash_bits() / state.count) / channels


@torch.no_grad()
def observe(
    state: FitState,
    seen: Seen,
    image: SpatialImage,
    pulls: Float[Tensor, "m 2"],
    shot: Shot,
    least_opacity: float,
) -> None:
    """Notes what growing and pruning go by; Gaussians that are drawn only because all are count as not there."""
    assert pulls.grad is not None
    # As if the whole picture had been looked at: its mean counts each pixel less, and its half is longer.
    half = pulls.new_tensor([shot.camera.width / 2, shot.camera.height / 2]) * math.sqrt(shot.share)
    gradients = (pulls.grad * half).norm(dim=1).cpu().numpy()
    k = state.layout.offset_count
    rows, sources = seen.rows.cpu().numpy(), seen.sources.cpu().numpy()
    opacities = seen.gaussians.opacities.cpu().numpy()
    opacities = np.where(opacities > least_opacity, opacities, np.float32(0.0))
    drawn = image.radii_px.cpu().numpy() > 0
    state.statistics.observe(rows, rows[sources // k] * k + sources % k, gradients, drawn, opacities, 1.0 / shot.share)


def descend(config: AnchorFitConfig, state: FitState, seen: Seen, stage: Stage) -> None:
    """One step of Adam on everything."""
    rates = rates_at(state.step, config, state.layout)
    if seen.values.grad is not None:
        state.values.descend(seen.rows, seen.values.grad, rates.values.to(state.device), state.step)
    if stage.has_rate and config.context.masks and seen.logits.grad is not None:
        slower = min(1.0, TYPICAL_SHARE * state.count / max(len(seen.rows), 1))
        mask_rates = torch.full((state.layout.offset_count,), slower * rates.masks).to(state.device)
        state.mask_logits.descend(seen.rows, seen.logits.grad, mask_rates, state.step)
    networks = state.networks
    for group, own in zip(networks.head_optimizer.param_groups, rates.heads, strict=True):
        group["lr"] = own
    networks.head_optimizer.step()
    networks.head_optimizer.zero_grad(set_to_none=True)
    if stage.has_noise:
        for group, own in zip(networks.context_optimizer.param_groups, rates.context, strict=True):
            group["lr"] = own
        networks.context_optimizer.step()
        networks.context_optimizer.zero_grad(set_to_none=True)
