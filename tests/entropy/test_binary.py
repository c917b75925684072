# SPDX-License-Identifier: Apache-2.0
"""Adaptive bits, raw bits and uniform integers: round trips, size, hostile bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walks import walk_bits, walk_raw, walk_split, walk_uniform

from lamina.entropy.binary import cost_bit, finished_cleanly, fresh_contexts, primed_contexts, ran_dry
from lamina.entropy.split import MAX_TOTAL, SPLIT_SHAPES, split_table
from lamina.entropy.walk import (
    expect_end,
    finish,
    measured_bits,
    open_meter,
    open_reader,
    open_writer,
    write_stream,
)
from lamina.errors import BitstreamError


def round_trip(walk, values):
    """Write, read back and compare; returns the bytes. `walk(coder, values)` works in place."""
    data = write_stream(lambda coder: walk(coder, values), capacity=16)
    reader, found = open_reader(data), np.full_like(values, -1)
    walk(reader, found)
    expect_end(reader)
    assert found.tolist() == values.tolist()
    meter = open_meter()
    walk(meter, values)
    assert abs(measured_bits(meter) / 8 - len(data)) <= 0.001 * len(data) + 4
    return data


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=300), st.integers(2, 50))
@settings(max_examples=80, deadline=None)
def test_bits_round_trip(bits, window):
    rows = np.array([row for row, _ in bits], np.int64)
    values = np.array([bit for _, bit in bits], np.int64)
    round_trip(lambda coder, bits: walk_bits(coder, fresh_contexts(4, window), rows, bits), values)


def test_nothing_is_no_bytes():
    assert finish(open_writer()) == b""
    expect_end(open_reader(b""))


def test_size_is_near_the_ideal():
    generator = np.random.default_rng(3)
    rows = generator.integers(0, 16, 200_000)
    ones = np.linspace(0.003, 0.9, 16)
    bits = (generator.random(200_000) < ones[rows]).astype(np.int64)
    counts = np.stack([1 - ones, ones], 1) * 6e7
    walk = lambda coder, bits: walk_bits(coder, primed_contexts(counts.astype(np.int64), 1 << 14, 1 << 20), rows, bits)  # noqa: E731
    entropy_bytes = -np.log2(np.where(bits == 1, ones[rows], 1 - ones[rows])).sum() / 8
    assert len(round_trip(walk, bits)) <= 1.001 * entropy_bytes + 8


def test_priors_pay_on_short_streams():
    bits = (np.random.default_rng(4).random(100) < 0.03).astype(np.int64)
    rows = np.zeros(100, np.int64)
    fresh = round_trip(lambda coder, bits: walk_bits(coder, fresh_contexts(1), rows, bits), bits)
    primed = round_trip(lambda coder, bits: walk_bits(coder, primed_contexts(np.array([[970, 30]])), rows, bits), bits)
    assert len(primed) <= len(fresh)


def test_contexts_carry_counts_and_limit():
    assert fresh_contexts(2, 100).tolist() == [[16, 16, 3200]] * 2
    assert primed_contexts(np.array([[0, 1000], [3, 0]]), mass=20, window=256).tolist() == [
        [1, 639, 8192],
        [112, 16, 8192],
    ]
    assert cost_bit(primed_contexts(np.array([[10**6, 10**6]])), 0, 1) == 1.0


@pytest.mark.parametrize(
    ("counts", "mass", "window"),
    [([[0, -1]], 20, 256), ([[1, 1]], 0, 256), ([[1, 1]], 20, 1), ([[(1 << 26) + 1, 1]], 20, 256)],
)
def test_primed_contexts_reject_absurd_counts(counts, mass, window):
    with pytest.raises(ValueError, match="expected"):
        primed_contexts(np.array(counts), mass, window)


@given(st.lists(st.integers(0, 32).flatmap(lambda w: st.tuples(st.just(w), st.integers(0, (1 << w) - 1))), max_size=60))
@settings(max_examples=80, deadline=None)
def test_raw_bits_round_trip(values):
    widths = np.array([width for width, _ in values], np.int64)
    data = round_trip(lambda coder, v: walk_raw(coder, widths, v), np.array([value for _, value in values], np.int64))
    assert len(data) <= widths.sum() / 8 + 3


SIZE = st.integers(1, 300) | st.integers(1, 1 << 20)


@given(st.lists(SIZE.flatmap(lambda s: st.tuples(st.just(s), st.integers(0, s - 1) | st.just(s - 1))), max_size=60))
@settings(max_examples=80, deadline=None)
def test_uniform_round_trip(pairs):
    sizes = np.array([size for size, _ in pairs], np.int64)
    values = np.array([value for _, value in pairs], np.int64)
    round_trip(lambda coder, v: walk_uniform(coder, sizes, v), values)


@pytest.mark.parametrize("size", [2, 3, 255, 257, 1000, 40000, 65537, 1 << 20])
def test_uniform_costs_the_logarithm(size):
    values = np.random.default_rng(size).integers(0, size, 4000)
    data = round_trip(lambda coder, v: walk_uniform(coder, np.full(4000, size), v), values)
    assert len(data) <= 1.001 * 500 * np.log2(size) + 8


def test_writer_rejects_values_out_of_range():
    for walk, bound in ((walk_raw, 3), (walk_uniform, 8)):
        for value in (-1, 8):
            with pytest.raises(ValueError, match="out of the range"):
                write_stream(lambda coder, w=walk, b=bound, v=value: w(coder, np.array([b]), np.array([v])))


def test_finish_rejects_readers_and_meters():
    for coder in (open_reader(b""), open_meter()):
        with pytest.raises(ValueError, match="no stream to finish"):
            finish(coder)


def test_finish_rejects_a_writer_that_was_too_small():
    writer = open_writer(2)
    walk_raw(writer, np.full(3, 5), np.zeros(3, np.int64))
    assert not finished_cleanly(writer)
    with pytest.raises(ValueError, match="3 records but room for 2"):
        finish(writer)


@pytest.mark.parametrize("shape", range(len(SPLIT_SHAPES)))
@pytest.mark.parametrize("largest", [6, 140, 100_000])
def test_split_round_trip_and_size(shape, largest):
    generator = np.random.default_rng(shape)
    totals = generator.integers(0, largest + 1, 1500)
    a = SPLIT_SHAPES[shape] / 2
    share = generator.beta(a, a, 1500) if a else np.full(1500, 0.5)
    values = generator.binomial(totals, share).astype(np.int64)
    data = round_trip(lambda coder, v: walk_split(coder, split_table(shape), totals, v), values)
    uniform_bytes = np.log2(totals + 1).sum() / 8
    assert len(data) <= uniform_bytes * 1.02 + 4


def test_split_rejects_impossible_counts():
    with pytest.raises(ValueError, match="split shape 8"):
        split_table(8)
    for total, value in ((-1, 0), (5, 6), (MAX_TOTAL + 1, 0)):
        with pytest.raises(ValueError, match="out of the range"):
            write_stream(
                lambda coder, t=total, v=value: walk_split(coder, split_table(0), np.array([t]), np.array([v]))
            )


@given(st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_random_bytes_end_in_values_or_an_error(data):
    totals = np.array([5, 100, 129, 9000, MAX_TOTAL, -7, 1 << 40] * 10)
    values = np.zeros(70, np.int64)
    try:
        reader = open_reader(data)
    except BitstreamError:
        return
    walk_split(reader, split_table(3), totals, values)
    assert ran_dry(reader)
    walk_uniform(reader, totals, values[:35])
    assert not finished_cleanly(reader)
    with pytest.raises(BitstreamError):
        expect_end(reader, unit="positions")


def test_reader_rejects_every_truncation_and_flip():
    bits = (np.random.default_rng(5).random(400) < 0.3).astype(np.int64)
    rows = np.zeros(400, np.int64)
    data = write_stream(lambda coder: walk_bits(coder, fresh_contexts(1), rows, bits))
    wrongs = [data[:end] for end in range(len(data))] + [data + b"\0"]
    wrongs += [
        bytes(b ^ (1 << k) if i == j else b for j, b in enumerate(data)) for i in range(len(data)) for k in range(8)
    ]
    for wrong in wrongs:
        with pytest.raises(BitstreamError):
            expect_end_after_bits(wrong, rows)


def expect_end_after_bits(data, rows):
    reader = open_reader(data)
    walk_bits(reader, fresh_contexts(1), rows, np.zeros(len(rows), np.int64))
    expect_end(reader, unit="mask")
