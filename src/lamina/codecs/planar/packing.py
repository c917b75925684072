# SPDX-License-Identifier: Apache-2.0
"""The decoded integers of a layer, and how a planar method (the paper's `pgsvc`, our `lattice`) packs them.

The codec (coding.py) walks frames and layers and writes units; a packing knows what the integers of a layer mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina.codecs.planar.syntax import MethodId, PlanarHeader

if TYPE_CHECKING:
    from lamina.render.planar import Gaussians2D
    from lamina.render.planar_arrays import SplatArrays


@dataclass(frozen=True)
class LayerState:
    """Decoded integers of one layer of one frame, and what the next frame needs beside them.

    `integers` is what `lamina digest` hashes: the same on every machine. `context` is what a method carries on
    (adaptive tables, references); it follows from the integers decoded so far.
    """

    integers: Mapping[str, np.ndarray]
    context: Any = field(default=None, repr=False, compare=False)


Below = tuple[LayerState, ...]
"""States of the layers below, of the same frame, base first."""


@dataclass(frozen=True)
class Packing:
    """One way to pack layered planar splats."""

    name: str
    encode_layer: Callable[[PlanarHeader, LayerState, LayerState | None, Below], bytes]
    """header, layer, the same layer of the frame before (None on key frames), layers below -> payload."""
    decode_layer: Callable[[PlanarHeader, bytes, LayerState | None, Below], LayerState]
    """The inverse. Raises `BitstreamError`."""
    gaussians: Callable[[PlanarHeader, tuple[LayerState, ...]], Gaussians2D]
    """Layers 0..l of one frame -> Gaussians in full-size pixels, colours sRGB-coded (background not included)."""
    arrays: Callable[[PlanarHeader, tuple[LayerState, ...]], SplatArrays]
    """The same without tensors."""


def packing_of(method: MethodId) -> Packing:
    """The functions behind a method's number."""
    if method == MethodId.LATTICE:
        from lamina.codecs.planar.lattice.packing import PACKING

        return PACKING
    from lamina.codecs.planar.pgsvc.packing import PACKING as PGSVC

    return PGSVC
