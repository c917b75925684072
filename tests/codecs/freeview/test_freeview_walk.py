# SPDX-License-Identifier: Apache-2.0
"""The walk of differences: what is written comes back, with what is remembered; big magnitudes, any parents."""

from dataclasses import dataclass

import numpy as np
import pytest
from freeview_samples import sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.anchors.neighbors import neighbor_rows
from lamina.anchors.octree import indices_of, morton_keys
from lamina.codecs.freeview import walk as own_walk
from lamina.codecs.freeview.hierarchy import Scale
from lamina.codecs.freeview.memory import Memory, fresh_memory, with_cells
from lamina.codecs.freeview.motion import SUM_LIMIT, Channels
from lamina.codecs.freeview.scale_coding import Above, Carrier, code_scale
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError

CHANNELS = Channels(5, 2)
EVERY = np.array([0, 5, 5, 8, 8, 11, 11, 17], np.int64)
MOTION_ONLY = np.array([0, 0, 5, 8, 8, 11, 11, 11], np.int64)


@dataclass
class Cells:
    """A scale with one above, and what is sent."""

    scale: Scale
    above: np.ndarray
    above_flags: np.ndarray
    sent: np.ndarray
    ranges: np.ndarray


def cells(random: np.random.Generator, count: int = 30, ranges: np.ndarray = EVERY) -> Cells:
    found = indices_of(np.unique(morton_keys(random.integers(0, 4, (count, 3)))))
    parents = np.sort(random.integers(-1, 6, len(found))).astype(np.int32)
    above = sparse(6, CHANNELS.count, random, 0.6)
    flags = np.zeros(6, np.uint8)
    for group, (first, end) in enumerate(EVERY.reshape(-1, 2)):
        flags |= (above[:, first:end].any(axis=1) << group).astype(np.uint8)
    sent = (random.random(len(found)) < 0.9).astype(np.uint8)
    return Cells(Scale(parents, neighbor_rows(found)), above, flags, sent, ranges)


def written(own: Cells, memory: Memory, values: np.ndarray) -> tuple[bytes, np.ndarray, Memory]:
    found: list[tuple[np.ndarray, Memory]] = []

    def walk(coder: Coder) -> None:
        found.append(coded(coder, own, memory.copied(), values.copy()))

    return write_stream(walk), *found[-1]


def coded(coder: Coder, own: Cells, memory: Memory, values: np.ndarray) -> tuple[np.ndarray, Memory]:
    carrier, above = Carrier(own.scale, own.ranges, own.sent), Above(own.above, own.above_flags)
    return code_scale(coder, memory, carrier, above, values)


def read(own: Cells, memory: Memory, stream: bytes) -> tuple[np.ndarray, np.ndarray, Memory]:
    values = np.zeros((own.scale.count, CHANNELS.count), np.int32)
    coder = open_reader(stream)
    flags, after = coded(coder, own, memory.copied(), values)
    expect_end(coder)
    return values, flags, after


def carried(own: Cells, values: np.ndarray) -> np.ndarray:
    """Nothing where the scale carries nothing."""
    mask = np.zeros(CHANNELS.count, np.int32)
    for first, end in own.ranges.reshape(-1, 2):
        mask[first:end] = 1
    return (values * mask * own.sent[:, None]).astype(np.int32)


def same(first: Memory, second: Memory) -> bool:
    pairs = zip((*first.active, *first.values, *first[2:]), (*second.active, *second.values, *second[2:]), strict=True)
    return all(np.array_equal(one, other) for one, other in pairs if isinstance(one, np.ndarray))


@given(seed=st.integers(0, 10_000), share=st.floats(0, 1), frames=st.integers(1, 4), motion_only=st.booleans())
@settings(deadline=None, max_examples=40)
def test_what_is_written_comes_back_frame_after_frame(seed: int, share: float, frames: int, motion_only: bool) -> None:
    random = np.random.default_rng(seed)
    own = cells(random, ranges=MOTION_ONLY if motion_only else EVERY)
    writer = reader = fresh_memory(own.scale.count, CHANNELS)
    for _ in range(frames):
        values = carried(own, sparse(own.scale.count, CHANNELS.count, random, share))
        stream, flags, writer = written(own, writer, values)
        if not stream:
            assert not own.sent.any()
            break
        found, found_flags, reader = read(own, reader, stream)
        assert (found == values).all()
        assert (found_flags == flags).all()
        assert same(writer, reader)


