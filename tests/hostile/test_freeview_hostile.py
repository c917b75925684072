# SPDX-License-Identifier: Apache-2.0
"""Freeview units cut short, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import sys
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from damage import survivors, with_payload
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina.anchors.syntax import MAX_ANCHORS, LayerHead
from lamina.bitstream import pack_stream, read_stream
from lamina.codecs.freeview.coding import decode, stream_facts
from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.model import FreeviewModel, render
from lamina.codecs.freeview.motion import SUM_LIMIT
from lamina.codecs.freeview.syntax import VERSION, CameraSection, FreeviewFacts, MotionHead
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, STREAM_HEADER, Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "freeview"))
from freeview_samples import FULL, Play, camera, first_part, play_units

SLOWEST_S = 1.0
"""A claim of a million anchors by a few bytes is found out within this, compiled kernels given."""

MEMORY_BYTES = 200_000_000
SMALL = replace(FULL, hidden=6, step_hidden=3, group_hidden=3)
FRAMES, LAYERS = 3, 2
PLAY = Play(FRAMES, 3, (0,), seed=5)
NUMBERS = range(1 + LAYERS + LAYERS * FRAMES)
"""Header unit, two layers of the first frame, then a unit a (frame, layer)."""
FRAME_NUMBERS = NUMBERS[1 + LAYERS :]
CUT_STRIDE, FLIP_STRIDE = 5, 13
"""Every so many bytes is cut, bits flipped: primes to 8, so that all places in a byte have their turn."""


@cache
def play() -> tuple[Unit, ...]:
    return tuple(play_units(first_part(LAYERS, shape=SMALL, points=8), PLAY))


def check(model: FreeviewModel) -> None:
    assert bool(torch.isfinite(model.anchors.positions).all())
    assert all(abs(own).max(initial=0) <= SUM_LIMIT for own in model.sums)


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(decode(units), check)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    return max(number - 1 - LAYERS, 0)


def test_the_sample_decodes_and_says_everything() -> None:
    assert decoded(play()) == LAYERS * FRAMES
    heads = [MotionHead.unpack(play()[number].payload)[0] for number in FRAME_NUMBERS]
    for flag in ("is_absolute", "has_departures", "has_guest_motion", "has_births"):
        assert any(getattr(head, flag) for head in heads), flag
    assert not all(head.is_still for head in heads)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_are_cut_are_errors(number: int) -> None:
    payload = play()[number].payload
    for length in (*range(min(len(payload), 16)), *range(16, len(payload), CUT_STRIDE)):
        assert decoded(with_payload(play(), number, payload[:length])) == before(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int) -> None:
    payload = play()[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(play(), number, payload + more)) == before(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_flipped_bits_give_an_error_or_models(number: int) -> None:
    payload = play()[number].payload
    for position in range(number, 8 * len(payload), 29 if number == 0 else FLIP_STRIDE):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        assert before(number) <= decoded(with_payload(play(), number, bytes(damaged))) <= LAYERS * FRAMES


@given(number=st.sampled_from(list(NUMBERS)[1:]), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=80)
def test_random_payloads_give_an_error_or_models(number: int, payload: bytes) -> None:
    assert before(number) <= decoded(with_payload(play(), number, payload)) <= LAYERS * FRAMES


BODIES = st.one_of(st.none(), st.binary(min_size=4, max_size=50))


@given(
    number=st.sampled_from(list(FRAME_NUMBERS)),
    is_absolute=st.booleans(),
    gaps=st.lists(st.integers(0, 12), max_size=5),
    moves=BODIES,
    births=BODIES,
    stream=st.binary(max_size=60),
)
@settings(deadline=None, max_examples=120)
def test_random_streams_behind_good_heads_give_an_error_or_models(
    number: int, is_absolute: bool, gaps: list[int], moves: bytes | None, births: bytes | None, stream: bytes
) -> None:
    head = MotionHead(
        False, is_absolute, not stream, bool(gaps), moves is not None, births is not None, 0, tuple(gaps) or None,
        moves, births,
    )  # fmt: skip
    assert before(number) <= decoded(with_payload(play(), number, head.pack() + stream)) <= LAYERS * FRAMES


def peak_and_seconds(units: tuple[Unit, ...], expected: int) -> tuple[int, float]:
    assert decoded(units) == expected
    tracemalloc.start()
    began = time.process_time()
    assert decoded(units) == expected
    taken = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, taken


BODY = [b"", b"\1\2\3\4", bytes(range(7, 27)), bytes(range(256)) * 8]


@pytest.mark.parametrize("body", BODY)
@pytest.mark.parametrize("number", [1, 2])
def test_absurd_counts_of_anchors_are_found_out_soon(number: int, body: bytes) -> None:
    section = CameraSection(b"").pack() if number == 1 else b""
    units = with_payload(play(), number, section + LayerHead(False, 0, (0, 0, 0, 0), MAX_ANCHORS).pack() + body)
    peak, taken = peak_and_seconds(units, 0)
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("body", BODY)
def test_absurd_counts_of_guests_are_found_out_soon(body: bytes) -> None:
    number = FRAME_NUMBERS[2]
    births = LayerHead(False, 0, (0, 0, 0, 0), MAX_ANCHORS).pack() + body
    head = MotionHead(False, False, True, False, False, True, 0, None, None, births)
    peak, taken = peak_and_seconds(with_payload(play(), number, head.pack()), before(number))
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("gaps", [(1 << 20,), (0,) * 200, (5, 1 << 20, 1 << 20)])
def test_guests_that_are_not_there_cannot_leave(gaps: tuple[int, ...]) -> None:
    number = FRAME_NUMBERS[0]
    head = MotionHead(False, True, True, True, False, False, 0, gaps)
    assert decoded(with_payload(play(), number, head.pack())) == before(number)
    with pytest.raises(BitstreamError, match="departures"):
        list(decode(with_payload(play(), number, head.pack())))


def test_moves_of_guests_that_are_not_there_are_errors() -> None:
    number = FRAME_NUMBERS[0]
    head = MotionHead(False, True, True, False, True, False, 0, None, b"\1\2\3\4\5\6")
    assert decoded(with_payload(play(), number, head.pack())) == before(number)


@pytest.mark.parametrize("layer", [-2, 2, 8])
@pytest.mark.parametrize("group", [STREAM_GROUP, 0, 7])
def test_layers_out_of_range_are_errors(layer: int, group: int) -> None:
    units = list(play())
    stray = replace(units[-1], key=units[-1].key._replace(group=group, layer=layer))
    assert decoded((*units, stray)) == LAYERS * FRAMES


def test_scenes_at_the_edge_of_floats_decode_and_render() -> None:
    payload = play()[0].payload
    facts, end = FreeviewFacts.unpack(payload)
    for steps, unit in (((9e8,) * 4, 9e19), ((2e-9,) * 4, 2e-20), ((1.0, 9e8, 9e8, 9e8), 1.0)):
        cells = replace(facts.motion, steps=steps, unit=unit)
        far = with_payload(play(), 0, replace(facts, cells=cells).pack() + payload[end:])
        for model in decode(far):
            assert render(model, camera()).isfinite().all()


@pytest.mark.parametrize(
    ("field", "value"), [("version", 0), ("version", VERSION + 1), ("width", 0), ("near", -1.0), ("near", float("nan"))]
)
def test_facts_beyond_the_format_are_refused(field: str, value: float) -> None:
    facts = FreeviewFacts.unpack(play()[0].payload)[0]
    with pytest.raises(ValueError, match=field):
        replace(facts, **{field: value}).pack()


@pytest.mark.parametrize("number", NUMBERS)
def test_facts_and_breakdowns_of_damaged_payloads_are_errors_or_facts(number: int) -> None:
    header, unit = play()[0].payload, play()[number]
    for position in range(8 * min(len(unit.payload), 48)):
        damaged = bytearray(unit.payload)
        damaged[position // 8] ^= 1 << (position % 8)
        own = Unit(unit.key, bytes(damaged))
        try:
            parts = breakdown(header, own)
            if unit.key == STREAM_HEADER:
                inspect(own.payload)
        except BitstreamError:
            continue
        assert sum(parts.values()) == len(own.payload)


def test_damage_of_a_layer_costs_that_layer_until_a_viewer_can_join(tmp_path: Path) -> None:
    first = first_part(LAYERS, shape=SMALL, points=8)
    units = play_units(first, Play(4, 2, (0, 2), seed=5))
    data = bytearray(pack_stream(stream_facts(first.facts), units))
    hurt = next(unit for unit in units if unit.key.frame == 0 and unit.key.layer == 1 and unit.key.group == 0)
    data[bytes(data).index(hurt.payload) + len(hurt.payload) // 2] ^= 0x40
    path = tmp_path / "damaged.lam"
    path.write_bytes(bytes(data))
    with lamina.open(path) as media:
        found = {model.frame: model.level for model in media.models()}
    assert found == {0: 0, 1: 0, 2: 1, 3: 1}
    with read_stream(path) as stream, pytest.raises(BitstreamError, match="layer 1"):
        list(decode(stream.units()))
