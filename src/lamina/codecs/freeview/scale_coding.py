# SPDX-License-Identifier: Apache-2.0
"""Differences of cells <-> a stream: cells of a scale, or guests, with what the coder knows of them.

A stream is coded by the walk of `walk`; no bytes at all say that nothing differs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from lamina.codecs.freeview.hierarchy import Scale
from lamina.codecs.freeview.memory import Memory
from lamina.codecs.freeview.walk import walk_scale
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream


class Carrier(NamedTuple):
    """Cells whose differences are coded together."""

    scale: Scale
    columns: Int64[np.ndarray, " 8"]
    """First column of each group and its end; the same number twice: it is not carried."""
    is_sent: UInt8[np.ndarray, " n"]
    """0 for cells that have nothing to move: nothing is coded."""


class Above(NamedTuple):
    """The scale above, in the same frame."""

    differences: Int32[np.ndarray, "a c"]
    flags: UInt8[np.ndarray, " a"]
    """A bit a group of columns in which a cell differs."""


def code_scale(
    coder: Coder, memory: Memory, carrier: Carrier, above: Above, values: Int32[np.ndarray, "n c"]
) -> tuple[UInt8[np.ndarray, " n"], Memory]:
    """Differences of a scale, into or from `values`; returns which groups each cell has, and what the next frame knows.

    `memory` is changed: give a copy where it is needed again.
    """
    flags = np.zeros(len(values), np.uint8)
    walk_scale(
        coder, memory.active, memory.values, values, memory.past, memory.history, flags, carrier.is_sent,
        carrier.columns, carrier.scale.parents, carrier.scale.neighbors, above.differences, above.flags,
    )  # fmt: skip
    history = ((memory.history << 1) | (flags != 0)).astype(np.uint8)
    return flags, memory._replace(past=values.copy(), history=history)


def pack_differences(
    carrier: Carrier, differences: Int32[np.ndarray, "n c"], memory: Memory, above: Above
) -> tuple[bytes, UInt8[np.ndarray, " n"], Memory]:
    """A stream, which groups of columns each cell has, and what the coder knows afterwards; no bytes: all is 0."""
    if not differences.any():
        return b"", np.zeros(carrier.scale.count, np.uint8), _after_still(memory)
    found: list[tuple[UInt8[np.ndarray, " n"], Memory]] = []

    def walk(coder: Coder) -> None:
        found.append(code_scale(coder, memory.copied(), carrier, above, differences.copy()))

    stream = write_stream(walk)
    flags, after = found[-1]
    return stream, flags, after


def unpack_differences(
    carrier: Carrier, stream: bytes, memory: Memory, above: Above, unit: str
) -> tuple[Int32[np.ndarray, "n c"], UInt8[np.ndarray, " n"], Memory]:
    """The inverse, differences first; `unit` names the stream in errors.

    Raises:
        BitstreamError: the stream is damaged.
    """
    differences = np.zeros(memory.past.shape, np.int32)
    if not stream:
        return differences, np.zeros(carrier.scale.count, np.uint8), _after_still(memory)
    coder = open_reader(stream, unit=unit)
    flags, after = code_scale(coder, memory.copied(), carrier, above, differences)
    expect_end(coder, unit=unit)
    return differences, flags, after


def _after_still(memory: Memory) -> Memory:
    """After a frame in which nothing differs: contexts learn nothing from it."""
    return memory._replace(past=np.zeros_like(memory.past), history=memory.history << 1)
