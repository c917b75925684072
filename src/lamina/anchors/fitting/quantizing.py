# SPDX-License-Identifier: Apache-2.0
"""Reals to integers, closed loop: a fitted state enters; layers, context and generators as they are coded leave.

Attributes are quantised layer by layer with the very prediction that decodes them; then the generators learn what was
decoded, and are quantised last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.coding.layer import above_of
from lamina.anchors.context.fixed import FixedContext, quantize_layer
from lamina.anchors.context.neighborhood import family_of, layer_family
from lamina.anchors.fitting.fine_tuning import settle
from lamina.anchors.fitting.start import leaves_of
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput, view_at
from lamina.anchors.layers import AnchorLayer, Generators, anchors_of, level_of, missing_of
from lamina.anchors.missing import continued
from lamina.anchors.neural import Heads, head_inputs
from lamina.anchors.picturing import shown
from lamina.anchors.syntax import AnchorFacts
from lamina.fitting.adam import TINY
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.networks.quantized import quantize_mlp

HEAD_SAMPLE = 4096
"""Rows of inputs by which a generator's rounding is chosen, about."""

HEAD_VIEWS = 8
"""Views that they are from."""

TUNE_SHARE = 0.1
"""Of the generators' first rates, what tuning starts with."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """Layers in integers, before the generators are."""

    facts: AnchorFacts
    context: FixedContext
    layers: tuple[AnchorLayer, ...]

    @cached_property
    def levels(self) -> tuple[Anchors, ...]:
        """What a decoder will have at each level."""
        parts = [anchors_of(self.facts, layer, state) for layer, state in enumerate(self.layers)]
        return tuple(
            level_of(parts[: level + 1], missing_of(self.facts, self.layers[: level + 1]))
            for level in range(len(self.layers))
        )


def anchor_facts(scene: FitInput, state: FitState) -> AnchorFacts:
    """What a header says of the anchors."""
    lattice, layout = state.lattice, state.layout
    contraction = lattice.contraction
    return AnchorFacts(
        layer_count=lattice.layer_count - 1,
        base_depth=lattice.base_depth,
        feature_count=layout.feature_count,
        offset_count=layout.offset_count,
        is_level_conditioned=state.networks.heads.is_level_conditioned,
        is_contracted=contraction is not None,
        head_hidden=scene.config.anchors.hidden,
        context=layout.shape,
        origin=lattice.origin,
        side=lattice.side,
        distance_unit=float(np.float32(state.networks.heads.unit)),
        center=contraction.center if contraction is not None else None,
        radius=contraction.radius if contraction is not None else None,
    )


def settle_context(scene: FitInput, state: FitState) -> None:
    """Trains the probability model on the values as they are now, in place."""
    steps = scene.config.context.settle_steps
    if steps:
        generator = torch.Generator().manual_seed(scene.config.seed)
        masks = state.used().float()
        settle(state.networks.context, state.values.values, masks, state.relations, steps=steps, generator=generator)


@torch.no_grad()
def quantize(scene: FitInput, state: FitState, octaves: float = 0.0) -> Quantized:
    """All layers on their steps, made coarser by so many octaves."""
    facts = anchor_facts(scene, state)
    context = state.networks.context
    kept = context.layer_steps.detach().clone()
    context.layer_steps.add_(octaves)
    fixed = context.freeze(family_of(state.layers, state.lattice.base_depth))
    context.layer_steps.copy_(kept)
    values = state.values.values.cpu().numpy().astype(np.float64)
    used = state.used().cpu().numpy().astype(np.uint8)
    layers: list[AnchorLayer] = []
    has_children = continued(state.layers)
    for layer, cells in enumerate(state.layers):
        rows = slice(state.starts[layer], state.starts[layer + 1])
        above = above_of(fixed.layout, tuple(layers))
        family = layer_family(cells, above.cells, has_children[layer], layer, facts.base_depth)
        integers = quantize_layer(fixed, family, above.values, values[rows], used[rows])
        layers.append(AnchorLayer(cells, has_children[layer], used[rows], *integers))
    return Quantized(facts, fixed, tuple(layers))


def tune(scene: FitInput, state: FitState, quantized: Quantized, report: Callable[[float], None]) -> Heads:
    """The generators after some steps on decoded anchors; a step takes a view at the top level and at one below."""
    steps, config = scene.config.schedule.tune_steps, scene.config
    heads = leaves_of(state.networks.heads.detached(), state.device)
    if steps == 0:
        return heads
    levels = [anchors.to(state.device) for anchors in quantized.levels]
    trained = (heads.opacity, heads.covariance, heads.color)
    groups = [
        {"params": list(head.parameters()), "lr": TUNE_SHARE * first}
        for head, first in zip(trained, config.schedule.head_rates, strict=True)
    ]
    optimizer = torch.optim.Adam(groups, eps=TINY, fused=True)
    for step in range(1, steps + 1):
        for group, first in zip(optimizer.param_groups, config.schedule.head_rates, strict=True):
            group["lr"] = TUNE_SHARE * first * (1 - (step - 1) / steps)
        view = view_at(scene, config.schedule.steps + step)
        random = np.random.default_rng((config.seed, config.schedule.steps + step))
        shot = Shot(scene.camera(view), scene.target(view)).part(config.schedule.step_pixels, random)
        loss = compared(levels[-1], heads, shot, scene)
        if len(levels) > 1 and config.loss.coarse_to_fine != "off":
            part = shot.part(config.loss.lower_pixels, random)
            loss = loss + config.loss.lower_weight * compared(levels[step % (len(levels) - 1)], heads, part, scene)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        report(step / steps)
    return heads


def compared(anchors: Anchors, heads: Heads, shot: Shot, scene: FitInput) -> Float[Tensor, ""]:
    """How far what anchors show is from a shot."""
    pixels = shown(anchors, heads, shot.camera, scene.background, scene.near)
    return photometric(pixels, shot.target, scene.config.loss.ssim)


@torch.no_grad()
def quantize_heads(scene: FitInput, quantized: Quantized, heads: Heads) -> Generators:
    """Generators on steps, rounded for inputs that they meet."""
    heads = heads.to("cpu")
    random = np.random.default_rng(scene.config.seed)
    views = scene.capture.train[:: max(1, len(scene.capture.train) // HEAD_VIEWS)]
    parts = []
    for view in views:
        place = torch.as_tensor(scene.camera(view).position_world, dtype=torch.float32)
        for anchors in quantized.levels if heads.is_level_conditioned else quantized.levels[-1:]:
            count = HEAD_SAMPLE // (len(views) * (len(quantized.levels) if heads.is_level_conditioned else 1))
            rows = torch.from_numpy(random.integers(0, len(anchors), count if len(anchors) else 0))
            parts.append(head_inputs(anchors.select(rows), heads, place))
    inputs, bits = torch.cat(parts), scene.config.context.head_bits
    opacity, covariance, color = (
        quantize_mlp(head, bits, inputs)[0] for head in (heads.opacity, heads.covariance, heads.color)
    )
    return opacity, covariance, color
