# SPDX-License-Identifier: Apache-2.0
"""Tables as side information: close to their counts, small, and safe to read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.entropy.rans import ideal_size_bytes
from lamina.entropy.symbols import code_exp_golomb
from lamina.entropy.table_syntax import MAX_CODE, _code_of, _weight_of, pack_tables, unpack_tables
from lamina.entropy.tables import MAX_TABLE_VALUES, count_values, tables_from_counts
from lamina.entropy.walk import write_stream
from lamina.errors import BitstreamError

ROW = st.lists(st.integers(0, 10**6) | st.just(0), min_size=2, max_size=50)


@given(st.lists(st.tuples(ROW, st.integers(-(2**20), 2**20)), min_size=1, max_size=5))
@settings(max_examples=80, deadline=None)
def test_unpacked_tables_have_the_same_shape(rows):
    tables = unpack_tables(pack_tables([row for row, _ in rows], [low for _, low in rows]))
    assert tables.lows.tolist() == [low for _, low in rows]
    assert np.diff(tables.offsets).tolist() == [len(row) + 1 for row, _ in rows]


def test_weight_codes_are_the_nearest():
    weights = [_weight_of(code) for code in range(MAX_CODE + 1)]
    assert weights[:10] == [0, 4, 5, 6, 7, 8, 10, 12, 14, 16]
    assert weights[-1] == 1 << 18
    for code, weight in enumerate(weights):
        assert _code_of(weight, 1 << 18) == code


def test_packed_tables_code_as_well_as_exact_ones():
    generator = np.random.default_rng(0)
    indices = generator.integers(0, 4, 9000)
    values = np.rint(generator.laplace(0, 1 + 2 * indices)).astype(np.int64)
    rows, lows = count_values(values, indices, 4, max_values=64)
    data = pack_tables(rows, lows)
    exact = ideal_size_bytes(values, indices, tables_from_counts(rows, lows))
    assert len(data) < 0.8 * sum(map(len, rows))
    assert ideal_size_bytes(values, indices, unpack_tables(data)) < 1.003 * exact


def test_pack_rejects_what_no_decoder_accepts():
    with pytest.raises(ValueError, match="expected 3"):
        pack_tables([[1] * (MAX_TABLE_VALUES + 2)], [0])
    with pytest.raises(ValueError, match="beyond"):
        pack_tables([[1, 1]], [1 << 21])


def test_unpack_rejects_absurd_counts():
    for count in (1024, 10**9):
        data = write_stream(lambda coder, count=count: code_exp_golomb(coder, count, 4))
        with pytest.raises(BitstreamError, match="expected at most 1024"):
            unpack_tables(data)


def test_unpack_rejects_every_truncation():
    data = pack_tables([[5, 100, 7, 0], [1] * 30], [-1, 0])
    for end in range(len(data)):
        with pytest.raises(BitstreamError):
            unpack_tables(data[:end])


@given(st.binary(max_size=100))
@settings(max_examples=150, deadline=None)
def test_random_bytes_unpack_to_tables_or_an_error(data):
    try:
        tables = unpack_tables(data)
    except BitstreamError:
        return
    assert tables.table_count >= 1
