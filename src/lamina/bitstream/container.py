# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a Lamina file are: declared syntax, limits and names. Enters: nothing; leaves: the wire.

    indexed file   prefix  header  directory  records of the stream group (stills: of all groups)  CRC-32 of all before
                   stills: payloads, layer by layer        timed: (records  CRC-32  payloads, layer by layer) x groups
    journal        prefix  journal header  CRC-32 of both  (run record  CRC-32 of it  payloads of the run) x runs

Nothing here may change without a new `VERSION`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from typing import Annotated, Final

from lamina.bitstream.composites import Array, Bytes
from lamina.bitstream.floats import Float32
from lamina.bitstream.golomb import AlikeUInts
from lamina.bitstream.kinds import Enumeration, Flag, Int, UInt, Varint
from lamina.bitstream.syntax import Syntax
from lamina.errors import BitstreamError
from lamina.times import MAX_FRAME_TICKS, MAX_TICK_TERM, MAX_TICKS
from lamina.units import HEADER_LAYER, STREAM_GROUP, QualityMetric, SeenBy, StreamFacts

MAGIC: Final = b"LAMINA"
VERSION: Final = 2
FEATURE_STREAMED: Final = 0b1
"""The file is a journal: no directory in front, a record before each run of units."""
FEATURE_TIMES: Final = 0b1000
"""Frames have times of their own: the unit they are counted in begins the header's extensions, runs of layer 0 say
them."""
RESERVED_FEATURES: Final = {0b10: "segmented", 0b100: "encrypted"}
"""Bits whose meaning is settled, and which this version does not read."""
KNOWN_FEATURES: Final = FEATURE_STREAMED | FEATURE_TIMES

MIME_TYPE: Final = "application/vnd.lamina"
CODECS_FAMILY: Final = "lam1"
"""First part of a codecs string: the family of formats; the container's version is in the file."""

MAX_GROUPS: Final = 1 << 17
"""Groups of a file: 36 hours of seconds. A directory of so many takes 70 MB to hold."""
MAX_UNITS: Final = 1 << 22
"""Units of a file: three layers for 15 hours at 25 Hz. Where frames are smaller than what is said of them, a unit
covers several."""
MAX_UNIT_BYTES: Final = 1 << 30
"""Payload of one unit: the largest trained scenes, uncoded, are 1 GB; a length beyond is damage."""
MAX_LAYERS: Final = 127
"""Layers of a stream: what a signed byte numbers; the systems coded here use 3 to 12."""
MAX_FRAME: Final = (1 << 30) - 1
"""Frame numbers: a year at 30 Hz; leaves room for sums in 32 bits."""
MAX_RATE_TERM: Final = 1 << 31
"""Numerator and denominator of a frame rate."""
MAX_WIRE_ID: Final = (1 << 14) - 1
"""Codec numbers: two bytes."""
MAX_EXTENSION_BYTES: Final = 1 << 16
"""What a later version may add to a header or a record; a reader skips it."""
RUN_BYTES: Final = 4096
"""A run of units ends with the unit that brings its payload to so much. What a record says of it as a whole takes ten
bytes, a quarter of a percent; and damage costs no more than this beyond what it must."""
MAX_RUN_UNITS: Final = 1024
"""Units of a run, be they empty."""
MAX_FRAMES_PER_UNIT: Final = 1 << 20
"""Frames that a unit covers: half a day at 25 Hz."""
MAX_TIMED_FRAMES: Final = 1 << 14
"""Frames of a run that says their times: 9 minutes at 30 Hz; a record with so many takes less than 2^17 bytes."""
MIN_RECORD_BYTES: Final = 6
"""Shortest run record: flags, length, CRC-32."""
MAX_RECORDS_BYTES: Final = 1 << 26
"""Of the records of one group: as many units as a file may have, each in a record of its own, take less."""
MIN_DIRECTORY_BYTES: Final = 4
"""Shortest directory record: flags, frames, records, layers. Bounds the number of groups before the directory is
read."""
MAX_PAYLOAD_BYTES: Final = 1 << 50
"""Of a layer of a group."""
MAX_FILE_BYTES: Final = (1 << 53) - 1
"""Offsets: integers that a double holds, so that a browser reads them with its plain numbers."""
CRC_BYTES: Final = 4
PREFIX_BYTES: Final = len(MAGIC) + 2


