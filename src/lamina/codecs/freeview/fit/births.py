# SPDX-License-Identifier: Apache-2.0
"""Where the error is new, anchors are born: pictures and what is shown of a frame enter, guests leave.

    errors of all views ─ hull ─► places where most views miss something ─► cells of a layer
    anchors at rest of like color ─► first values ─ some steps ─► values ─ quantise ─► guests, if they are worth it

Nothing at rest can become a person who enters. What is new is where nearly all views that see a place have an error
there: the visual hull of the errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, UInt8
from torch import Tensor

from lamina.anchors.anchors import Anchors, beside
from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.context.layout import VALUE_BITS
from lamina.anchors.layers import AnchorLayer, anchors_in, lattice_of
from lamina.anchors.neural import Heads, head_inputs
from lamina.anchors.octree import Indices, indices_of, morton_keys
from lamina.anchors.picturing import painted, seen_from, shown
from lamina.anchors.syntax import SCALING_COUNT
from lamina.codecs.freeview.config import BirthConfig
from lamina.codecs.freeview.fit.rebirth import quantized
from lamina.codecs.freeview.fit.standing import Standing, standing
from lamina.codecs.freeview.guests import MAX_GUESTS, moved_guests, pack_births
from lamina.codecs.freeview.model import FreeviewModel
from lamina.codecs.freeview.rest import Rest
from lamina.data.captures.hull import LEAST_VIEWS, SeenCube, Silhouette, carved_while_any, hull_points
from lamina.data.captures.point_cloud import PointCloud
from lamina.fitting.adam import Parameter
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.render.gaussians3d import Gaussians3D

RATES = (0.1, 0.05, 0.15)
"""Of Adam: features, log scalings, offsets. Ten times those at rest: there are few steps."""

FINAL_RATE = 0.1
"""Of the first rates, at the last step."""

LEAST_WEIGHT_PX = 0.3
"""Gaussians that weigh less in every view are not sent, and guests without any leave."""

LESS_SHARE = 0.15
"""Of views that must miss something, so many fewer for each finer layer: what is nearly right is right for some."""

LEAST_FREE = 0.25
"""Of the cells in which something is missing, so many must be without a guest; otherwise finer guests come."""

LEAST_OPACITY = 0.006
"""Under which a Gaussian would feel nothing while it learns (`AnchorConfig.least_opacity`)."""

SSIM_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Stage:
    """What births are looked for on."""

    rest: Rest
    context: FixedContext
    shots: Sequence[Shot]
    """What each training camera saw, evened."""
    model: FreeviewModel
    """The frame without births, top level."""
    cube: SeenCube
    """In which new things are looked for, as the cameras of the shots see it."""

    def shown(self, anchors: Anchors, shot: Shot) -> Float[Tensor, "h w 3"]:
        """What a camera sees of anchors, differentiable in these."""
        return shown(anchors, self.heads, shot.camera, self.model.background, self.rest.facts.near)

    @cached_property
    def heads(self) -> Heads:
        """Generators, outside any graph."""
        return self.rest.networks.detached()

    @cached_property
    def pictures(self) -> list[Float[Tensor, "h w 3"]]:
        """What each camera sees without births."""
        with torch.no_grad():
            return [self.shown(self.model.anchors, shot) for shot in self.shots]

    def generated(self, anchors: Anchors, shot: Shot, least_opacity: float = 0.0) -> Gaussians3D:
        """The Gaussians of anchors for a camera, differentiable in these."""
        return seen_from(anchors, self.heads, shot.camera, self.rest.facts.near, least_opacity)[0]

    def views(self, guests: Anchors) -> list[Standing]:
        """All views, where these guests are to come."""
        with torch.no_grad():
            return [
                standing(
                    self.generated(self.model.anchors, shot),
                    self.generated(guests, shot, LEAST_OPACITY),
                    pixels,
                    shot,
                    self.model.background,
                )
                for shot, pixels in zip(self.shots, self.pictures, strict=True)
            ]


class Place(NamedTuple):
    """Where guests come."""

    layer: int
    cells: Indices


def born(
    stage: Stage, config: BirthConfig, rate_weight: float, seed: tuple[int, int], first_layer: int = 0
) -> tuple[int, AnchorLayer] | None:
    """A layer, `first_layer` or a finer one, and guests of it that are worth their bits; None where nothing is new.

    What is new comes in cells of layer 0; where a guest stands already and it is not enough, in those of the next.
    """
    shares = [config.least_share - LESS_SHARE * layer for layer in range(stage.model.level + 1)]
    found = carved_while_any(stage.cube, _errors(stage, config), shares[-1], config.least_cells)
    if found is None or sum(bool(one.mask.any()) for one in found[0]) < LEAST_VIEWS:
        return None
    errors, cube = found
    for layer in range(first_layer, len(shares)):
        points = hull_points(errors, cube, shares[layer])
        cells, colors, free_share = _cells_of(stage, layer, points, config)
        if len(cells) >= config.least_cells and free_share >= LEAST_FREE:
            grown = _grown(stage, config, Place(layer, cells), colors, seed)
            is_worth_it = grown is not None and _pays(stage, config, layer, grown, rate_weight)
            return (layer, grown) if grown is not None and is_worth_it else None
    return None


def _grown(
    stage: Stage, config: BirthConfig, place: Place, colors: Float64[np.ndarray, "m 3"], seed: tuple[int, int]
) -> AnchorLayer | None:
    """Guests in these cells that show something."""
    values, used = _first_values(stage, colors)
    own = _anchors_of(stage.rest, place, torch.from_numpy(values.astype(np.float32)), used)
    views = stage.views(own)
    values = _learned(stage, config, place, values, used, views, seed)
    own = _anchors_of(stage.rest, place, torch.from_numpy(values.astype(np.float32)), used)
    weight = _weights_among(stage, own, views).numpy()
    used = used * (weight >= LEAST_WEIGHT_PX)
    kept = used.max(axis=1) > 0
    if int(kept.sum()) < config.least_cells:
        return None
    return quantized(stage.rest, stage.context, place.layer, place.cells[kept], values[kept], used[kept])


def _errors(stage: Stage, config: BirthConfig) -> Iterator[Silhouette]:
    """Where each view misses something, found when it is asked for."""
    for shot, seen in zip(stage.shots, stage.pictures, strict=True):
        error = (seen - shot.target).abs().mean(dim=2)
        smooth = torch.nn.functional.avg_pool2d(error[None], 3, 1, 1)[0]
        mask = (smooth > config.error).to(torch.uint8).numpy()
        pixels = (shot.target * 255).round().to(torch.uint8).numpy()
        yield Silhouette(shot.camera, mask, pixels)


def _cells_of(
    stage: Stage, layer: int, points: PointCloud, config: BirthConfig
) -> tuple[Indices, Float64[np.ndarray, "m 3"], float]:
    """Cells with points in which no guest of the layer stands, in Morton order; colors there; the share so free."""
    lattice = lattice_of(stage.rest.facts.anchors)
    inside = lattice.contains(points.positions)
    keys = morton_keys(lattice.locate(points.positions[inside], layer))
    taken = np.zeros(0, np.uint64)
    if stage.model.guests[layer].count:
        present = moved_guests(stage.rest.facts, layer, stage.model.guests[layer])
        taken = morton_keys(lattice.locate(present.positions.numpy().astype(np.float64), layer))
    unique, rows, counts = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.zeros((len(unique), 3))
    np.add.at(means, rows.reshape(-1), points.colors[inside] / 255.0)
    means /= np.maximum(counts, 1)[:, None]
    free = np.flatnonzero(~np.isin(unique, taken))
    room = min(config.most, MAX_GUESTS - stage.model.guests[layer].count)
    fullest = np.sort(free[np.argsort(-counts[free], kind="stable")[:room]])
    return indices_of(unique[fullest]), means[fullest], len(free) / max(len(unique), 1)


def _first_values(
    stage: Stage, colors: Float64[np.ndarray, "m 3"]
) -> tuple[Float64[np.ndarray, "m c"], UInt8[np.ndarray, "m k"]]:
    """Of each, the values and masks of the anchor of layer 0 at rest whose color is nearest; all offsets are used."""
    layer = stage.rest.layers[0]
    live = np.flatnonzero(layer.is_live)
    anchors = stage.rest.level(0).anchors.select(torch.from_numpy(live))
    place = torch.from_numpy(stage.shots[0].camera.position_world).to(anchors.positions)
    with torch.no_grad():
        shades = torch.sigmoid(stage.heads.color(head_inputs(anchors, stage.heads, place)))
    means = shades.reshape(len(live), -1, 3).mean(dim=1).double()
    nearest = torch.cdist(torch.from_numpy(colors), means).argmin(dim=1).numpy()
    values = layer.values[live[nearest]].astype(np.float64) / (1 << VALUE_BITS)
    return values, np.ones((len(colors), layer.masks.shape[1]), np.uint8)


def _anchors_of(rest: Rest, place: Place, values: Float[Tensor, "m c"], used: UInt8[np.ndarray, "m k"]) -> Anchors:
    """Guests of real values, of which nothing is missing; differentiable in these."""
    own = anchors_in(rest.facts.anchors, place.layer, place.cells, values, used)
    return replace(own, missing=torch.zeros(len(own), 1))


def _learned(
    stage: Stage,
    config: BirthConfig,
    place: Place,
    values: Float64[np.ndarray, "m c"],
    used: UInt8[np.ndarray, "m k"],
    views: Sequence[Standing],
    seed: tuple[int, int],
) -> Float64[np.ndarray, "m c"]:
    """Values after some steps, everything else as it is."""
    facts = stage.rest.facts.anchors
    widths = (facts.feature_count, SCALING_COUNT, 3 * facts.offset_count)
    rates = torch.cat([torch.full((width,), rate) for width, rate in zip(widths, RATES, strict=True)])
    found = Parameter.of(torch.from_numpy(values.astype(np.float32)))
    random = np.random.default_rng((*seed, 1))
    order: list[int] = []
    every = torch.arange(len(values))
    steps = max(config.iterations, min(round(config.iterations_each * len(values)), config.most_iterations))
    for step in range(1, steps + 1):
        if not order:
            order = random.permutation(len(views)).tolist()
        view = views[order.pop()]
        leaf = found.leaf(every)
        guests = stage.generated(_anchors_of(stage.rest, place, leaf, used), view.shot, LEAST_OPACITY)
        loss = photometric(view.shown(guests), view.shot.target, SSIM_SHARE)
        (gradient,) = torch.autograd.grad(loss, [leaf])
        found.descend(every, gradient, FINAL_RATE ** (step / steps) * rates, step)
    return found.values.numpy().astype(np.float64)


def weights(stage: Stage, anchors: Anchors) -> Float[Tensor, "n k"]:
    """Pixels that each offset's Gaussian weighs in the view that shows most of it."""
    near = stage.rest.facts.near
    views = (painted(anchors, stage.heads, shot.camera, near=near)[:, :, 1] for shot in stage.shots)
    return reduce(torch.maximum, views)


