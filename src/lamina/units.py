# SPDX-License-Identifier: Apache-2.0
"""What a stream is made of: units and their addresses, and the facts of a stream that need no codec to be read.

Tools that move units (info, cut, a packager, a server, a player) know these nouns and `bitstream`, and no codec.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from lamina.times import UnitTimes

STREAM_GROUP = -1
"""`UnitKey.group` of what all groups need: the stream's header, and a model that is sent once, in layers."""

HEADER_LAYER = -1
"""`UnitKey.layer` of a header unit: what every later unit of its group (or of the whole stream) needs."""


class UnitKey(NamedTuple):
    """Address of a unit. Sorts in decoding order within timed media: group, then layer by layer, then frame."""

    group: int
    """Part of a stream, in time or space, that decodes without any other, or chained to the one before; 0-based, or
    `STREAM_GROUP`."""
    layer: int
    """0 is the base layer; `HEADER_LAYER` a header unit."""
    frame: int
    """Number in the whole stream of its (first) frame, 0-based; of a header unit the first of its group; 0 for stills
    and in the stream group."""

    def __str__(self) -> str:
        layer = "header" if self.layer == HEADER_LAYER else f"layer {self.layer}"
        if self.group == STREAM_GROUP:
            return f"stream {layer}"
        return f"group {self.group}, frame {self.frame}, {layer}"


STREAM_HEADER = UnitKey(STREAM_GROUP, HEADER_LAYER, 0)
"""Key of the header unit that every stream begins with."""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is said of a group as a whole; the same on each of its units."""

    is_chained: bool = False
    """It builds on the group before it: to decode it, decode from the last group on that is not chained."""
    box: tuple[float, float, float, float, float, float] | None = None
    """Lowest and highest corner of what it holds, x y z x y z in the model's units; None: all of it."""


PLAIN_GROUP = GroupFacts()
"""Decodes alone, covers everything."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece of a stream that can be sent and checked alone."""

    key: UnitKey
    payload: bytes = field(repr=False)
    quality_db: float | None = None
    """Quality of the level (this layer and all below) of its frames, measured by the encoder, dB; None: unknown."""
    frame_count: int = 1
    """Frames that it covers, from `key.frame` on."""
    group: GroupFacts = PLAIN_GROUP
    times: UnitTimes | None = None
    """Of units of layer 0 in streams whose frames have times of their own: when they are shown."""


class SeenBy(IntEnum):
    """What a view of a model is: what must be said to render it."""

    SIZE = 0
    """An output size in pixels."""
    CAMERA = 1
    """A camera."""


class QualityMetric(IntEnum):
    """What `Unit.quality_db` is the mean of. All on 8-bit RGB pixels, dB."""

    FRAME_PSNR = 0
    """PSNR of each frame."""
    VIEW_PSNR = 1
    """PSNR of each view that was held out of the fit; of those fitted to where none was."""


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """What packagers, servers and players ask of any stream; in the container's header."""

    codec_wire_id: int
    """Number of the codec that the payloads belong to."""
    seen_by: SeenBy = SeenBy.SIZE
    frames_per_second: Fraction | None = None
    """None for stills."""
    quality_metric: QualityMetric = QualityMetric.FRAME_PSNR
    ticks_per_second: Fraction | None = None
    """Frames have times of their own, in ticks, and `frames_per_second` is their mean rate; None: they are evenly
    spaced."""