@pytest.mark.parametrize("largest", [1, 2, 3, 4, 255, 256, 1 << 14, SUM_LIMIT, 2 * SUM_LIMIT])
def test_large_magnitudes_come_back(largest: int) -> None:
    random = np.random.default_rng(largest)
    own = cells(random)
    values = np.where(random.random((own.scale.count, CHANNELS.count)) < 0.5, largest, -largest)
    values = carried(own, values - np.sign(values) * random.integers(0, min(largest, 3), values.shape))
    memory = fresh_memory(own.scale.count, CHANNELS)
    stream, _, _ = written(own, memory, values)
    assert (read(own, memory, stream)[0] == values).all()


def test_rejects_more_than_twice_the_limit_of_sums() -> None:
    own = cells(np.random.default_rng(0))
    values = carried(own, np.full((own.scale.count, CHANNELS.count), 2 * SUM_LIMIT + 1))
    with pytest.raises(ValueError, match="out of the range"):
        written(own, fresh_memory(own.scale.count, CHANNELS), values)


def test_flags_tell_the_groups_that_differ() -> None:
    random = np.random.default_rng(4)
    own = cells(random)
    values = carried(own, sparse(own.scale.count, CHANNELS.count, random, 0.7))
    _, flags, memory = written(own, fresh_memory(own.scale.count, CHANNELS), values)
    for group, (first, end) in enumerate(EVERY.reshape(-1, 2)):
        assert ((flags >> group & 1) == values[:, first:end].any(axis=1)).all()
    assert (memory.history == values.any(axis=1)).all()
    assert (memory.past == values).all()


def test_what_was_learned_makes_later_frames_smaller() -> None:
    random = np.random.default_rng(5)
    own = cells(random, 60)
    values = carried(own, sparse(own.scale.count, CHANNELS.count, random, 0.3))
    memory = fresh_memory(own.scale.count, CHANNELS)
    sizes = []
    for _ in range(6):
        stream, _, memory = written(own, memory, values)
        sizes.append(len(stream))
    assert sizes[-1] < 0.75 * sizes[0]


def test_the_memory_that_is_given_stays_as_it_is_when_it_is_copied() -> None:
    random = np.random.default_rng(6)
    own = cells(random)
    memory = fresh_memory(own.scale.count, CHANNELS)
    untouched = memory.copied()
    written(own, memory, carried(own, sparse(own.scale.count, CHANNELS.count, random, 0.5)))
    assert same(memory, untouched)


def test_memory_goes_with_its_cells() -> None:
    random = np.random.default_rng(7)
    own = cells(random)
    _, _, memory = written(own, fresh_memory(own.scale.count, CHANNELS), carried(own, np.ones((own.scale.count, 17))))
    rows = np.array([3, 0, 5])
    found = with_cells(memory, rows, 2)
    assert (found.past[:3] == memory.past[rows]).all()
    assert (found.history == [*memory.history[rows], 0, 0]).all()
    first = own_walk.ACTIVE_CELL
    assert (found.active.slots[first : first + 3] == memory.active.slots[first + rows]).all()
    assert (found.active.slots[:first] == memory.active.slots[:first]).all()
    assert (found.active.slots[first + 3 :] == fresh_memory(2, CHANNELS).active.slots[first:]).all()


def test_slots_and_weights_of_all_contexts_are_there() -> None:
    """Behind the last slot that any context may name."""
    memory = fresh_memory(11, Channels(128, 31))
    assert Channels(128, 31).count <= own_walk.COLUMNS
    assert len(memory.active.slots) == own_walk.ACTIVE_CELL + 11
    assert len(memory.values.slots) == own_walk.VALUE_ROWS
    assert len(memory.values.weights) == own_walk.VALUE_SETS
    assert 2 * SUM_LIMIT - 1 < 1 << own_walk.MAX_CLASS


@given(stream=st.binary(min_size=4, max_size=60), seed=st.integers(0, 50))
@settings(deadline=None, max_examples=60)
def test_any_bytes_give_differences_within_bounds_or_an_error(stream: bytes, seed: int) -> None:
    own = cells(np.random.default_rng(seed))
    try:
        values, _, _ = read(own, fresh_memory(own.scale.count, CHANNELS), stream)
    except BitstreamError:
        return
    assert np.abs(values).max(initial=0) <= 2 * SUM_LIMIT
    assert not values[own.sent == 0].any()
