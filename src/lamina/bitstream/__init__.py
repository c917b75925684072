# SPDX-License-Identifier: Apache-2.0
"""Bytes: declared syntax, and the container that carries units of any codec.

    units ─ writer ─► file ─ reader ─► Stream ─► units ─ cutting ─► fewer units
    units ─ journal ─► growing file ─ reader ─► the same Stream ─ finish ─► file

Read in this order: bits · kinds · floats · composites · golomb · syntax · tables (declared syntax); container (what is
on the wire) · runs · layout · front · source · damage · selection · scan · groups · timing · reader · writer ·
locking · journal · cutting. docs/bitstream.md says it in prose. Nothing here imports torch or numpy: tools that move
units start fast.
"""

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.composites import Array, Bytes, Struct
from lamina.bitstream.container import MIME_TYPE, codecs_string
from lamina.bitstream.cutting import cut_to_bytes, cut_to_level
from lamina.bitstream.damage import Damage, usable
from lamina.bitstream.floats import Float32, Half
from lamina.bitstream.journal import StreamJournal, journal_exists
from lamina.bitstream.kinds import Enumeration, FieldKind, Flag, Int, UInt, Varint, Version
from lamina.bitstream.layout import GroupPlace
from lamina.bitstream.reader import Stream, read_stream
from lamina.bitstream.runs import IndexEntry
from lamina.bitstream.source import ByteSource
from lamina.bitstream.syntax import Syntax
from lamina.bitstream.writer import file_size_bytes, pack_stream, write_stream

__all__ = [
    "MIME_TYPE",
    "Array",
    "BitReader",
    "BitWriter",
    "ByteSource",
    "Bytes",
    "Damage",
    "Enumeration",
    "FieldKind",
    "Flag",
    "Float32",
    "GroupPlace",
    "Half",
    "IndexEntry",
    "Int",
    "Stream",
    "StreamJournal",
    "Struct",
    "Syntax",
    "UInt",
    "Varint",
    "Version",
    "codecs_string",
    "cut_to_bytes",
    "cut_to_level",
    "file_size_bytes",
    "journal_exists",
    "pack_stream",
    "read_stream",
    "usable",
    "write_stream",
]
