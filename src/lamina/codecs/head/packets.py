# SPDX-License-Identifier: Apache-2.0
"""One frame's columns <-> the bytes of a packet, which decodes with the head alone, or with a frame that is named.

Without a reference columns are coded as they are: a receiver that has the head has the frame, whatever was lost before.
With one they are differences from it; a sender names a frame only once its receiver has said that it has it.

Packets are too short for contexts to learn in. How large a column's integers are is known beforehand, from the
header's activity and from how old the reference is; how lively this frame is, is told by the columns before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64

from lamina.bitstream.integers import canonical_integers
from lamina.codecs.head.columns import VALUE_LIMIT
from lamina.codecs.head.syntax import HeadFacts, PacketHead
from lamina.entropy.binary import code_binary, code_raw, fail, is_reading
from lamina.entropy.kernel import kernel
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError

LONGEST_LAG = 16
"""Frames that a reference may be older: what is older still helps no more (measured: 4.0 kbit/s, alone 3.9)."""
LAG_CLASSES = (3, 5, 6, 7, 7, 7, 7)
"""Quarters of octaves by which differences are larger than the header's activity, by lag; further back the last."""
ALONE_CLASSES = 8
"""The same of the columns themselves."""
UNIT = 256
"""Means are in 1/256."""
LONGEST_RUN = 32
"""Steps of a magnitude that are coded one by one; what is above is told by its length and bits."""
TRUST = 2
"""Columns that the guess of how lively a frame is counts for."""
QUARTERS = (65536, 77936, 92682, 110218)
"""2 ** (k / 4) in 1/65536: quarters of octaves by integers."""


@dataclass(frozen=True, eq=False)
class FrameState:
    """What is known of one frame."""

    values: Int32[np.ndarray, " c"]
    """All columns."""
    scale: int
    """Of their steps, quarters of octaves."""

    @property
    def spelling(self) -> bytes:
        """The same bytes on every machine: to tell that both sides have the same."""
        return canonical_integers({"values": self.values, "scale": np.array([self.scale], np.int32)})


def pack_frame(facts: HeadFacts, state: FrameState, reference: FrameState | None = None, lag: int = 0) -> bytes:
    """A packet of a frame; `reference` is `lag` frames older."""
    head = PacketHead(False, reference is not None, state.scale, lag if reference is not None else None)
    expected = _expected(facts, state.scale, reference)
    values = state.values.astype(np.int64) - expected
    return head.pack() + write_stream(lambda coder: _code(coder, facts, lag if reference is not None else 0, values))


def unpack_frame(facts: HeadFacts, number: int, payload: bytes, known: Mapping[int, FrameState]) -> FrameState:
    """The frame of a packet, given frames by their numbers.

    Raises:
        BitstreamError: it is damaged, or the frame that it builds on is not known.
    """
    head, end = PacketHead.unpack(payload)
    reference = None if head.lag is None else known.get(number - head.lag)
    if head.lag is not None and reference is None:
        raise BitstreamError(f"builds on frame {number - head.lag}, which is not here", f"frame {number}")
    reader = open_reader(payload[end:], unit="packet")
    values = np.zeros(facts.columns, np.int64)
    _code(reader, facts, head.lag or 0, values)
    expect_end(reader, unit="packet")
    values += _expected(facts, head.scale, reference)
    if np.abs(values).max(initial=0) > VALUE_LIMIT:
        raise BitstreamError(f"a column beyond {VALUE_LIMIT}", f"frame {number}")
    return FrameState(values.astype(np.int32), head.scale)


def rescaled(values: Int64[np.ndarray, " c"], by: int) -> Int64[np.ndarray, " c"]:
    """Integers whose steps become 2 ** (by / 4) times as large: rounded, exact on every machine."""
    # Dividing by 2 ** (by / 4) is multiplying by 2 ** (-by / 4): an octave down, quarters up again.
    octaves, quarters = divmod(-by, 4)
    moved = values * QUARTERS[quarters]
    if octaves > 0:
        moved = moved << octaves
    return (moved + (1 << (15 - min(octaves, 0)))) >> (16 - min(octaves, 0))


def _expected(facts: HeadFacts, scale: int, reference: FrameState | None) -> Int64[np.ndarray, " c"]:
    if reference is None:
        return np.zeros(facts.columns, np.int64)
    return rescaled(reference.values.astype(np.int64), scale - reference.scale)


def _code(coder: Coder, facts: HeadFacts, lag: int, values: Int64[np.ndarray, " c"]) -> None:
    larger = LAG_CLASSES[min(lag, len(LAG_CLASSES)) - 1] if lag else ALONE_CLASSES
    _walk(coder, np.array(facts.activity, np.int64), np.int64(larger), values)


@kernel
def _walk(coder, activity, larger, values):
    """Columns in their order; each is expected to be as large as its class says, times what columns before were."""
    seen, thought = np.int64(TRUST * 16), np.int64(TRUST * 16)
    for column in range(values.size):
        usual = usual_mean(activity[column] + larger)
        mean = min(max(usual * seen // thought, np.int64(4)), np.int64(1 << 20))
        values[column] = code_around_zero(coder, mean, values[column])
        # At most eight times what was expected: one jump is not a lively frame.
        seen += min(abs(values[column]) * UNIT * 16 // usual, np.int64(128))
        thought += 16


@kernel
def usual_mean(level):
    """Mean magnitude of a class, 2 ** (level / 4) / 16, in 1/256."""
    quarter = level % 4
    base = np.int64(256)
    if quarter == 1:
        base = np.int64(304)
    elif quarter == 2:
        base = np.int64(362)
    elif quarter == 3:
        base = np.int64(431)
    return max((base << (level // 4)) // 16, np.int64(8))


@kernel
def square_root(value):
    """Rounded down."""
    root, bit = np.int64(0), np.int64(1) << 44
    while bit > value:
        bit >>= 2
    while bit > 0:
        if value >= root + bit:
            value -= root + bit
            root = (root >> 1) + bit
        else:
            root >>= 1
        bit >>= 2
    return root


@kernel
def code_around_zero(coder, mean, value):
    """An integer whose magnitudes fall by a constant ratio r to each side, of a mean magnitude in 1/256, 4...2**20.

    mean = 2 r / (1 - r**2), so r = (sqrt(1 + mean**2) - 1) / mean, and 0 has the chance (1 - r) / (1 + r).
    """
    ratio = ((square_root(UNIT * UNIT + mean * mean) - UNIT) << 16) // mean
    ratio = min(max(ratio, np.int64(64)), np.int64(65000))
    zero = ((65536 - ratio) << 16) // (65536 + ratio)
    if code_binary(coder, min(max(zero, np.int64(64)), np.int64(65472)), np.int64(value != 0)) == 0:
        return np.int64(0)
    is_below = code_raw(coder, np.int64(value < 0), np.int64(1))
    wanted, found = abs(value) - 1, np.int64(0)
    while found < LONGEST_RUN:
        if code_binary(coder, 65536 - ratio, np.int64(wanted > found)) == 0:
            break
        found += 1
    if found == LONGEST_RUN:
        found += _code_rest(coder, wanted - LONGEST_RUN)
    return -(found + 1) if is_below == 1 else found + 1


@kernel
def _code_rest(coder, rest):
    """0...2**20: how many bits, then the bits."""
    length = np.int64(0)
    if not is_reading(coder):
        while (rest >> length) > 0:
            length += 1
    length = code_raw(coder, length, np.int64(5))
    if length > 20:
        fail(coder)
        return np.int64(0)
    return code_raw(coder, rest, length)
