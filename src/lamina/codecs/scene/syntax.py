# SPDX-License-Identifier: Apache-2.0
"""The scene codec on the wire: what is declared of its header unit.

header unit    SceneHeader · AnchorNetworks     stream group, layer -1
views          CameraViews                      stream group, layer 0: cameras for viewers, nothing is decoded by them
layer unit     LayerHead · ...                  group 0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.anchors.syntax import MAX_EXTENSION_BYTES, AnchorFacts
from lamina.bitstream import Array, Bytes, Flag, Struct, Syntax, UInt, Varint, Version

VERSION = 3
"""Of this syntax; a reader refuses others. 0 had no contraction; in 1 a layer did not say which of its cells go on; 2
had its cameras in the header unit."""


@dataclass(frozen=True, slots=True)
class SceneFacts(Syntax):
    """Begins a stream's header unit: what tools ask, and what sizes follow."""

    version: Annotated[int, Version(7, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    background: Annotated[tuple[int, ...], Array(UInt(8), 3, count=3)]
    """Red, green, blue behind everything, 0...255."""
    width: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels of the views that it was fitted to."""
    height: Annotated[int, Varint(1 << 16, minimum=1)]
    """Pixels."""
    anchors: Annotated[AnchorFacts, Struct(AnchorFacts)]
    """What it is made of."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""