@dataclass(frozen=True, slots=True)
class FilePrefix(Syntax):
    """First eight bytes of every file."""

    magic: Annotated[bytes, Bytes(length=6)]
    """`LAMINA` in ASCII."""
    version: Annotated[int, UInt(8)]
    """2; a reader refuses others."""
    features: Annotated[int, UInt(8)]
    """Bit 0: streamed (a journal); 3: frames have times of their own; 1: segmented and 2: encrypted are reserved. A
    reader refuses bits that it does not know."""


@dataclass(frozen=True, slots=True)
class JournalHeader(Syntax):
    """What tools need without asking the codec; after the prefix of a journal."""

    codec_wire_id: Annotated[int, Varint(MAX_WIRE_ID)]
    """Number of the codec that the payloads belong to."""
    seen_by: Annotated[SeenBy, Enumeration(SeenBy, bits=3)]
    """What a view is."""
    quality_metric: Annotated[QualityMetric, Enumeration(QualityMetric, bits=3)]
    """What qualities are the mean of."""
    is_timed: Annotated[bool, Flag()]
    """It has frames in time; otherwise it stands still."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    rate_numerator: Annotated[int | None, Varint(MAX_RATE_TERM, minimum=1, when="is_timed")]
    """Frames in `rate_denominator` seconds; the two in lowest terms. The mean rate, where frames have times of their
    own."""
    rate_denominator: Annotated[int | None, Varint(MAX_RATE_TERM, minimum=1, when="is_timed")]
    """Seconds."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")]
    """With feature bit 3 they begin with a time unit. What follows is not read by this version."""

    def check(self) -> None:
        """A rate has one spelling."""
        if math.gcd(self.rate_numerator or 1, self.rate_denominator or 1) != 1:
            raise ValueError(f"the rate {self.rate_numerator}/{self.rate_denominator} is not in lowest terms")

    def facts(self, features: int) -> StreamFacts:
        """The same as a record, in a file of these features.

        Raises:
            BitstreamError: frames have times of their own, and no time unit is there, or there are no frames.
        """
        rate = ticks = None
        if features & FEATURE_TIMES:
            if not self.is_timed:
                raise BitstreamError("frames of a still have no times", self.unit_name, "is_timed")
            ticks = TimeUnit.unpack(self.extensions or b"")[0].ticks_per_second
        if self.rate_numerator is not None and self.rate_denominator is not None:
            rate = Fraction(self.rate_numerator, self.rate_denominator)
        return StreamFacts(self.codec_wire_id, SeenBy(self.seen_by), rate, QualityMetric(self.quality_metric), ticks)


@dataclass(frozen=True, slots=True)
class TimeUnit(Syntax):
    """What times of frames are counted in; first in a header's extensions where feature bit 3 is set."""

    ticks_numerator: Annotated[int, Varint(MAX_TICK_TERM, minimum=1)]
    """Ticks in `ticks_denominator` seconds; the two in lowest terms."""
    ticks_denominator: Annotated[int, Varint(MAX_TICK_TERM, minimum=1)]
    """Seconds."""

    def check(self) -> None:
        """A unit has one spelling."""
        if math.gcd(self.ticks_numerator, self.ticks_denominator) != 1:
            raise ValueError(f"{self.ticks_numerator}/{self.ticks_denominator} ticks are not in lowest terms")

    @property
    def ticks_per_second(self) -> Fraction:
        """The two as one."""
        return Fraction(self.ticks_numerator, self.ticks_denominator)


