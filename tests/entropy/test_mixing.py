# SPDX-License-Identifier: Apache-2.0
"""Bits under mixed contexts, integers under known tables: round trips, sizes, tables that are the same everywhere."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import walk_indexed, walk_mixed

from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.entropy.indexed import code_where
from lamina.entropy.mixing import STRETCH_LIMIT, STRETCH_UNIT, fresh_mixer, stored_tables
from lamina.entropy.rans import encode_indexed, ideal_size_bytes
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.tables import MAX_VALUE
from lamina.entropy.walk import expect_end, measured_bits, open_meter, open_reader, write_stream


def arrays() -> TableArrays:
    tables = gaussian_tables()
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)


def test_stored_tables_are_pinned_and_inverse() -> None:
    squash, stretch, rates = stored_tables()
    digest = hashlib.sha256(b"".join(table.astype("<i4").tobytes() for table in (squash, stretch, rates)))
    assert digest.hexdigest()[:16] == "f2084f3e998662c0"
    assert (np.diff(stretch) >= 0).all()
    assert np.abs(stretch).max() == STRETCH_LIMIT
    for probability in (40, 400, 1000, 2048, 3000, 4050):
        p = (probability + 0.5) / 4096
        assert stretch[probability] / STRETCH_UNIT == pytest.approx(math.log(p / (1 - p)), abs=0.05)


@given(bits=st.lists(st.integers(0, 1), max_size=200), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_mixed_bits_come_back(bits: list[int], seed: int) -> None:
    values = np.array(bits, np.int64)
    slots = np.random.default_rng(seed).integers(0, 8, (len(bits), 3))
    data = write_stream(lambda coder: walk_mixed(coder, fresh_mixer(8, 2, 3), slots, values.copy()), capacity=1)
    found, reader = np.zeros_like(values), open_reader(data)
    walk_mixed(reader, fresh_mixer(8, 2, 3), slots, found)
    expect_end(reader)
    assert found.tolist() == bits


def test_mixing_finds_the_context_that_knows() -> None:
    random = np.random.default_rng(0)
    count = 4000
    slots = np.stack([random.integers(0, 4, count), 4 + random.integers(0, 4, count), np.full(count, 8)], axis=1)
    chances = np.array([0.02, 0.3, 0.6, 0.97])
    bits = (random.random(count) < chances[slots[:, 1] - 4]).astype(np.int64)
    entropy = -(chances * np.log2(chances) + (1 - chances) * np.log2(1 - chances)).mean()
    meter = open_meter()
    walk_mixed(meter, fresh_mixer(9, 2, 3), slots, bits)
    assert measured_bits(meter) / count < 1.06 * entropy


ANY_VALUE = st.integers(-9, 9) | st.integers(-2000, 2000) | st.integers(-MAX_VALUE, MAX_VALUE)


@given(values=st.lists(ANY_VALUE, max_size=40), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_integers_under_tables_come_back_and_cost_as_in_a_stream_of_their_own(values: list[int], seed: int) -> None:
    wanted = np.array(values, np.int64)
    rows = np.random.default_rng(seed).integers(0, 64, len(values))
    data = write_stream(lambda coder: walk_indexed(coder, arrays(), rows, wanted.copy()), capacity=1)
    found, reader = np.zeros_like(wanted), open_reader(data)
    walk_indexed(reader, arrays(), rows, found)
    expect_end(reader)
    assert found.tolist() == values
    assert abs(len(data) - ideal_size_bytes(wanted, rows, gaussian_tables())) < 5
    assert abs(len(data) - len(encode_indexed(wanted, rows, gaussian_tables()))) <= 1


@pytest.mark.parametrize("value", [MAX_VALUE + 1, -MAX_VALUE - 1])
def test_values_beyond_the_format_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match="out of the range"):
        write_stream(lambda coder: walk_indexed(coder, arrays(), np.array([3]), np.array([value])))


def test_only_active_values_are_coded() -> None:
    random = np.random.default_rng(0)
    values = random.integers(-3, 4, (50, 4)).astype(np.int32)
    active = random.integers(0, 2, values.shape).astype(np.uint8)
    rows = random.integers(10, 40, values.shape).astype(np.uint16)
    data = write_stream(lambda coder: code_where(coder, arrays(), rows, active, values.copy()))
    found, reader = np.zeros_like(values), open_reader(data)
    code_where(reader, arrays(), rows, active, found)
    expect_end(reader)
    assert np.array_equal(found, values * active)
