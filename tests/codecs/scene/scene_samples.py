# SPDX-License-Identifier: Apache-2.0
"""A small octree, a probability model and attributes for the tests of the scene codec's coding."""

from dataclasses import dataclass

import numpy as np
import torch

from lamina.anchors.coding.layer import above_of
from lamina.anchors.context.fixed import FixedContext, quantize_layer
from lamina.anchors.context.layout import ContextLayout, layout_of
from lamina.anchors.context.neighborhood import layer_family
from lamina.anchors.contraction import Contraction
from lamina.anchors.fitting.context_model import ContextModel
from lamina.anchors.layers import AnchorLayer, lattice_of
from lamina.anchors.missing import continued
from lamina.anchors.neural import init_heads
from lamina.anchors.octree import Lattice, Layers, with_ancestors
from lamina.anchors.syntax import AnchorFacts, ContextShape
from lamina.codecs.scene.model import ScenePart
from lamina.codecs.scene.syntax import VERSION, SceneFacts
from lamina.networks.hash_layout import HashGridSpec, geometric_nodes
from lamina.networks.quantized import quantize_mlp

FULL = ContextShape(True, True, True, True, True, True, 3, 20, 8, 12)
"""Every input and network that there is."""
PLAIN = ContextShape(True, False, False, False, False, False, 1, 16, 8, 8)
"""The parent alone."""
BLIND = ContextShape(False, False, False, False, True, False, 1, 16, 8, 8)
"""Nothing of other anchors."""
SMALL_GRID = HashGridSpec(geometric_nodes(4, 16, 2), (10,), 6, 6, 2)

BASE_DEPTH, FEATURES, OFFSETS, HEAD_HIDDEN = 2, 6, 3, 7


@dataclass(frozen=True)
class Sample:
    """Everything before coding."""

    facts: SceneFacts
    layers: Layers
    context: FixedContext
    model: ContextModel


def sphere(count: int, seed: int = 0) -> np.ndarray:
    """Points on a surface, as a scene's are."""
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def grid_of(shape: ContextShape) -> HashGridSpec | None:
    return SMALL_GRID if shape.uses_hash_grid else None


CONTRACTION = Contraction((0.25, -0.5, 0.125), 0.5)
"""Points of the sphere are inside and outside of its radius."""


def anchor_facts(shape: ContextShape, layer_count: int, contraction: Contraction | None = None) -> AnchorFacts:
    return AnchorFacts(
        layer_count=layer_count - 1,
        base_depth=BASE_DEPTH,
        feature_count=FEATURES,
        offset_count=OFFSETS,
        is_level_conditioned=layer_count > 1,
        is_contracted=contraction is not None,
        head_hidden=HEAD_HIDDEN,
        context=shape,
        origin=(-1.25, -1.25, -1.25) if contraction is None else (-2.25, -2.25, -2.25),
        side=2.5 if contraction is None else 4.5,
        distance_unit=1.0,
        center=contraction.center if contraction is not None else None,
        radius=contraction.radius if contraction is not None else None,
    )


def facts_of(shape: ContextShape, layer_count: int, contraction: Contraction | None = None) -> SceneFacts:
    return SceneFacts(VERSION, False, (10, 20, 30), 40, 30, anchor_facts(shape, layer_count, contraction))


def sample(
    shape: ContextShape = FULL,
    *,
    points: int = 60,
    layer_count: int = 3,
    seed: int = 0,
    contraction: Contraction | None = None,
) -> Sample:
    """An untrained model with random weights: what it says does not matter, only that both sides say the same."""
    facts = facts_of(shape, layer_count, contraction)
    layers = octree_of(sphere(points, seed), lattice_of(facts.anchors))
    model = random_model(layout_of(facts.anchors, grid_of(shape)), seed)
    return Sample(facts, layers, model.freeze(), model)


def octree_of(points: np.ndarray, lattice: Lattice) -> Layers:
    """Of points that end in the finest layer, but each third one in the layer above."""
    finest = lattice.layer_count - 1
    ends = np.where(np.arange(len(points)) % 3 == 2, max(finest - 1, 0), finest)
    return with_ancestors([lattice.locate(points[ends == layer], layer) for layer in range(lattice.layer_count)])


def random_model(layout: ContextLayout, seed: int) -> ContextModel:
    generator = torch.Generator().manual_seed(seed)
    model = ContextModel(layout, generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def part_of(made: Sample, seed: int = 0) -> ScenePart:
    """Quantised layers of random attributes."""
    random = np.random.default_rng(seed)
    layers: list[AnchorLayer] = []
    has_children = continued(made.layers)
    for layer, cells in enumerate(made.layers):
        above = above_of(made.context.layout, tuple(layers))
        family = layer_family(cells, above.cells, has_children[layer], layer, BASE_DEPTH)
        targets = random.normal(size=(len(cells), made.facts.anchors.channels))
        masks = (random.random((len(cells), OFFSETS)) < 0.6).astype(np.uint8)
        integers = quantize_layer(made.context, family, above.values, targets, masks)
        layers.append(AnchorLayer(cells, has_children[layer], masks, *integers))
    generator = torch.Generator().manual_seed(seed)
    heads = init_heads(
        FEATURES, OFFSETS, HEAD_HIDDEN, 1.0, generator, is_level_conditioned=made.facts.anchors.is_level_conditioned
    )
    with torch.no_grad():
        for head in (heads.opacity, heads.covariance, heads.color):
            head.weights[0][:, -1] = torch.linspace(-0.5, 0.5, HEAD_HIDDEN)
    fixed = tuple(quantize_mlp(head, 8)[0] for head in (heads.opacity, heads.covariance, heads.color))
    quality = tuple(20.0 + layer for layer in range(len(layers)))
    return ScenePart(made.facts, (fixed[0], fixed[1], fixed[2]), made.context, tuple(layers), quality)
