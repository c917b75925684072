# SPDX-License-Identifier: Apache-2.0
"""What a level is without, anchor by anchor: an octree and which of its last cells go on enter; shares leave.

At level l an anchor whose cell goes on in layer l + 1 stands for all that would come there; one that does not is
complete, and so is an anchor above whose parts are all complete. Generators are told (`neural.py`), so that a level
changes nothing where nothing is missing.

    layer l, cell goes on       the share of the layers above the base that level l is without
    layer l, cell ends          0
    layers above                mean over the children
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.anchors.octree import Indices, Layers, parent_rows


def missing_shares(
    layers: Sequence[Indices], has_children: UInt8[np.ndarray, " m"], layer_count: int
) -> Float32[np.ndarray, " n"]:
    """How much each anchor of a level is without, 0...1, base first.

    Args:
        layers: cells of the level's layers, each in Morton order.
        has_children: 1 where a cell of the last of them has children in the next layer.
        layer_count: of the whole octree.
    """
    missing_layers = (layer_count - len(layers)) / max(layer_count - 1, 1)
    last = has_children.astype(np.float64) * missing_layers
    found = [last]
    for below, above in zip(reversed(layers[1:]), reversed(layers[:-1]), strict=True):
        parents = parent_rows(below, above)
        children = np.maximum(np.bincount(parents, minlength=len(above)), 1)
        last = np.bincount(parents, last, len(above)) / children
        found.append(last)
    return np.concatenate(found[::-1]).astype(np.float32)


def continued(layers: Layers) -> tuple[UInt8[np.ndarray, " n"], ...]:
    """For each layer, 1 where a cell has children in the next one; 0 throughout the last."""
    found = [np.zeros(len(cells), np.uint8) for cells in layers]
    for own, cells, below in zip(found, layers, layers[1:], strict=False):
        own[parent_rows(below, cells)] = 1
    return tuple(found)