@dataclass(frozen=True, slots=True)
class ContainerHeader(JournalHeader):
    """After the prefix of an indexed file: what a journal's header says, then the size of what follows."""

    group_count: Annotated[int, Varint(MAX_GROUPS, minimum=1)]
    """Records of the directory, that of the stream group included."""
    frame_count: Annotated[int, Varint(MAX_FRAME)]
    """From the first frame that a unit of a layer covers to the last; 1 for stills."""
    level_count: Annotated[int, Varint(MAX_LAYERS)]
    """Highest layer + 1; a group may have fewer."""
    front_size_bytes: Annotated[int, Varint(1 << 40)]
    """Directory and the records that follow it, without the CRC-32."""

    def check(self) -> None:
        """The directory must be able to hold what is announced."""
        JournalHeader.check(self)
        if self.group_count * MIN_DIRECTORY_BYTES > self.front_size_bytes:
            raise ValueError(
                f"a directory of {self.front_size_bytes} bytes cannot hold {self.group_count} records "
                f"of at least {MIN_DIRECTORY_BYTES} bytes"
            )


@dataclass(frozen=True, slots=True)
class DirectoryRecord(Syntax):
    """One group: from this alone follows where its levels are."""

    is_explicit: Annotated[bool, Flag()]
    """Number and first frame are spelled out. Otherwise: the group after the one before (first: the stream group), and
    the frame after its last one (stills: 0)."""
    is_chained: Annotated[bool, Flag()]
    """It builds on the group before."""
    has_header: Annotated[bool, Flag()]
    """It has a header unit."""
    has_box: Annotated[bool, Flag()]
    """It is a part of space."""
    has_extensions: Annotated[bool, Flag()]
    """A later version says more."""
    reserved: Annotated[int, UInt(3, maximum=0)]
    """0."""
    group: Annotated[int | None, Int(minimum=STREAM_GROUP, maximum=MAX_GROUPS - 1, when="is_explicit")]
    """Group number, from 0; -1 is the stream group."""
    first_frame: Annotated[int | None, Varint(MAX_FRAME, when="is_explicit")]
    """Number in the whole stream."""
    frame_count: Annotated[int, Varint(MAX_FRAME)]
    """From its first frame to its last one; 0 for the stream group."""
    records_size_bytes: Annotated[int, Varint(MAX_RECORDS_BYTES, minimum=MIN_RECORD_BYTES)]
    """Its run records, without the CRC-32 behind them."""
    header_size_bytes: Annotated[int | None, Varint(MAX_UNIT_BYTES, when="has_header")]
    """Payload of its header unit."""
    layer_sizes_bytes: Annotated[tuple[int, ...], Array(Varint(MAX_PAYLOAD_BYTES), MAX_LAYERS)]
    """Payloads of each layer, base first."""
    box: Annotated[tuple[float, ...] | None, Array(Float32(), 6, count=6, when="has_box")]
    """Lowest corner x y z, highest corner x y z, in the model's units."""
    extensions: Annotated[bytes | None, Bytes(MAX_EXTENSION_BYTES, when="has_extensions")]
    """Not read by this version."""


class Step(IntEnum):
    """From one run of a group to the next."""

    GO_ON = 0
    """The same layer, the frame after."""
    NEXT_LAYER = 1
    """Layer + 1, from the frame where the layer before began (first: from the group's first frame, at its header unit
    if it has one, else at layer 0)."""
    NEXT_FRAME = 2
    """Layer 0, the frame after the highest so far."""


