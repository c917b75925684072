# SPDX-License-Identifier: Apache-2.0
"""Reals to integers, closed loop: a fitted state enters, the part that is coded leaves.

Attributes are quantised layer by layer with the very prediction that decodes them; then the generators learn what was
decoded, and are quantised last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.anchors.anchors import Anchors
from lamina.anchors.missing import continued
from lamina.anchors.neural import Heads, generate, head_inputs, in_view
from lamina.codecs.scene.coding import encode, model_of
from lamina.codecs.scene.family import family_of, layer_family
from lamina.codecs.scene.fixed_context import FixedContext, quantize_layer
from lamina.codecs.scene.layer_coding import above_of
from lamina.codecs.scene.losses import photometric
from lamina.codecs.scene.model import SceneLayer, SceneModel, ScenePart, anchors_of, level_of, missing_of
from lamina.codecs.scene.settling import settle
from lamina.codecs.scene.shots import Shot
from lamina.codecs.scene.start import leaves_of
from lamina.codecs.scene.state import TINY, FitState
from lamina.codecs.scene.syntax import VERSION, SceneFacts
from lamina.codecs.scene.training import Scene, view_at
from lamina.codecs.scene.views import views_of
from lamina.data.captures import Capture
from lamina.metrics.psnr import finite_db, psnr
from lamina.networks.quantized import QuantizedMlp, quantize_mlp
from lamina.render.cameras import Camera
from lamina.render.spatial import render_spatial

HEAD_SAMPLE = 4096
"""Rows of inputs by which a generator's rounding is chosen, about."""

HEAD_VIEWS = 8
"""Views that they are from."""

TUNE_SHARE = 0.1
"""Of the generators' first rates, what tuning starts with."""

CONTAINER_BYTES, UNIT_BYTES = 24, 10
"""What a small file has beside payloads, about: header and checksums, and a unit's entry in the index."""

UNTESTED_VIEWS = 40
"""Cameras that the stream keeps where no view is held out, about."""

