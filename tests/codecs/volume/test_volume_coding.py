# SPDX-License-Identifier: Apache-2.0
"""Volume units carry what parts say, in any order that brings what a unit needs first."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_samples import DENSE, LARGE, PLAIN, TABLES, Made, contents_of, facts_of, parts_of, units_of

from lamina.codecs.volume.coding import decode, decode_states
from lamina.codecs.volume.facts import breakdown, inspect
from lamina.codecs.volume.fit.fit import after
from lamina.codecs.volume.model import FramePart, render
from lamina.errors import BitstreamError
from lamina.grids.reference import upsampled_reference, warped_reference
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit


@pytest.mark.parametrize(
    "made",
    [
        PLAIN,
        LARGE,
        replace(PLAIN, level_count=1, coarse_cells=(6, 5, 7)),
        replace(PLAIN, level_count=4, frames=2),
        TABLES,
        DENSE,
    ],
    ids=["plain", "large", "one level", "four levels", "tables", "dense"],
)
def test_what_parts_say_comes_back(made: Made) -> None:
    found = {(u.key.frame, u.key.layer): state for u, _, state in decode_states(units_of(made)) if state is not None}
    for frame in range(made.frames):
        for level, content in enumerate(contents_of(made, frame)):
            state = found[frame, level]
            np.testing.assert_array_equal(state.level.cells, content.level.cells)
            np.testing.assert_array_equal(state.symbols, content.symbols)
            np.testing.assert_array_equal(state.sent_vectors, content.vectors)


def test_encoder_and_decoder_have_the_same_values() -> None:
    parts = [part for part in parts_of(PLAIN) if isinstance(part, FramePart)]
    decoded = {(u.key.frame, u.key.layer): s for u, _, s in decode_states(units_of(PLAIN)) if s is not None}
    for part in parts:
        states, size_bytes = after(part.facts, part.head, part.contents, part.before)
        assert size_bytes == sum(len(u.payload) for u in units_of(PLAIN) if u.key[2] == part.frame and u.key[1] >= 0)
        for level, state in enumerate(states):
            np.testing.assert_array_equal(state.values, decoded[part.frame, level].values)


def test_values_are_what_the_readable_sum_says() -> None:
    """Frame 1, level 1: moved from frame 0, plus what level 0 differs by, plus the level's own symbols."""
    found = {(u.key.frame, u.key.layer): s for u, _, s in decode_states(units_of(PLAIN)) if s is not None}
    above, own, before = found[1, 0], found[1, 1], found[0, 1]
    head = next(part.head for part in parts_of(PLAIN) if isinstance(part, FramePart))
    base = upsampled_reference(own.level, above.level, above.differences)
    vectors = upsampled_reference(own.level, above.level, above.sent_vectors * head.vector_step)
    moved = warped_reference(own.level, vectors, PLAIN.level_count - 2, before.level, before.values, -(6 << 12))
    kinds = head.steps[4:8]
    steps = np.array([kinds[0], kinds[1], kinds[2], kinds[2], kinds[3]])
    np.testing.assert_array_equal(own.values, moved + base + own.symbols * steps)


@given(
    levels=st.integers(1, 3),
    cells=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
    extra=st.integers(0, 3),
    largest=st.sampled_from([0, 1, 40, 32767]),
    vectors=st.sampled_from([0, 1, 200]),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=40)
def test_any_content_comes_back(
    levels: int, cells: tuple[int, int, int], extra: int, largest: int, vectors: int, seed: int
) -> None:
    made = Made(levels, cells, 0, extra, 2, 2, largest, vectors, 0, False, seed)
    found = {(u.key.frame, u.key.layer): s for u, _, s in decode_states(units_of(made)) if s is not None}
    for frame in range(2):
        for level, content in enumerate(contents_of(made, frame)):
            np.testing.assert_array_equal(found[frame, level].symbols, content.symbols)


def by_frames(unit: Unit) -> Any:
    return unit.key.group, unit.key.frame, unit.key.layer


def by_layers(unit: Unit) -> Any:
    return unit.key.group, unit.key.layer, unit.key.frame