@dataclass(frozen=True, slots=True)
class RunRecord(Syntax):
    """Units of one layer whose frames follow each other; in a group's records, or before the payloads in a journal."""

    is_explicit: Annotated[bool, Flag()]
    """Layer and first frame are spelled out instead of following from the run before."""
    step: Annotated[Step, Enumeration(Step, bits=2)]
    """How they follow; 0 when explicit."""
    has_quality: Annotated[bool, Flag()]
    """The encoder measured the quality."""
    is_plural: Annotated[bool, Flag()]
    """Of several units."""
    spans_frames: Annotated[bool, Flag()]
    """Of units that cover several frames each."""
    names_group: Annotated[bool, Flag()]
    """Journals only, always explicit: the group's number is spelled out. The first record of a group does, and any that
    goes on with a group after one of another."""
    has_times: Annotated[bool, Flag()]
    """It says when its frames are shown: with feature bit 3 all runs of layer 0 do, but for those of the stream group;
    no others do."""
    is_chained: Annotated[bool | None, Flag(when="names_group")]
    """The group builds on the one before. 0 where the group was named before, as is the next one."""
    has_box: Annotated[bool | None, Flag(when="names_group")]
    """The group is a part of space."""
    group: Annotated[int | None, Int(minimum=STREAM_GROUP, maximum=MAX_GROUPS - 1, when="names_group")]
    """Group number."""
    box: Annotated[tuple[float, ...] | None, Array(Float32(), 6, count=6, when="has_box")]
    """As in the directory."""
    layer: Annotated[int | None, Int(8, minimum=HEADER_LAYER, maximum=MAX_LAYERS - 1, when="is_explicit")]
    """0 is the base layer, -1 a header unit."""
    frame: Annotated[int | None, Varint(MAX_FRAME, when="is_explicit")]
    """Number in the whole stream of the first frame."""
    length: Annotated[int, Varint(MAX_UNIT_BYTES)]
    """Payload of the first unit, bytes."""
    more_lengths: Annotated[tuple[int, ...] | None, AlikeUInts(MAX_UNIT_BYTES, MAX_RUN_UNITS - 1, when="is_plural")]
    """Payloads of the units after it."""
    frames_per_unit: Annotated[int | None, Varint(MAX_FRAMES_PER_UNIT, minimum=2, when="spans_frames")]
    """Frames that each unit covers; 1 when it is not there."""
    crc32: Annotated[int, UInt(32)]
    """CRC-32 (as in zip and PNG) of the payloads, one after another."""
    quality_centidb: Annotated[int | None, UInt(16, minimum=1, when="has_quality")]
    """Mean over the units of the quality of the level that this layer reaches, in 1/100 dB."""
    start_ticks: Annotated[int | None, Varint(MAX_TICKS, when="has_times")]
    """When its first frame is shown, from the start of the stream."""
    durations_ticks: Annotated[tuple[int, ...] | None, AlikeUInts(MAX_FRAME_TICKS, MAX_TIMED_FRAMES, when="has_times")]
    """How long each of its frames is shown, at least 1: as many as its units cover."""

    def check(self) -> None:
        """A field that says nothing has one value only."""
        if self.is_explicit and self.step != Step.GO_ON:
            raise ValueError(f"step is {self.step} in an explicit record, expected 0")
        if self.names_group and not self.is_explicit:
            raise ValueError("names a group without being explicit")
        if self.is_plural and not self.more_lengths:
            raise ValueError("is plural with one unit")
        if self.durations_ticks is None or self.start_ticks is None:
            return
        frames = (1 + len(self.more_lengths or ())) * (self.frames_per_unit or 1)
        if len(self.durations_ticks) != frames:
            raise ValueError(f"says {len(self.durations_ticks)} durations, expected one for each of {frames} frames")
        if min(self.durations_ticks) < 1 or self.start_ticks + sum(self.durations_ticks) > MAX_TICKS:
            raise ValueError(f"says that a frame takes no time, or ends after tick {MAX_TICKS}")


def codecs_string(codec_name: str, codec_version: int) -> str:
    """``lam1.planar.1``: for manifests, and the `codecs` parameter of the MIME type."""
    return f"{CODECS_FAMILY}.{codec_name}.{codec_version}"
