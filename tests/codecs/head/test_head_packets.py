# SPDX-License-Identifier: Apache-2.0
"""Packets of single frames: what is sent comes back, alone or on another frame; damage is noticed or bounded."""

import numpy as np
import pytest
from head_samples import facts_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs.head.columns import VALUE_LIMIT
from lamina.codecs.head.packets import FrameState, pack_frame, rescaled, square_root, unpack_frame
from lamina.codecs.head.syntax import PacketHead
from lamina.errors import BitstreamError

FACTS = facts_of(2, 2, 4)


def state_of(seed: int, spread: float = 3.0, scale: int = 0) -> FrameState:
    values = np.rint(np.random.default_rng(seed).normal(0, spread, FACTS.columns)).astype(np.int32)
    return FrameState(values, scale)


@given(data=st.data(), scale=st.integers(0, 40), other=st.integers(0, 40), lag=st.integers(0, 255))
@settings(max_examples=80, deadline=None)
def test_any_columns_come_back(data: st.DataObject, scale: int, other: int, lag: int) -> None:
    values = st.integers(-VALUE_LIMIT, VALUE_LIMIT) | st.integers(-5, 5)
    columns = st.lists(values, min_size=FACTS.columns, max_size=FACTS.columns)
    state = FrameState(np.array(data.draw(columns), np.int32), scale)
    smaller = st.lists(st.integers(-200, 200), min_size=FACTS.columns, max_size=FACTS.columns)
    reference = FrameState(np.array(data.draw(smaller), np.int32), min(other, scale + 8)) if lag else None
    payload = pack_frame(FACTS, state, reference, lag)
    found = unpack_frame(FACTS, 300, payload, {} if reference is None else {300 - lag: reference})
    np.testing.assert_array_equal(found.values, state.values)
    assert found.scale == scale
    assert found.spelling == state.spelling


def test_steps_are_changed_by_integers_alone() -> None:
    values = np.array([-100000, -7, -1, 0, 1, 5, 1000, VALUE_LIMIT], np.int64)
    for by in range(-40, 41):
        exact = [float(value) / 2.0 ** (by / 4) for value in values]
        np.testing.assert_allclose(rescaled(values, by), exact, rtol=2e-5, atol=0.5)
    assert list(rescaled(np.array([3, -3, 5]), 4)) == [2, -1, 3], "halves are rounded up"
    assert list(rescaled(values, 0)) == list(values)


@pytest.mark.parametrize("value", [0, 1, 2, 3, 4, 65536, 65537, 2**40 - 1, 2**40 + 65536])
def test_square_roots_are_those_of_integers(value: int) -> None:
    root = int(square_root(np.int64(value)))
    assert root * root <= value < (root + 1) ** 2


def test_a_reference_that_is_near_is_worth_bytes() -> None:
    before = state_of(1, 20.0)
    after = FrameState(before.values + np.eye(1, FACTS.columns, 3, dtype=np.int32)[0], 0)
    assert len(pack_frame(FACTS, after, before, 1)) < 0.6 * len(pack_frame(FACTS, after))


def test_a_frame_that_is_not_here_is_named() -> None:
    payload = pack_frame(FACTS, state_of(1), state_of(2), 3)
    with pytest.raises(BitstreamError, match="frame 4, which is not here"):
        unpack_frame(FACTS, 7, payload, {5: state_of(2)})


@pytest.mark.parametrize("lag", [0, 1])
def test_cuts_and_flips_give_an_error_or_bounded_columns(lag: int) -> None:
    reference = state_of(2) if lag else None
    known = {} if reference is None else {9 - lag: reference}
    payload = pack_frame(FACTS, state_of(1), reference, lag)
    damaged = [payload[:length] for length in range(len(payload))]
    for place in range(8 * len(payload)):
        turned = bytearray(payload)
        turned[place // 8] ^= 1 << place % 8
        damaged.append(bytes(turned))
    refused = 0
    for data in damaged:
        try:
            found = unpack_frame(FACTS, 9, data, known)
        except BitstreamError:
            refused += 1
        else:
            assert np.abs(found.values).max() <= VALUE_LIMIT
    assert refused > 0.9 * len(damaged)


@given(rest=st.binary(max_size=300), scale=st.integers(0, 40))
@settings(max_examples=150, deadline=None)
def test_any_stream_behind_a_good_head(rest: bytes, scale: int) -> None:
    try:
        found = unpack_frame(FACTS, 1, PacketHead(False, False, scale).pack() + rest, {})
    except BitstreamError:
        return
    assert np.abs(found.values).max() <= VALUE_LIMIT


def test_packets_are_pinned() -> None:
    """The bytes that every machine and every later version writes and reads."""
    alone = pack_frame(FACTS, state_of(5, 4.0, 2))
    on_another = pack_frame(FACTS, state_of(5, 4.0, 2), state_of(6, 4.0, 0), 2)
    assert alone.hex() == "023053c9022ec6597d32a5da"
    assert on_another.hex() == "4202d8867722efbf77bef609a14819"