MEASURED_VIEWS = 40
"""Views that a level's quality is measured on, at most."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """Layers in integers, before the generators are."""

    facts: SceneFacts
    context: FixedContext
    layers: tuple[SceneLayer, ...]

    @cached_property
    def levels(self) -> tuple[Anchors, ...]:
        """What a decoder will have at each level."""
        parts = [anchors_of(self.facts, layer, state) for layer, state in enumerate(self.layers)]
        return tuple(
            level_of(parts[: level + 1], missing_of(self.facts, self.layers[: level + 1]))
            for level in range(len(self.layers))
        )


def shown_views(capture: Capture) -> Sequence[int]:
    """Views whose cameras go into the stream, for viewers: those held out, which also say where one may look from."""
    return capture.test or capture.train[:: max(1, len(capture.train) // UNTESTED_VIEWS)]


def facts_of(scene: Scene, state: FitState) -> SceneFacts:
    """The beginning of the header."""
    lattice, layout, capture = state.lattice, state.layout, scene.capture
    camera, contraction = capture.views[capture.train[0]].camera, lattice.contraction
    return SceneFacts(
        version=VERSION,
        layer_count=lattice.layer_count - 1,
        base_depth=lattice.base_depth,
        feature_count=layout.feature_count,
        offset_count=layout.offset_count,
        head_hidden=scene.config.anchors.hidden,
        is_told=state.networks.heads.is_told,
        context=layout.shape,
        background=capture.background,
        width=camera.width,
        height=camera.height,
        origin=lattice.origin,
        side=lattice.side,
        is_contracted=contraction is not None,
        distance_unit=float(np.float32(state.networks.heads.unit)),
        center=contraction.center if contraction is not None else None,
        radius=contraction.radius if contraction is not None else None,
        views=views_of(scene.camera(view) for view in shown_views(capture)),
    )


def settle_context(scene: Scene, state: FitState) -> None:
    """Trains the probability model on the values as they are now, in place."""
    steps = scene.config.context.settle_steps
    if steps:
        generator = torch.Generator().manual_seed(scene.config.seed)
        masks = state.used().float()
        settle(state.networks.context, state.values.values, masks, state.relations, steps=steps, generator=generator)


@torch.no_grad()
def quantize(scene: Scene, state: FitState, octaves: float = 0.0) -> Quantized:
    """All layers on their steps, made coarser by so many octaves."""
    facts = facts_of(scene, state)
    context = state.networks.context
    kept = context.layer_steps.detach().clone()
    context.layer_steps.add_(octaves)
    fixed = context.freeze(family_of(state.layers, state.lattice.base_depth))
    context.layer_steps.copy_(kept)
    values = state.values.values.cpu().numpy().astype(np.float64)
    used = state.used().cpu().numpy().astype(np.uint8)
    layers: list[SceneLayer] = []
    goes_on = continued(state.layers)
    for layer, cells in enumerate(state.layers):
        rows = slice(state.starts[layer], state.starts[layer + 1])
        above = above_of(fixed.layout, tuple(layers))
        family = layer_family(cells, above.cells, goes_on[layer], layer, facts.base_depth)
        integers = quantize_layer(fixed, family, above.values, values[rows], used[rows])
        layers.append(SceneLayer(cells, goes_on[layer], used[rows], *integers))
    return Quantized(facts, fixed, tuple(layers))


def tune(scene: Scene, state: FitState, quantized: Quantized, report: Callable[[float], None]) -> Heads:
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


def compared(anchors: Anchors, heads: Heads, shot: Shot, scene: Scene) -> Float[Tensor, ""]:
    """How far what anchors show is from a shot."""
    return photometric(shown(anchors, heads, shot.camera, scene.background), shot.target, scene.config.loss.ssim)


def shown(anchors: Anchors, heads: Heads, camera: Camera, background: tuple[float, float, float]) -> Tensor:
    """A picture of anchors, those out of view left aside."""
    rows = torch.nonzero(in_view(anchors, camera)).reshape(-1)
    place = torch.from_numpy(camera.position_world).to(anchors.positions)
    gaussians, _ = generate(anchors.select(rows), heads, place)
    return render_spatial(gaussians, camera, background=background).pixels


@torch.no_grad()
def quantize_heads(scene: Scene, quantized: Quantized, heads: Heads) -> tuple[QuantizedMlp, QuantizedMlp, QuantizedMlp]:
    """Generators on steps, rounded for inputs that they meet."""
    heads = heads.to("cpu")
    random = np.random.default_rng(scene.config.seed)
    views = scene.capture.train[:: max(1, len(scene.capture.train) // HEAD_VIEWS)]
    parts = []
    for view in views:
        place = torch.as_tensor(scene.camera(view).position_world, dtype=torch.float32)
        for anchors in quantized.levels if heads.is_told else quantized.levels[-1:]:
            count = HEAD_SAMPLE // (len(views) * (len(quantized.levels) if heads.is_told else 1))
            rows = torch.from_numpy(random.integers(0, len(anchors), count if len(anchors) else 0))
            parts.append(head_inputs(anchors.select(rows), heads, place))
    inputs, bits = torch.cat(parts), scene.config.context.head_bits
    opacity, covariance, color = (
        quantize_mlp(head, bits, inputs)[0] for head in (heads.opacity, heads.covariance, heads.color)
    )
    return opacity, covariance, color


def assemble(scene: Scene, quantized: Quantized, heads: Heads, *, measured: bool = True) -> ScenePart:
    """The part; with each level's quality, unless it need not be measured."""
    integers = quantize_heads(scene, quantized, heads)
    unmeasured: tuple[float | None, ...] = (None,) * len(quantized.layers)
    part = ScenePart(quantized.facts, integers, quantized.context, quantized.layers, unmeasured)
    if not measured:
        return part
    model = model_of(part)
    return replace(part, quality_db=tuple(quality_of(scene, model, level) for level in range(len(part.layers))))


@torch.no_grad()
def quality_of(scene: Scene, model: SceneModel, level: int) -> float:
    """Mean PSNR over held-out views (training views where none is), 8-bit pixels."""
    views = scene.capture.test or scene.capture.train
    views = views[:: -(-len(views) // MEASURED_VIEWS)]
    anchors, heads = model.anchors(level), model.heads
    qualities = []
    for view in views:
        pixels = shown(anchors, heads, scene.camera(view), model.background)
        rounded = (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        qualities.append(finite_db(psnr(scene.capture.pixels(view), rounded)))
    return float(np.mean(qualities))


def size_bytes_of(part: ScenePart) -> int:
    """What the file will take, about."""
    units = list(encode([part]))
    return CONTAINER_BYTES + sum(UNIT_BYTES + len(unit.payload) for unit in units)
