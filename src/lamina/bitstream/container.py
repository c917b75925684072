# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a Lamina file are: declared syntax, limits and names. Enters: nothing; leaves: the wire.

    indexed file     prefix  header  index record x units  CRC-32 of all before  payload, payload, ...
    journal          prefix  journal header  CRC-32 of both  (index record  CRC-32 of it  payload) x units

Nothing here may change without a new `VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final

from lamina.bitstream.composites import Bytes
from lamina.bitstream.kinds import Enumeration, Flag, Int, UInt, Varint
from lamina.bitstream.syntax import Syntax
from lamina.codec import HEADER_LAYER, UnitKey

MAGIC: Final = b"LAMINA"
VERSION: Final = 1
FEATURE_STREAMED: Final = 0b1
"""The file is a journal: no index in front, a record before each unit."""
KNOWN_FEATURES: Final = FEATURE_STREAMED

STREAM_HEADER: Final = UnitKey(0, HEADER_LAYER, 0)
"""Key of the header unit that every stream begins with."""

MAX_UNITS: Final = 1 << 20
"""Units of a file: three layers for three hours at 30 Hz. An index of so many takes about 350 MB in memory."""
MAX_UNIT_BYTES: Final = 1 << 30
"""Payload of one unit: the largest trained scenes, uncoded, are 1 GB; a length beyond is damage."""
MAX_LAYERS: Final = 127
"""Layers of a stream: what a signed byte numbers; the systems coded here use 3 to 12."""
MAX_FRAME: Final = (1 << 30) - 1
"""Frame numbers: a year at 30 Hz; leaves room for sums in 32 bits."""
MAX_WIRE_ID: Final = (1 << 14) - 1
"""Codec numbers: two bytes."""
MIN_RECORD_BYTES: Final = 6
"""Shortest index record: flags, length, CRC-32. Bounds the number of units before the index is read."""
MAX_RECORD_BYTES: Final = 24
"""Longest index record: flags 1, group 3, layer 1, frame 5, length 5, CRC-32 4, quality 2, rounded up."""
MAX_INDEX_BYTES: Final = MAX_UNITS * MAX_RECORD_BYTES
CRC_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class FilePrefix(Syntax):
    """First eight bytes of every file."""

    magic: Annotated[bytes, Bytes(length=6)]
    """`LAMINA` in ASCII."""
    version: Annotated[int, UInt(8)]
    """1; a reader refuses others."""
    features: Annotated[int, UInt(8)]
    """Bit 0: streamed (a journal). A reader refuses bits that it does not know."""


@dataclass(frozen=True, slots=True)
class ContainerHeader(Syntax):
    """What tools need without asking the codec; after the prefix of an indexed file."""

    codec_wire_id: Annotated[int, Varint(MAX_WIRE_ID)]
    """Number of the codec that the payloads belong to."""
    unit_count: Annotated[int, Varint(MAX_UNITS, minimum=1)]
    """Units in the index, header units included."""
    group_count: Annotated[int, Varint(MAX_UNITS, minimum=1)]
    """Groups that have units: frames that decode without any other group. 1 for stills."""
    frame_count: Annotated[int, Varint(MAX_UNITS)]
    """Frames that have units of a layer; 1 for stills."""
    level_count: Annotated[int, Varint(MAX_LAYERS)]
    """Highest layer + 1; a group may have fewer."""
    index_size_bytes: Annotated[int, Varint(MAX_INDEX_BYTES)]
    """Size of all index records, bytes."""

    def check(self) -> None:
        """The index must be able to hold what is announced."""
        if self.unit_count * MIN_RECORD_BYTES > self.index_size_bytes:
            raise ValueError(
                f"an index of {self.index_size_bytes} bytes cannot hold {self.unit_count} records "
                f"of at least {MIN_RECORD_BYTES} bytes"
            )


class Step(IntEnum):
    """From one unit's key to the next, in the order (group, layer, frame)."""

    NEXT_FRAME = 0
    """Frame + 1 of the same group and layer."""
    NEXT_LAYER = 1
    """Layer + 1 of the same group, from the first frame of the layer before."""
    NEXT_GROUP = 2
    """Group + 1, layer 0, the frame after the highest so far."""


@dataclass(frozen=True, slots=True)
class IndexRecord(Syntax):
    """One unit in the index, or before its payload in a journal."""

    explicit: Annotated[bool, Flag()]
    """The key is spelled out instead of following from the record before; always in a journal."""
    step: Annotated[Step, Enumeration(Step, bits=2)]
    """How the key follows from the one before (first: from group 0, layer -2, frame 0); 0 when explicit."""
    has_quality: Annotated[bool, Flag()]
    """The encoder measured the quality."""
    group: Annotated[int | None, Varint(MAX_UNITS - 1, when="explicit")]
    """Group number, from 0."""
    layer: Annotated[int | None, Int(8, minimum=HEADER_LAYER, maximum=MAX_LAYERS - 1, when="explicit")]
    """0 is the base layer, -1 a header unit."""
    frame: Annotated[int | None, Varint(MAX_FRAME, when="explicit")]
    """Frame number in the whole stream."""
    length: Annotated[int, Varint(MAX_UNIT_BYTES)]
    """Payload, bytes."""
    crc32: Annotated[int, UInt(32)]
    """CRC-32 (as in zip and PNG) of the payload."""
    quality_centidb: Annotated[int | None, UInt(16, minimum=1, when="has_quality")]
    """PSNR of this frame at the level that this layer reaches, in 1/100 dB."""

    def check(self) -> None:
        """A field that says nothing has one value only."""
        if self.explicit and self.step != Step.NEXT_FRAME:
            raise ValueError(f"step is {self.step} in an explicit record, expected 0")


@dataclass(frozen=True, slots=True)
class JournalHeader(Syntax):
    """After the prefix of a journal."""

    codec_wire_id: Annotated[int, Varint(MAX_WIRE_ID)]
    """Number of the codec that the payloads belong to."""
