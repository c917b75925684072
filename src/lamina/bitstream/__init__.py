# SPDX-License-Identifier: Apache-2.0
"""Bytes: declared syntax, and the container that carries units of any codec.

    units ─ writer ─► file ─ reader ─► Stream ─► units ─ cutting ─► fewer units
    units ─ journal ─► growing file ─ reader ─► the same Stream ─ finish ─► file

Read in this order: bits · kinds · floats · composites · syntax · tables (declared syntax); container · index · source ·
damage · scan · reader · writer · journal · cutting (the file). docs/bitstream.md says it in prose. Nothing
here imports torch or numpy: tools that move units start fast.
"""

from lamina.bitstream.bits import BitReader, BitWriter
from lamina.bitstream.composites import Array, Bytes, Struct
from lamina.bitstream.cutting import cut_to_bytes, cut_to_level
from lamina.bitstream.damage import Damage, usable
from lamina.bitstream.floats import Float32, Half
from lamina.bitstream.index import IndexEntry
from lamina.bitstream.journal import StreamJournal
from lamina.bitstream.kinds import Enumeration, FieldKind, Flag, Int, UInt, Varint, Version
from lamina.bitstream.reader import Stream, checked_unit, read_stream
from lamina.bitstream.source import ByteSource
from lamina.bitstream.syntax import Syntax
from lamina.bitstream.writer import pack_stream, write_stream

__all__ = [
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
    "checked_unit",
    "cut_to_bytes",
    "cut_to_level",
    "pack_stream",
    "read_stream",
    "usable",
    "write_stream",
]
