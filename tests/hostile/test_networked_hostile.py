# SPDX-License-Identifier: Apache-2.0
"""Units of the paper's method cut, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs.freeview.coding import decode
from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.networked.frames import NetworkedFrames
from lamina.codecs.freeview.networked.syntax import NetworkedHead
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.entropy.table_syntax import pack_tables
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, Unit, UnitKey

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "freeview"))
from networked_damage import (
    FIRST_FRAME,
    KINDS,
    before,
    decoded,
    flipped,
    frame_numbers,
    head_of,
    play,
    tried,
    with_payload,
)
from networked_samples import act_parts, first_of, ground_of


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_decode_and_say_everything(kind: str) -> None:
    assert decoded(play(kind)) == KINDS[kind].frames
    heads = [NetworkedHead.unpack(play(kind)[number].payload)[0] for number in frame_numbers(kind)]
    assert {head.is_rest for head in heads} == {False, True}
    assert {head.has_reference for head in heads} == ({False} if kind == "floats" else {False, True})


@pytest.mark.parametrize("kind", KINDS)
def test_payloads_that_are_cut_at_any_byte_are_errors(kind: str) -> None:
    for number in frame_numbers(kind):
        payload = play(kind)[number].payload
        # A binary grid is 30 kB: its middle is one stream of signs.
        lengths = (
            range(len(payload)) if len(payload) < 4_000 else (*range(0, 240, 17), *range(240, len(payload), 14_983))
        )
        for length in lengths:
            assert tried(kind, number, payload[:length]) == 0
        for length in (0, 1, len(payload) // 2, len(payload) - 1):
            assert decoded(with_payload(kind, number, payload[:length])) == before(number)
    header = play(kind)[0].payload
    for length in (*range(0, 120, 7), *range(120, len(header), 397)):
        assert decoded(with_payload(kind, 0, header[:length])) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_payloads_that_go_on_are_errors(kind: str) -> None:
    for number in frame_numbers(kind):
        for more in (b"\0", b"\xff", bytes(40)):
            assert tried(kind, number, play(kind)[number].payload + more) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_give_an_error_or_models(kind: str) -> None:
    facts_bits = 8 * FreeviewFacts.unpack(play(kind)[0].payload)[1]
    for position in range(0, facts_bits, 11):
        assert 0 <= decoded(with_payload(kind, 0, flipped(play(kind)[0].payload, position))) <= KINDS[kind].frames
    for number in frame_numbers(kind):
        payload = play(kind)[number].payload
        stride = 13 if len(payload) < 4_000 else 89_989
        for position in (*range(8), *range(number, 8 * len(payload), stride)):
            assert 0 <= tried(kind, number, flipped(payload, position)) <= KINDS[kind].frames


@pytest.mark.parametrize("kind", KINDS)
def test_facts_and_breakdowns_of_damaged_payloads_are_errors_or_facts(kind: str) -> None:
    header = play(kind)[0].payload
    for number in (0, 3):
        unit = play(kind)[number]
        for position in range(0, 8 * min(len(unit.payload), 60), 3):
            damaged = bytearray(unit.payload)
            damaged[position // 8] ^= 1 << (position % 8)
            try:
                parts = breakdown(header, Unit(unit.key, bytes(damaged)))
                if number == 0:
                    inspect(bytes(damaged))
            except BitstreamError:
                continue
            assert sum(parts.values()) == len(damaged)


@given(kind=st.sampled_from(list(KINDS)), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=100)
def test_random_payloads_give_an_error_or_models(kind: str, payload: bytes) -> None:
    assert 0 <= tried(kind, 3, payload) <= KINDS[kind].frames


@given(
    factors=st.none() | st.lists(st.floats(-1e9, 1e9, width=32), max_size=12),
    ranges=st.lists(st.floats(-1e9, 1e9, width=32), max_size=24),
    means=st.lists(st.integers(0, 255), max_size=12),
    networks=st.binary(max_size=80),
    tables=st.binary(max_size=30),
    stream=st.binary(max_size=60),
)
@settings(deadline=None, max_examples=100)
def test_random_streams_behind_good_heads_give_an_error_or_models(
    factors: list[float] | None, ranges: list[float], means: list[int], networks: bytes, tables: bytes, stream: bytes
) -> None:
    head = NetworkedHead(
        False, False, factors is not None, 0, None if factors is None else tuple(factors), tuple(ranges), tuple(means),
        tuple(mean % 64 for mean in means), networks, tables,
    )  # fmt: skip
    assert 0 <= tried("points", 3, head.pack() + stream) <= KINDS["points"].frames


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ranges": (1.0,)}, "ranges, means, scales, factors"),
        ({"means": ()}, "ranges, means, scales, factors"),
        ({"scales": (0,) * 16}, "ranges, means, scales, factors"),
        ({"has_reference": True, "factors": ()}, "networks of the frame before"),
        ({"tables": pack_tables([[1, 1]], [0])}, "1 tables for 3 channels"),
        ({"networks": b""}, "."),
        ({"is_rest": True}, "something is said of a frame that is at rest"),
    ],
)
def test_heads_that_do_not_fit_the_networks_are_errors(fields: dict[str, Any], said: str) -> None:
    head, stream = head_of("points", 3)
    units = with_payload("points", 3, replace(head, **fields).pack() + stream)
    assert decoded(units) == before(3)
    with pytest.raises(BitstreamError, match=said):
        list(decode(units))


def test_factors_are_one_a_layer() -> None:
    head, stream = head_of("points", 4)
    assert head.factors is not None
    for factors in ((), head.factors[:-1], (*head.factors, 1.0)):
        with pytest.raises(BitstreamError, match="ranges, means, scales, factors"):
            list(decode(with_payload("points", 4, replace(head, factors=factors).pack() + stream)))


def test_integers_outside_of_their_bits_are_errors() -> None:
    head, stream = head_of("points", 3)
    units = with_payload("points", 3, replace(head, means=tuple(255 - mean for mean in head.means)).pack() + stream)
    with pytest.raises(BitstreamError, match="outside 8 bits"):
        list(decode(units))


def test_floats_that_say_more_are_errors() -> None:
    head, stream = head_of("floats", 3)
    for fields in ({"ranges": (0.0, 1.0)}, {"means": (1,)}, {"has_reference": True, "factors": (1.0,)}):
        with pytest.raises(BitstreamError, match=r"floats have no reference|networks of the frame before"):
            list(decode(with_payload("floats", 3, replace(head, **fields).pack() + stream)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_parameters_that_are_no_numbers_are_errors(value: float) -> None:
    head, stream = head_of("floats", 3)
    values = np.frombuffer(head.networks, "<f4").copy()
    values[5] = value
    units = with_payload("floats", 3, replace(head, networks=values.tobytes()).pack() + stream)
    assert decoded(units) == before(3)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5e9])
@pytest.mark.parametrize("field", ["ranges", "factors"])
def test_ranges_and_factors_that_are_no_numbers_are_errors(field: str, value: float) -> None:
    number = 4
    head, _ = head_of("points", number)
    payload = play("points")[number].payload
    own = np.float32(getattr(head, field)[0]).tobytes()
    place = next(
        start for start in range(len(payload)) if own in (payload[start : start + 4], payload[start : start + 4][::-1])
    )
    new = np.float32(value).tobytes()
    new = new if payload[place : place + 4] == own else new[::-1]
    damaged = payload[:place] + new + payload[place + 4 :]
    assert decoded(with_payload("points", number, damaged)) == before(number)


def test_frames_without_what_they_build_on_are_errors() -> None:
    units = play("points")
    header, layer, rest, whole, p_frame, _ = units
    assert NetworkedHead.unpack(p_frame.payload)[0].has_reference
    assert decoded((header, rest, whole)) == 0
    assert decoded((header, layer, whole)) == 0
    assert decoded((header, layer, rest, p_frame)) == 1
    # In the place of the I-frame, a P-frame knows the frame before it, but not its networks.
    with pytest.raises(BitstreamError, match="networks of the frame before"):
        list(decode((header, layer, rest, replace(p_frame, key=whole.key))))
    assert decoded((header, layer, rest, whole, whole)) == 2
    assert decoded((header, layer, rest, whole, p_frame, rest, whole)) == 5
    for stray in (UnitKey(0, 1, 1), UnitKey(0, 7, 1), UnitKey(STREAM_GROUP, 1, 0), UnitKey(STREAM_GROUP, 0, 3)):
        assert decoded((header, layer, rest, replace(whole, key=stray))) == 1


def test_damage_leaves_the_frames_before_it_as_they_were() -> None:
    frames = NetworkedFrames(*[facts for facts in [first_of(KINDS["points"]).facts.networks] if facts])
    rest = ground_of(first_of(KINDS["points"])).rest
    units = play("points")[FIRST_FRAME:]
    frames.take(rest, units[0].key, units[0].payload)
    known = frames.take(rest, units[1].key, units[1].payload)
    with pytest.raises(BitstreamError):
        frames.take(rest, units[2].key, units[2].payload[:-3])
    assert frames.state is known
    again = frames.take(rest, units[2].key, units[2].payload)
    assert torch.equal(again.anchors.positions, act_parts(KINDS["points"])[2][2].anchors.positions)
