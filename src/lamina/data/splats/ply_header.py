# SPDX-License-Identifier: Apache-2.0
"""Bytes of a .ply file enter; its elements leave as views of records, sizes checked against the file first.

Only binary files of scalar properties: lists (faces of meshes) have no fixed record. Source: Greg Turk, "The PLY
Polygon File Format", 1994.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.errors import SignalError

MAX_HEADER_BYTES = 1 << 16
"""Real headers are under 2 kB."""
MAX_COUNT_DIGITS = 18
"""A count of more digits is no count; Python would otherwise parse numbers of any length."""

TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
"""Both families of names that are in use, to NumPy's."""
BYTE_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass
class Element:
    """What a header declares: so many records of these fields."""

    name: str
    count: int
    fields: list[tuple[str, str]]
    """Name and NumPy type, in file order."""


def read_elements(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    """Structured arrays of the wanted elements, by name, as far as the file has them.

    Raises:
        SignalError: the file is missing, no binary .ply, has lists before or in what is wanted, or is cut off.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}; expected a .ply file") from error
    elements, start = parse_header(data, path)
    found: dict[str, np.ndarray] = {}
    for element in elements:
        if wanted <= set(found):
            break
        start = _read_element(data, start, element, found, path)
    return {name: records for name, records in found.items() if name in wanted}


def parse_header(data: bytes, path: Path) -> tuple[list[Element], int]:
    """Elements in file order, and where their records begin.

    Raises:
        SignalError: see `read_elements`.
    """
    if not data.startswith((b"ply\n", b"ply\r\n")):
        raise SignalError(f"{path}: not a .ply file: expected it to begin with the line 'ply'")
    mark = data.find(b"end_header", 0, MAX_HEADER_BYTES)
    end = data.find(b"\n", mark)
    if mark < 0 or end < 0:
        raise SignalError(f"{path}: the header has no end; expected 'end_header' in the first {MAX_HEADER_BYTES} bytes")
    lines = data[:mark].decode("ascii", errors="replace").splitlines()[1:]
    elements: list[Element] = []
    order = ""
    for line in lines:
        words = line.split()
        match words:
            case [] | ["comment" | "obj_info", *_]:
                continue
            case ["format", kind, *_] if kind in BYTE_ORDERS:
                order = BYTE_ORDERS[kind]
            case ["element", name, count] if count.isdecimal() and len(count) <= MAX_COUNT_DIGITS:
                elements.append(Element(name, int(count), []))
            case ["property", *declared] if elements:
                elements[-1].fields.append(_parse_property(declared, elements[-1], order, path))
            case _:
                known = "'format binary_little_endian 1.0', 'element NAME COUNT', 'property TYPE NAME'"
                raise SignalError(f"{path}: header line {line[:80]!r}; expected one of {known}")
    if not order:
        raise SignalError(f"{path}: the header names no format; expected 'format binary_little_endian 1.0'")
    return elements, end + 1


def _parse_property(declared: list[str], element: Element, order: str, path: Path) -> tuple[str, str]:
    """Name and NumPy type; a list gets the type ``list``, which only matters when the element must be read."""
    if declared[:1] == ["list"] and len(declared) == 4:
        return declared[3], "list"
    if len(declared) != 2 or declared[0] not in TYPES:
        found = " ".join(declared)[:80]
        raise SignalError(f"{path}: property {found!r} of element {element.name!r}; expected a type of {sorted(TYPES)}")
    kind, name = declared
    if any(name == other for other, _ in element.fields):
        raise SignalError(f"{path}: property {name!r} of element {element.name!r} is declared twice; expected it once")
    return name, order + TYPES[kind]


def _read_element(data: bytes, start: int, element: Element, found: dict[str, np.ndarray], path: Path) -> int:
    """Add a view of the records to `found`; return where the next element begins."""
    lists = [name for name, kind in element.fields if kind == "list"]
    if lists:
        raise SignalError(
            f"{path}: element {element.name!r} has lists ({', '.join(lists)[:80]}), as meshes do; "
            f"expected Gaussians: element 'vertex' with x, y, z, scale_0, rot_0, opacity, f_dc_0, ..."
        )
    if element.name in found:
        raise SignalError(f"{path}: element {element.name!r} is declared twice; expected it once")
    record = np.dtype(element.fields)
    needed = element.count * record.itemsize
    if needed > len(data) - start:
        raise SignalError(
            f"{path}: cut off in element {element.name!r}: expected {element.count} records of {record.itemsize} bytes "
            f"from byte {start}, the file has {len(data)} bytes"
        )
    empty = record.itemsize == 0 or element.count == 0
    found[element.name] = np.zeros(0, record) if empty else np.frombuffer(data, record, element.count, start)
    return start + needed
