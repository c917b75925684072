# SPDX-License-Identifier: Apache-2.0
"""Coders for walks over contexts: bytes to read, or room to write, enters; a `Coder` for kernels, then bytes, leave.

data = write_stream(lambda coder: walk_flags(coder, fresh_contexts(1), flags))

coder = open_reader(data)
walk_flags(coder, fresh_contexts(1), flags)
expect_end(coder, unit="mask")
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lamina.entropy.binary import (
    COST,
    FAILED,
    MEASURING,
    MODE,
    POSITION,
    READING,
    STATE,
    WRITING,
    Coder,
    finished_cleanly,
)
from lamina.entropy.kernel import kernel
from lamina.entropy.rans_kernels import put
from lamina.entropy.stream_format import PROBABILITY_TOTAL, SINGLE_STATE_START, pack_stream, unpack_stream
from lamina.errors import BitstreamError

DEFAULT_CAPACITY = 1 << 16
"""Records (bits with a context, or runs of up to 16 raw bits) that a writer holds at first: 256 kB."""


def open_writer(capacity: int = DEFAULT_CAPACITY) -> Coder:
    """A coder that records up to `capacity` intervals, and counts the others; see `write_stream`."""
    return Coder(_state(WRITING), np.empty(capacity, np.uint32))


def open_reader(data: bytes, *, unit: str = "entropy stream") -> Coder:
    """A coder that takes values from the whole of `data`; `unit` names the stream in errors.

    Raises:
        BitstreamError: no stream begins like that.
    """
    states, rest = unpack_stream(data, unit=unit)
    return Coder(_state(READING, int(states[0])), np.append(rest.astype(np.uint32), np.uint32(0)))


def open_meter() -> Coder:
    """A coder that adds up what a walk would cost and keeps nothing; see `measured_bits`."""
    return Coder(_state(MEASURING), np.empty(0, np.uint32))


def measured_bits(meter: Coder) -> float:
    """What was coded with a meter so far, bits."""
    return int(meter.state[COST]) / PROBABILITY_TOTAL


def finish(writer: Coder) -> bytes:
    """The stream of everything recorded. Nothing recorded: no bytes.

    Raises:
        ValueError: the buffer was too small, a value was out of its range, or this is not a writer.
    """
    if writer.state[MODE] != WRITING:
        raise ValueError("a reader or a meter has no stream to finish: use expect_end or measured_bits")
    count = int(writer.state[POSITION])
    if count > len(writer.buffer):
        raise ValueError(f"{count} records but room for {len(writer.buffer)}: use write_stream, or open more room")
    if writer.state[FAILED]:
        raise ValueError("a value was out of the range of the function that coded it: check what the walk was given")
    stream = np.empty(2 * count + 2, np.uint8)
    state, start = _flush(writer.buffer, count, stream)
    return pack_stream(np.array([state], np.uint64), stream[int(start) :])


def write_stream(walk: Callable[[Coder], object], capacity: int = DEFAULT_CAPACITY) -> bytes:
    """Run a walk with a writer and return its stream; run it a second time, with enough room, if there was too little.

    The walk must give the same records both times, so it makes its contexts inside.

    Raises:
        ValueError: a value was out of its range.
    """
    writer = open_writer(capacity)
    walk(writer)
    needed = int(writer.state[POSITION])
    if needed > capacity:
        writer = open_writer(needed)
        walk(writer)
    return finish(writer)


def expect_end(reader: Coder, *, unit: str = "entropy stream") -> None:
    """Check that a stream was read to its end and was whole: random damage passes with a chance of about 2**-16.

    Raises:
        BitstreamError: a value was impossible, bytes are left, or the last state is not the first of the writer.
    """
    if finished_cleanly(reader):
        return
    position, count = int(reader.state[POSITION]), len(reader.buffer) - 1
    raise BitstreamError(
        f"damaged: {count - position} of {count} bytes after the first state are left at the last symbol and the state "
        f"is {int(reader.state[STATE])}; expected none left and {SINGLE_STATE_START}",
        unit,
        position=4 + position,
    )


def _state(mode: int, first: int = 0) -> np.ndarray:
    state = np.zeros(5, np.int64)
    state[MODE], state[STATE] = mode, first
    return state


@kernel
def _flush(records, count, stream):
    """Code the records, last one first; returns the state and where the bytes start."""
    x = np.uint64(SINGLE_STATE_START)
    position = np.int64(stream.size)
    for i in range(count - 1, -1, -1):
        record = np.uint64(records[i])
        x, position = put(x, record >> np.uint64(16), record & np.uint64(0xFFFF), stream, position)
    return x, position
