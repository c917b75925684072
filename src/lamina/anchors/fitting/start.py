# SPDX-License-Identifier: Apache-2.0
"""Where a fit starts: a capture enters; the first octree, what its anchors hold, and fresh networks leave."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from lamina.anchors.config import AnchorFitConfig
from lamina.anchors.context.layout import ContextLayout
from lamina.anchors.fitting.context_model import ContextModel
from lamina.anchors.fitting.first_octree import first_octree
from lamina.anchors.fitting.state import FIRST_MASK, FitState, Networks, Parameter
from lamina.anchors.growth import Statistics
from lamina.anchors.neural import Heads, init_heads
from lamina.anchors.octree import Indices, Lattice, Layers, morton_keys, rows_of
from lamina.anchors.syntax import ContextShape
from lamina.data.captures import Capture
from lamina.networks.hash_layout import HashGridSpec
from lamina.networks.mlp import Mlp

COLOR_BOUNDS = (0.03, 0.97)
"""Of colors that features start from: their logits stay finite."""

FEATURE_NOISE = 0.1
"""Spread of the other first features: anchors that are alike would stay alike."""

FIRST_OPACITY = 0.2
"""Every opacity's first bias, so that nearly all Gaussians start above 0, where they are drawn and learn."""

FIRST_GAIN = 0.3
"""Scales the last layers of the opacity and the color generator, so that they start near what is set here."""

CROWD = 4
"""Anchors in a cell of the octree, from which on they are near each other."""


def first_state(capture: Capture, config: AnchorFitConfig, device: torch.device) -> FitState:
    """Everything before the first step."""
    lattice, layers = first_octree(capture, config)
    count, k = sum(len(indices) for indices in layers), config.anchors.offsets
    generator = torch.Generator().manual_seed(config.seed)
    layout = layout_of(config)
    features = FEATURE_NOISE * torch.randn(count, layout.feature_count, generator=generator)
    if not config.anchors.warm_colors:
        features.zero_()
    elif layout.feature_count >= 3:
        features[:, :3] = torch.from_numpy(np.concatenate(color_logits(capture, lattice, layers)))
    spacing = [np.log(spacing_of(cells, layer, lattice)) for layer, cells in enumerate(layers)]
    scalings = torch.from_numpy(np.concatenate(spacing).astype(np.float32))[:, None].repeat(1, 6)
    offsets = config.anchors.random_offsets * torch.randn(count, 3 * k, generator=generator)
    is_level_conditioned = config.anchors.level_input and config.level_count > 1
    unit = capture.camera_extent
    heads = init_heads(
        layout.feature_count, k, config.anchors.hidden, unit, generator, is_level_conditioned=is_level_conditioned
    )
    if config.anchors.warm_colors:
        show_colors(heads, k)
    context = ContextModel(layout, generator).to(device)
    return FitState(
        lattice,
        layers,
        Parameter.of(torch.cat([features, scalings, offsets], dim=1).to(device)),
        Parameter.of(torch.full((count, k), FIRST_MASK, device=device)),
        Networks.of(leaves_of(heads, device), context),
        Statistics.none(count, k),
        rate_weight=config.rate_weight,
    )


def layout_of(config: AnchorFitConfig) -> ContextLayout:
    """The probability model that a configuration asks for."""
    context = config.context
    shape = ContextShape(
        context.parent and config.level_count > 1,
        context.parent_offsets,
        context.neighbors,
        context.hash_grid,
        context.adaptive_steps,
        context.chained,
        min(context.feature_groups, config.anchors.feature_channels),
        context.hidden,
        context.step_hidden,
        context.group_hidden,
    )
    spec = HashGridSpec() if context.hash_grid else None
    return ContextLayout(shape, config.anchors.feature_channels, config.anchors.offsets, config.level_count, spec)


def leaves_of(heads: Heads, device: torch.device) -> Heads:
    """The same numbers on a device, as leaves of the graph, in memory of their own."""

    def leaf(mlp: Mlp) -> Mlp:
        pairs = (mlp.weights, mlp.biases)
        return Mlp(*(tuple(tensor.clone().requires_grad_() for tensor in tensors) for tensors in pairs))

    return heads.detached().to(device).each(leaf)


def color_logits(capture: Capture, lattice: Lattice, layers: Layers) -> list[np.ndarray]:
    """Mean color of the points in each cell of each layer, as logits; 0 (grey) where there is none."""
    found = []
    low, high = COLOR_BOUNDS
    for layer, cells in enumerate(layers):
        rows = rows_of(morton_keys(lattice.locate(capture.points, layer)), morton_keys(cells))
        inside = rows >= 0
        counts = np.bincount(rows[inside], minlength=len(cells))[:, None]
        sums = [np.bincount(rows[inside], capture.point_colors[inside, axis], len(cells)) for axis in range(3)]
        means = np.where(counts > 0, np.stack(sums, axis=1) / np.maximum(counts, 1) / 255.0, 0.5)
        clipped = np.clip(means, low, high)
        found.append(np.log(clipped / (1 - clipped)).astype(np.float32))
    return found


def spacing_of(cells: Indices, layer: int, lattice: Lattice) -> Float64[np.ndarray, " n"]:
    """Distance between an anchor and those near it in its layer, in sides of its cell; at least 1.

    From the smallest cube of the octree that holds a crowd: its side, by the crowd's number on a surface. Scaffold-GS
    takes the three nearest neighbours, which needs a search.
    """
    keys = morton_keys(cells)
    found = np.ones(len(cells))
    alone = np.ones(len(cells), np.bool_)
    for up in range(lattice.depth(layer) + 1):
        _, cube, counts = np.unique(keys >> np.uint64(3 * up), return_inverse=True, return_counts=True)
        crowd = counts[cube]
        here = alone & (crowd >= CROWD)
        found[here] = 2.0**up / np.sqrt(crowd[here])
        alone &= ~here
    return np.maximum(found, 1.0)


@torch.no_grad()
def show_colors(heads: Heads, k: int) -> None:
    """Sets generators so that Gaussians start visible, in the color whose logits are their first three features.

    Three features pass the hidden layer as their positive and negative parts; needs six hidden units.
    """
    heads.opacity.weights[-1].mul_(FIRST_GAIN)
    heads.opacity.biases[-1].fill_(FIRST_OPACITY)
    (first, last), (bias, last_bias) = heads.color.weights, heads.color.biases
    if first.shape[0] < 6 or first.shape[1] < 3:
        return
    last.mul_(FIRST_GAIN)
    last_bias.zero_()
    first[:6], bias[:6], last[:, :6] = 0.0, 0.0, 0.0
    outputs = last.view(k, 3, -1)
    for channel in range(3):
        first[channel, channel], first[channel + 3, channel] = 1.0, -1.0
        outputs[:, channel, channel], outputs[:, channel, channel + 3] = 1.0, -1.0
