# SPDX-License-Identifier: Apache-2.0
"""Integers as adaptive bits: round trips, costs, values out of range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import walk_exp_golomb, walk_magnitudes, walk_signed, walk_symbols, walk_unsigned

from lamina.entropy.binary import finished_cleanly, fresh_contexts
from lamina.entropy.symbols import cost_exp_golomb, cost_signed, cost_symbol, cost_unsigned
from lamina.entropy.walk import expect_end, measured_bits, open_meter, open_reader, write_stream
from lamina.errors import BitstreamError

LARGEST = 2**31 - 2
SMALL_OR_LARGE = st.integers(0, 9) | st.integers(0, LARGEST)
WALKS = {
    "symbol": lambda coder, values: walk_symbols(coder, fresh_contexts(31), 5, values),
    "exp golomb": lambda coder, values: walk_exp_golomb(coder, 0, values),
    "unsigned": lambda coder, values: walk_unsigned(coder, fresh_contexts(6), 6, values),
    "signed": lambda coder, values: walk_signed(coder, fresh_contexts(8), 6, values),
    "magnitude": lambda coder, values: walk_magnitudes(coder, fresh_contexts(62), 31, values),
}
VALUES = {
    "symbol": st.integers(0, 31),
    "exp golomb": SMALL_OR_LARGE,
    "unsigned": SMALL_OR_LARGE,
    "signed": st.integers(-9, 9) | st.integers(-LARGEST, LARGEST),
    "magnitude": SMALL_OR_LARGE,
}


@pytest.mark.parametrize("name", WALKS)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_round_trip(name, data):
    values = np.array(data.draw(st.lists(VALUES[name], max_size=60)), np.int64)
    stream = write_stream(lambda coder: WALKS[name](coder, values), capacity=1)
    reader, found = open_reader(stream), np.full_like(values, -1)
    WALKS[name](reader, found)
    expect_end(reader)
    assert found.tolist() == values.tolist()


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name in WALKS for value in (-(2**40), 2**40)]
    + [(name, -1) for name in ("symbol", "exp golomb", "unsigned", "magnitude")]
    + [("symbol", 32), ("exp golomb", 2**31 - 1), ("magnitude", 2**31 - 1)],
)
def test_writer_rejects_values_out_of_range(name, value):
    with pytest.raises(ValueError, match="out of the range"):
        write_stream(lambda coder: WALKS[name](coder, np.array([value])))


@pytest.mark.parametrize("value", [0, 1, 5, 6, 7, 30])
def test_costs_are_what_a_meter_says(value):
    costs = {
        "symbol": cost_symbol(fresh_contexts(31), 0, 5, value),
        "exp golomb": cost_exp_golomb(value, 0),
        "unsigned": cost_unsigned(fresh_contexts(6), 0, 6, value),
        "signed": cost_signed(fresh_contexts(8), 0, 6, -value),
    }
    for name, cost in costs.items():
        meter = open_meter()
        WALKS[name](meter, np.array([-value if name == "signed" else value]))
        assert measured_bits(meter) == pytest.approx(cost, abs=1e-3)


@pytest.mark.parametrize("name", WALKS)
@given(data=st.binary(max_size=64))
@settings(max_examples=60, deadline=None)
def test_random_bytes_end_in_values_or_an_error(name, data):
    values = np.zeros(40, np.int64)
    try:
        reader = open_reader(data)
        WALKS[name](reader, values)
        expect_end(reader)
    except BitstreamError:
        return
    assert write_stream(lambda coder: WALKS[name](coder, values)) == data


def test_adaptive_symbols_beat_raw_bits_on_skewed_data():
    values = np.minimum(np.random.default_rng(0).geometric(0.5, 3000) - 1, 31)
    stream = write_stream(lambda coder: WALKS["symbol"](coder, values))
    assert len(stream) < 0.42 * 3000 * 5 / 8


def test_a_damaged_golomb_prefix_stops_the_loop():
    reader = open_reader(b"\xff\xff\xfe" + b"\xff" * 64)
    values = np.ones(5, np.int64)
    WALKS["exp golomb"](reader, values)
    assert values[0] == 0
    assert not finished_cleanly(reader)
