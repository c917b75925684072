# SPDX-License-Identifier: Apache-2.0
"""Head units cut short, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import contextlib
import sys
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from damage import survivors, with_payload
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs.head.coding import decode, encode
from lamina.codecs.head.columns import VALUE_LIMIT
from lamina.codecs.head.facts import breakdown, inspect
from lamina.codecs.head.model import HeadModel, render
from lamina.codecs.head.person import unpack_person
from lamina.codecs.head.syntax import MAX_FREE, MAX_MESH, MAX_RUN_FRAMES, HeadFacts, LayerHead, RunHead
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "head"))
from head_samples import facts_of, parts_of

LAYERS, FRAMES = 2, (3, 2)
NUMBERS = range(1 + LAYERS + LAYERS * len(FRAMES))
"""Header unit, two layers of the head, then a unit a (run, layer)."""
CUT_STRIDE, FLIP_STRIDE = 5, 13
"""Every so many bytes is cut, bits flipped: primes to 8, so that all places in a byte have their turn."""
SLOWEST_S = 3.0
"""A claim of all Gaussians by a few bytes is found out within this, compiled kernels given: their neighbours are
looked for first."""
MEMORY_BYTES = 200_000_000


@cache
def stream() -> tuple[Unit, ...]:
    return tuple(encode(parts_of(facts_of(gaussians=10), *FRAMES)))


def check(model: HeadModel) -> None:
    assert np.abs(model.values).max(initial=0) <= VALUE_LIMIT


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(decode(units), check)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    counts = [FRAMES[run] for run in range(len(FRAMES)) for _ in range(LAYERS)]
    return sum(counts[: max(number - 1 - LAYERS, 0)])


def test_the_sample_decodes() -> None:
    assert decoded(stream()) == LAYERS * sum(FRAMES)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_are_cut_are_errors(number: int) -> None:
    payload = stream()[number].payload
    for length in (*range(min(len(payload), 16)), *range(16, len(payload), CUT_STRIDE)):
        assert decoded(with_payload(stream(), number, payload[:length])) == before(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int) -> None:
    payload = stream()[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(stream(), number, payload + more)) == before(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_flipped_bits_give_an_error_or_models(number: int) -> None:
    payload = stream()[number].payload
    for position in range(number, 8 * len(payload), 101 if number == 0 else FLIP_STRIDE):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        assert before(number) <= decoded(with_payload(stream(), number, bytes(damaged))) <= LAYERS * sum(FRAMES)


@given(number=st.sampled_from(list(NUMBERS)[1:]), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=80)
def test_random_payloads_give_an_error_or_models(number: int, payload: bytes) -> None:
    assert before(number) <= decoded(with_payload(stream(), number, payload)) <= LAYERS * sum(FRAMES)


@given(number=st.sampled_from(list(NUMBERS)[3:]), scale=st.integers(0, 40), body=st.binary(min_size=4, max_size=60))
@settings(deadline=None, max_examples=80)
def test_random_streams_behind_good_heads_give_an_error_or_models(number: int, scale: int, body: bytes) -> None:
    frames = stream()[number].frame_count
    payload = RunHead(False, scale, frames).pack() + body
    assert before(number) <= decoded(with_payload(stream(), number, payload)) <= LAYERS * sum(FRAMES)


@pytest.mark.parametrize("body", [b"", b"\1\2\3\4", bytes(range(7, 27)), bytes(range(256)) * 8])
@pytest.mark.parametrize("number", [1, 2])
def test_absurd_counts_of_gaussians_are_found_out_soon(number: int, body: bytes) -> None:
    facts = HeadFacts.unpack_whole(stream()[0].payload)
    most = {"mesh_counts": (MAX_MESH - 1, 1), "free_counts": (MAX_FREE, 0)}
    if number == 2:
        most = {"mesh_counts": (10, MAX_MESH - 10), "free_counts": (5, MAX_FREE - 5)}
    units = list(with_payload(stream(), 0, replace(facts, **most).pack()))
    units[number] = replace(units[number], payload=LayerHead(False, 0, 0, b"", b"", b"").pack() + body)
    assert decoded(tuple(units)) == 0
    tracemalloc.start()
    began = time.process_time()
    assert decoded(tuple(units)) == 0
    taken, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


def test_runs_longer_than_their_unit_are_errors() -> None:
    number = NUMBERS[-2]
    payload = RunHead(False, 0, MAX_RUN_FRAMES).pack() + b"\1\2\3\4"
    assert decoded(with_payload(stream(), number, payload)) == before(number)
    units = list(stream())
    units[number] = replace(units[number], frame_count=5)
    with pytest.raises(BitstreamError, match="in a unit of 5"):
        list(decode(units))


@pytest.mark.parametrize("layer", [2, 8])
@pytest.mark.parametrize("group", [STREAM_GROUP, 0, 7])
def test_layers_out_of_range_are_errors(layer: int, group: int) -> None:
    units = list(stream())
    stray = replace(units[-1], key=units[-1].key._replace(group=group, layer=layer))
    with pytest.raises(BitstreamError, match="the stream's header says 2 layers"):
        list(decode((*units, stray)))


def test_a_picture_of_a_codec_of_no_pictures_is_refused() -> None:
    head, end = LayerHead.unpack(stream()[1].payload)
    for codec in (2, 5, 200):
        payload = replace(head, background_codec=codec).pack() + stream()[1].payload[end:]
        assert decoded(with_payload(stream(), 1, payload)) == 0


def test_pictures_within_pictures_are_bounded() -> None:
    head, end = LayerHead.unpack(stream()[1].payload)
    payload = replace(head, background=head.background[:-3]).pack() + stream()[1].payload[end:]
    with pytest.raises(BitstreamError):
        list(decode(with_payload(stream(), 1, payload)))


def test_facts_at_their_ends_are_shown_or_refused() -> None:
    facts = HeadFacts.unpack_whole(stream()[0].payload)
    for extreme in (
        {"steps": (1e3,) * 6, "base_size": 1e4}, {"spreads": (0.1, 100.0)}, {"motion_steps": (1e3,) * 5},
        {"rest": (1e4,) * 6}, {"rest": (0.0,) * 6}, {"focal_px": 1e6}, {"focal_px": 1.0}, {"eyes": (-1e4,) * 6},
        {"torso_scales": (1e3,) * 2, "basis_scales": (1e3,) * 5},
    ):  # fmt: skip
        model = next(decode(with_payload(stream(), 0, replace(facts, **extreme).pack())))
        assert bool(render(model, model.view).isfinite().all()), extreme
        inspect(replace(facts, **extreme).pack())


@given(data=st.binary(max_size=80))
@settings(max_examples=40, deadline=None)
def test_who_it_is_of_random_bytes_is_an_error(data: bytes) -> None:
    with pytest.raises(BitstreamError):
        unpack_person(data)


def test_breakdown_of_damage_is_an_error_or_sums_up() -> None:
    header = stream()[0].payload
    for unit in stream()[1:]:
        for length in range(0, len(unit.payload), 7):
            cut = replace(unit, payload=unit.payload[:length])
            total = length
            with contextlib.suppress(BitstreamError):
                total = sum(breakdown(header, cut).values())
            assert total == length