def _weights_among(stage: Stage, guests: Anchors, views: Sequence[Standing]) -> Float[Tensor, "n k"]:
    """The same of guests that come to these views."""
    found = torch.zeros(guests.masks.numel())
    for view in views:
        with torch.no_grad():
            gaussians, sources = seen_from(guests, stage.heads, view.shot.camera, stage.rest.facts.near)
        gaussians.colors.requires_grad_()
        (painted_px,) = torch.autograd.grad(view.shown(gaussians).sum(), [gaussians.colors])
        found[sources] = torch.maximum(found[sources], painted_px[:, 1])
    return found.reshape(guests.masks.shape)


def staying(stage: Stage) -> tuple[UInt8[np.ndarray, " g"], ...]:
    """Of the guests of each layer, 1 for those that show anything; all that are shown are among the last anchors."""
    counts = [guests.count for guests in stage.model.guests]
    found = weights(stage, stage.model.anchors)[-sum(counts) :].amax(dim=1).numpy() >= LEAST_WEIGHT_PX
    return tuple(part.astype(np.uint8) for part in np.split(found, np.cumsum(counts)[:-1]))


def _pays(stage: Stage, config: BirthConfig, layer: int, guests: AnchorLayer, rate_weight: float) -> bool:
    """Whether the loss falls by more than the bits cost within some frames."""
    bits = 8 * len(pack_births(stage.rest.facts, stage.context, layer, guests))
    values = torch.from_numpy(guests.values.astype(np.float32) / np.float32(1 << VALUE_BITS))
    own = _anchors_of(stage.rest, Place(layer, guests.indices), values, guests.masks)
    pixels = stage.shots[0].camera.width * stage.shots[0].camera.height
    with torch.no_grad():
        after = [stage.shown(beside([stage.model.anchors, own]), shot) for shot in stage.shots]
    gain = _mean_loss(stage, stage.pictures) - _mean_loss(stage, after)
    return gain * config.pays_within > rate_weight * bits / pixels


def _mean_loss(stage: Stage, pictures: Sequence[Float[Tensor, "h w 3"]]) -> float:
    """Over all views."""
    pairs = zip(pictures, stage.shots, strict=True)
    return float(np.mean([photometric(seen, shot.target, SSIM_SHARE).item() for seen, shot in pairs]))
