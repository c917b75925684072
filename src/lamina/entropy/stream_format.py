# SPDX-License-Identifier: Apache-2.0
"""Layout of an entropy-coded stream: rANS states and the bytes after them enter, one byte string leaves; and back.

One state (adaptive streams, and table streams below `INTERLEAVE_FROM` symbols)::

    state     less 2**16, 32 bits, little endian; a stream of up to 4 bytes is all state, without its zero high bytes
    rest      bytes in the order in which the decoder takes them; there are none if the state is below 2**24

Four states (table streams from `INTERLEAVE_FROM` symbols on)::

    states    4 x 32 bits, little endian; symbol i uses state i % 4
    rest      as above, shared by the states

The encoder starts (and so the decoder ends) at state 2**16 where there is one state, at 2**24 where there are four. A
decoder that does not end there, or has bytes left, was given damaged bytes; below 2**16 it has run past the end.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8, UInt64

from lamina.errors import BitstreamError

PROBABILITY_BITS = 16
"""Frequencies sum to 2**16, so that tables of 4096 values and very likely bits are still coded well."""
PROBABILITY_TOTAL = 1 << PROBABILITY_BITS
STATE_LOWER_BOUND = 1 << 24
"""A state below this takes the next byte, if there is one, and once more. States stay below 2**32.

Bytes, not 16-bit words with a bound of 2**16: states then come too close to the frequencies, which costs 0.13 % on
Gaussian symbols of 2.8 bits (measured), and more on likely bits. With 2**24 it is below 0.001 %.
"""
SINGLE_STATE_START = 1 << 16
"""The least from which a state only grows: a decoder past the end falls below it and never comes back."""
INTERLEAVE_FROM = 1 << 16
"""Symbols. Four states decode about twice as fast and cost about 12 bytes: nothing for a stream that long."""
INTERLEAVED_STATES = 4


def pack_stream(states: UInt64[np.ndarray, " k"], rest: UInt8[np.ndarray, " b"]) -> bytes:
    """Bytes of a finished stream of one or four states.

    Raises:
        ValueError: the number of states is neither one nor four.
    """
    if len(states) == 1:
        state = int(states[0]) - SINGLE_STATE_START
        return state.to_bytes(4 if len(rest) else (state.bit_length() + 7) // 8, "little") + rest.tobytes()
    if len(states) != INTERLEAVED_STATES:
        raise ValueError(f"{len(states)} states; a stream has 1 or {INTERLEAVED_STATES}")
    return states.astype("<u4").tobytes() + rest.tobytes()


def unpack_stream(
    data: bytes, state_count: int = 1, *, unit: str = "entropy stream"
) -> tuple[UInt64[np.ndarray, " k"], UInt8[np.ndarray, " b"]]:
    """States and remaining bytes of a stream; one pair has only one byte string.

    Raises:
        BitstreamError: the length or the first state is impossible.
    """
    if state_count == INTERLEAVED_STATES:
        state_bytes = 4 * INTERLEAVED_STATES
        if len(data) < state_bytes:
            raise BitstreamError(f"{len(data)} bytes; expected at least {state_bytes}", unit)
        states = np.frombuffer(data, "<u4", INTERLEAVED_STATES).astype(np.uint64)
    else:
        state_bytes = min(len(data), 4)
        state = int.from_bytes(data[:state_bytes], "little") + SINGLE_STATE_START
        if state >> 32 or (len(data) > 4 and state < STATE_LOWER_BOUND):
            raise BitstreamError(f"first state {state}; expected 2**24...2**32 - 1", unit, position=0)
        if 0 < len(data) <= 4 and data[-1] == 0:
            raise BitstreamError("the first state has a zero high byte; expected none", unit, position=len(data) - 1)
        states = np.array([state], np.uint64)
    return states, np.frombuffer(data, np.uint8, offset=state_bytes)
