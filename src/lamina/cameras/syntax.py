# SPDX-License-Identifier: Apache-2.0
"""Cameras on the wire: views of a capture that a stream keeps for viewers; nothing is decoded by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from lamina.bitstream import Array, Flag, Float32, Int, Struct, Syntax, Varint, Version

VERSION = 0
"""Of this syntax."""

MAX_VIEWS = 1 << 12
"""Of a stream."""


@dataclass(frozen=True, slots=True)
class CameraView(Syntax):
    """A camera to look through."""

    has_lens: Annotated[bool, Flag()]
    """Size, focal lengths and principal point follow; otherwise those of the view before."""
    quaternion: Annotated[tuple[int, ...], Array(Int(16), 4, count=4)]
    """World to camera, (w, x, y, z) in 1/32767."""
    position: Annotated[tuple[float, ...], Array(Float32(), 3, count=3)]
    """Optical centre, world units."""
    size: Annotated[tuple[int, ...] | None, Array(Varint(1 << 16, minimum=1), 2, count=2, when="has_lens")] = None
    """Width and height, pixels."""
    lens: Annotated[tuple[float, ...] | None, Array(Float32(), 4, count=4, when="has_lens")] = None
    """Focal lengths x, y, principal point x, y, pixels."""

    def check(self) -> None:
        """A rotation, and focal lengths above 0."""
        if not any(self.quaternion):
            raise ValueError("a rotation of four zeros")
        if self.lens is not None and min(self.lens[:2]) <= 0:
            raise ValueError(f"focal lengths {self.lens[:2]}, expected above 0")


@dataclass(frozen=True, slots=True)
class CameraViews(Syntax):
    """The payload of a unit of cameras."""

    version: Annotated[int, Version(8, ours=VERSION)]
    """Of this syntax."""
    views: Annotated[tuple[CameraView, ...], Array(Struct(CameraView), MAX_VIEWS)]
    """In the order in which viewers should offer them."""

    def check(self) -> None:
        """The first view has a lens to go on with."""
        if self.views and not self.views[0].has_lens:
            raise ValueError("the first view has no lens")
