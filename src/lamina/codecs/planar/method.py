# SPDX-License-Identifier: Apache-2.0
"""What a planar method (the paper's `pgsvc`, our `lattice`) gives the codec: a record of functions.

The codec (coding.py) walks frames and layers and writes units; a method knows what the integers of a layer mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.codec import Monitor
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.model import FramePart, LayerState
from lamina.codecs.planar.syntax import PlanarHeader

if TYPE_CHECKING:
    from lamina.codecs.planar.signal import PlanarSignal
    from lamina.render.planar import Gaussians2D

Below = tuple[LayerState, ...]
"""States of the layers below, of the same frame, base first."""


@dataclass(frozen=True)
class Method:
    """One way to fit and pack layered planar splats."""

    name: str
    fit: Callable[[PlanarSignal, PlanarConfig, Monitor], Iterator[FramePart]]
    """One part a frame, in order; closed loop: what it yields is what decoding gives."""
    encode_layer: Callable[[PlanarHeader, LayerState, LayerState | None, Below], bytes]
    """header, layer, the same layer of the frame before (None on key frames), layers below -> payload."""
    decode_layer: Callable[[PlanarHeader, bytes, LayerState | None, Below], LayerState]
    """The inverse. Raises `BitstreamError`."""
    gaussians: Callable[[PlanarHeader, tuple[LayerState, ...]], Gaussians2D]
    """Layers 0..l of one frame -> Gaussians in full-size pixels, colours sRGB-coded (background not included)."""
