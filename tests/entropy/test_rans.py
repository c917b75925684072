# SPDX-License-Identifier: Apache-2.0
"""Table coding: round trips, size, hostile bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.entropy.rans import (
    MAX_SYMBOLS,
    decode_indexed,
    decode_static,
    encode_indexed,
    encode_static,
    ideal_size_bytes,
)
from lamina.entropy.tables import MAX_VALUE, FrequencyTables, tables_from_counts
from lamina.errors import BitstreamError

VALUE = st.integers(-8, 8) | st.integers(-MAX_VALUE, MAX_VALUE)


@st.composite
def some_tables(draw: st.DrawFn) -> FrequencyTables:
    rows = draw(st.lists(st.lists(st.integers(0, 1000), min_size=2, max_size=40), min_size=1, max_size=5))
    lows = draw(st.lists(st.integers(-30, 10), min_size=len(rows), max_size=len(rows)))
    return tables_from_counts(rows, lows)


def gaussian_tables(count: int = 64) -> FrequencyTables:
    """Rows of 64 values; scale from 0.3 to 9 symbols."""
    x = np.arange(-32, 32)
    scales = 0.3 * 1.055 ** np.arange(count)
    rows = [[int(c) for c in 1e6 * np.exp(-0.5 * (x / scale) ** 2)] + [1] for scale in scales]
    return tables_from_counts(rows, [-32] * count)


def gaussian_symbols(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    indices = generator.integers(0, 64, count)
    return np.rint(generator.normal(0, 0.3 * 1.055**indices)).astype(np.int32), indices


@given(some_tables(), st.lists(st.tuples(VALUE, st.integers(0, 4)), max_size=80))
@settings(max_examples=150, deadline=None)
def test_round_trip_and_size(tables, symbols):
    values = np.array([value for value, _ in symbols], np.int64)
    indices = np.array([index % tables.table_count for _, index in symbols], np.int64)
    data = encode_indexed(values, indices, tables)
    assert decode_indexed(data, indices, tables).tolist() == values.tolist()
    assert len(data) <= ideal_size_bytes(values, indices, tables) + 4


@pytest.mark.parametrize("count", [0, 1, 2, 3, 65535, 65536, 65537, 65538, 65539, 150001])
def test_round_trip_with_one_and_four_states(count):
    values, indices = gaussian_symbols(count)
    values[5::1000] = 12345
    tables = gaussian_tables()
    data = encode_indexed(values, indices, tables)
    assert (decode_indexed(data, indices, tables) == values).all()
    assert len(data) <= 1.001 * ideal_size_bytes(values, indices, tables) + 8
    assert (data == b"") == (count == 0)


def test_static_is_indexed_with_one_table():
    tables = gaussian_tables()
    values, _ = gaussian_symbols(1000)
    data = encode_static(values, tables, 40)
    assert data == encode_indexed(values, np.full(1000, 40), tables)
    assert (decode_static(data, 1000, tables, 40) == values).all()


def test_encode_rejects_what_does_not_fit():
    tables = gaussian_tables(2)
    with pytest.raises(ValueError, match="1 values but 2"):
        encode_indexed(np.zeros(1, int), np.zeros(2, int), tables)
    with pytest.raises(ValueError, match=r"table indices 0\.\.\.2"):
        encode_indexed(np.zeros(2, int), np.array([0, 2]), tables)
    with pytest.raises(ValueError, match="table indices -1"):
        encode_indexed(np.zeros(1, int), np.array([-1]), tables)
    with pytest.raises(ValueError, match="in magnitude"):
        encode_static(np.array([MAX_VALUE + 1]), tables)


@pytest.mark.parametrize("count", [-1, MAX_SYMBOLS + 1, 1 << 60])
def test_decode_rejects_absurd_counts(count):
    with pytest.raises(BitstreamError, match="symbols; expected"):
        decode_static(b"", count, gaussian_tables(1))


def test_decode_rejects_every_truncation_and_extension():
    tables = gaussian_tables()
    values, indices = gaussian_symbols(300)
    data = encode_indexed(values, indices, tables)
    for wrong in [data[:end] for end in range(len(data))] + [data + b"\0", data + b"\1"]:
        with pytest.raises(BitstreamError):
            decode_indexed(wrong, indices, tables)


def test_decode_rejects_flipped_bits():
    tables = gaussian_tables()
    values, indices = gaussian_symbols(60)
    data = encode_indexed(values, indices, tables)
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BitstreamError):
            decode_indexed(bytes(wrong), indices, tables)


@given(some_tables(), st.binary(max_size=60), st.integers(0, 200))
@settings(max_examples=200, deadline=None)
def test_random_bytes_decode_to_values_or_an_error(tables, data, count):
    try:
        values = decode_static(data, count, tables)
    except BitstreamError:
        return
    assert encode_static(values, tables) == data


def test_four_states_reject_random_bytes():
    tables = gaussian_tables(1)
    noise = np.random.default_rng(0).bytes(5000)
    for data in (b"", noise[:15], noise[:16], noise):
        with pytest.raises(BitstreamError):
            decode_static(data, 70000, tables)
