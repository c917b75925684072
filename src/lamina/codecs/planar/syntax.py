# SPDX-License-Identifier: Apache-2.0
"""The planar codec's header unit on the wire.

What is in a layer's unit is its method's: lattice/syntax.py, pgsvc/syntax.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Annotated

from lamina.bitstream import Array, Bytes, Enumeration, Flag, Struct, Syntax, UInt, Varint, Version

VERSION = 1
"""Of the syntax of the header unit; a reader refuses others. 0 had no number."""

PRIOR_SET = 0
"""Which trained probabilities adaptive contexts start from (lattice/priors.py)."""

MAX_SIDE_PX = 1 << 15
"""Pixels a side: a hostile header must not make a decoder allocate more than a picture of `MAX_PIXELS`."""

MAX_PIXELS = 1 << 27
"""Pixels of a picture: 134 million, 1.6 GB as float RGB."""

MAX_EXTENSION_BYTES = 1 << 16

MAX_SPLATS = (1 << 20) - 1
"""Splats of one layer of one frame."""


class MethodId(IntEnum):
    """Which method's units follow."""

    LATTICE = 0
    PGSVC = 1


class ScalabilityId(IntEnum):
    """What grows from level to level."""

    QUALITY = 0
    RESOLUTION = 1


@dataclass(frozen=True, slots=True)
class LevelSize(Syntax):
    """Size that a level was fitted for."""

    width: Annotated[int, Varint(MAX_SIDE_PX)]
    """Pixels."""
    height: Annotated[int, Varint(MAX_SIDE_PX)]
    """Pixels."""


@dataclass(frozen=True, slots=True)
class PlanarHeader(Syntax):
    """First unit of a planar stream: what every layer of every frame needs."""

    version: Annotated[int, Version(4, ours=VERSION)]
    """Of this syntax."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    prior_set: Annotated[int, Version(3, ours=PRIOR_SET)]
    """Number of the trained probabilities that contexts start from."""
    method: Annotated[MethodId, Enumeration(MethodId, bits=3)]
    """Whose units follow."""
    is_video: Annotated[bool, Flag()]
    """Timed: frames and groups; otherwise one frame."""
    scalability: Annotated[ScalabilityId, Enumeration(ScalabilityId, bits=1)]
    """Whether lower levels are smaller pictures."""
    layer_count: Annotated[int, UInt(3)]
    """Layers - 1."""
    background: Annotated[tuple[int, ...], Array(UInt(8), 3, count=3)]
    """Red, green, blue added to every pixel, 0...255."""
    width: Annotated[int, Varint(MAX_SIDE_PX)]
    """Pixels."""
    height: Annotated[int, Varint(MAX_SIDE_PX)]
    """Pixels."""
    rate_numerator: Annotated[int | None, Varint(1 << 31, when="is_video")] = None
    """Frames in `rate_denominator` seconds."""
    rate_denominator: Annotated[int | None, Varint(1 << 31, when="is_video")] = None
    """Seconds."""
    level_sizes: Annotated[tuple[LevelSize, ...], Array(Struct(LevelSize), 8)] = ()
    """Of each level but the top one, under resolution scalability; empty otherwise."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")] = None
    """Not read by this version."""

    def check(self) -> None:
        """Sizes are positive and agree."""
        if not (self.width and self.height) or self.width * self.height > MAX_PIXELS:
            raise ValueError(
                f"a picture of {self.width}x{self.height} pixels; expected 1x1 to {MAX_PIXELS} pixels in all"
            )
        if self.is_video and not (self.rate_numerator and self.rate_denominator):
            raise ValueError(f"frame rate {self.rate_numerator}/{self.rate_denominator}; expected two positive numbers")
        expected = self.layer_count if self.scalability == ScalabilityId.RESOLUTION else 0
        if len(self.level_sizes) != expected:
            raise ValueError(f"{len(self.level_sizes)} level sizes, expected {expected}")
        for size in self.level_sizes:
            if not (0 < size.width <= self.width and 0 < size.height <= self.height):
                raise ValueError(f"a level of {size.width}x{size.height} in a picture of {self.width}x{self.height}")

    @classmethod
    def of(
        cls,
        method: MethodId,
        scalability: ScalabilityId,
        layers: int,
        background: tuple[int, ...],
        size: tuple[int, int],
        *,
        rate: Fraction | None = None,
        level_sizes: tuple[LevelSize, ...] = (),
    ) -> PlanarHeader:
        """A header of this version: of `layers` layers, a picture of `size` (width, height), at `rate` if timed."""
        return cls(
            VERSION,
            False,
            PRIOR_SET,
            method,
            rate is not None,
            scalability,
            layers - 1,
            background,
            *size,
            rate.numerator if rate is not None else None,
            rate.denominator if rate is not None else None,
            level_sizes,
        )

    @property
    def levels(self) -> int:
        """Number of layers, and of levels."""
        return self.layer_count + 1

    @property
    def frames_per_second(self) -> Fraction | None:
        """None for stills."""
        if not self.is_video:
            return None
        assert self.rate_numerator is not None
        assert self.rate_denominator is not None
        return Fraction(self.rate_numerator, self.rate_denominator)

    def level_size(self, level: int) -> tuple[int, int]:
        """(width, height) that a level was fitted for."""
        if self.level_sizes and level < self.layer_count:
            return self.level_sizes[level].width, self.level_sizes[level].height
        return self.width, self.height