@pytest.mark.parametrize("order", [by_frames, by_layers])
@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_levels_and_frames_in_a_group_gives_the_same(order: Callable[[Unit], Any], seed: int) -> None:
    def values_of(units: list[Unit]) -> dict[tuple[int, int], bytes]:
        return {(m.frame, m.level): m.state.values.tobytes() for m in decode(units)}

    units = units_of(PLAIN)
    assert values_of(sorted(units, key=order)) == values_of(units)
    assert order in (by_frames, by_layers)
    # One frame's levels at a time, frames of a group in a mixture that brings what is needed first.
    chance = random.Random(seed)
    waiting = sorted(units, key=by_frames)
    mixed: list[Unit] = [unit for unit in waiting if unit.key.layer == HEADER_LAYER and unit.key.group <= 0]
    group = [unit for unit in waiting if unit.key.group == 0 and unit.key.layer != HEADER_LAYER]
    while group:
        ready = [
            unit
            for unit in group
            if not any(
                other.key.layer <= unit.key.layer and other.key.frame <= unit.key.frame and other is not unit
                for other in group
            )
        ]
        chosen = chance.choice(ready)
        mixed.append(chosen)
        group.remove(chosen)
    found = values_of(mixed)
    assert found.items() <= values_of(units).items()
    assert len(found) == PLAIN.group_frames * PLAIN.level_count


@pytest.mark.parametrize("level", range(PLAIN.level_count))
def test_a_cut_shows_what_the_whole_shows_at_that_level(level: int) -> None:
    units = units_of(PLAIN)
    whole = {m.frame: m for m in decode(units) if m.level == level}
    cut = {m.frame: m for m in decode(unit for unit in units if unit.key.layer <= level) if m.level == level}
    for frame, model in whole.items():
        np.testing.assert_array_equal(render(cut[frame], model.view), render(model, model.view))


def test_decoding_begins_at_any_group() -> None:
    units = [unit for unit in units_of(PLAIN) if unit.key.group in (STREAM_GROUP, 1)]
    assert {model.frame for model in decode(units)} == {3}


def test_rejects_a_frame_whose_frame_before_is_missing() -> None:
    units = [unit for unit in units_of(PLAIN) if unit.key.frame != 1]
    with pytest.raises(BitstreamError, match="the frame before, on which it builds, is missing"):
        list(decode(units))


def test_rejects_levels_whose_level_above_is_missing() -> None:
    units = [unit for unit in units_of(PLAIN) if unit.key.layer != 1]
    with pytest.raises(BitstreamError, match="the level above is missing"):
        list(decode(units))


def test_states_of_frames_that_nobody_needs_are_forgotten() -> None:
    made = replace(PLAIN, frames=9, group_frames=9)
    decoder = [decoder for _, decoder, _ in decode_states(units_of(made))][-1]
    assert len(decoder.states[-1]) == 2


def test_a_frame_like_the_one_before_is_a_few_bytes() -> None:
    made = replace(PLAIN, vectors=0, largest=0, frames=2)
    payloads = [unit.payload for unit in units_of(made) if unit.key.frame == 1 and unit.key.layer == 2]
    assert [len(payload) for payload in payloads] == [3]


def test_facts_of_the_header_and_where_bytes_go() -> None:
    header, *units = units_of(PLAIN)
    info = inspect(header.payload)
    assert (info.kind, info.width, info.height, info.level_count) == ("volume", 48, 40, 3)
    assert info.is_foreground
    assert info.details["finest lattice"] == "12x8x16 cells of 0.125 world units"
    assert "freeview is the better choice" in info.details["holds"]
    assert facts_of(PLAIN).channel_count == 5
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)
    assert breakdown(header.payload, units[0])["network"] > 0


def test_what_is_behind_can_be_another_color_or_a_picture() -> None:
    model = next(model for model in decode(units_of(PLAIN)) if model.level == 2)
    camera = model.view
    own, black = render(model, camera), render(model.over((0, 0, 0)), camera)
    picture = np.random.default_rng(0).integers(0, 256, (40, 48, 3)).astype(np.uint8)
    behind = (own - black)[..., 2] / (90 / 255)
    shown = render(model.over(picture), camera)
    np.testing.assert_allclose(shown, black + behind[..., None] * (torch.from_numpy(picture) / 255.0), atol=1e-5)
    with pytest.raises(ValueError, match="a background of 48x39 pixels"):
        render(model.over(picture[1:]), camera)
