# SPDX-License-Identifier: Apache-2.0
"""Units of the paper's method cut, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import sys
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.anchors.layers import AnchorLayer
from lamina.anchors.octree import indices_of
from lamina.anchors.syntax import MAX_ANCHORS, MAX_VALUES
from lamina.codecs.freeview.coding import decode
from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.model import render
from lamina.codecs.freeview.networked.frames import Ground, NetworkedFrames
from lamina.codecs.freeview.networked.networks import layer_sizes
from lamina.codecs.freeview.networked.syntax import MAX_PARAMETER, NetworkedFacts, NetworkedHead, Representation
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.entropy.table_syntax import pack_tables
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, Unit, UnitKey

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "freeview"))
from freeview_samples import camera
from networked_samples import Act, act_parts, act_units, first_of, ground_of

SLOWEST_S = 1.0
MEMORY_BYTES = 200_000_000
KINDS = {
    "points": Act(points=8, frames=4, channels=3, hidden=3),
    "floats": Act(points=8, frames=3, channels=2, hidden=2, network_bits=32, entropy=False),
    "raw": Act(points=8, frames=4, channels=2, hidden=2, network_bits=16, entropy=False, inner=False),
    "hash grid": Act(Representation.HASH_GRID, points=8, frames=3, scales=1, hidden=2),
}
FIRST_FRAME = 2
"""A header unit and the one layer of the first frame come before."""


@cache
def play(kind: str) -> tuple[Unit, ...]:
    return tuple(act_units(KINDS[kind]))


def decoded(units: tuple[Unit, ...]) -> int:
    """Models that come out; nothing but a BitstreamError that names its place may go wrong."""
    count = 0
    place = "none"
    try:
        for model in decode(units):
            for name in ("positions", "features", "offsets"):
                assert bool(torch.isfinite(getattr(model.anchors, name)).all())
            count += 1
    except BitstreamError as error:
        place = error.unit
    assert place
    return count


def with_payload(kind: str, number: int, payload: bytes) -> tuple[Unit, ...]:
    units = list(play(kind))
    units[number] = replace(units[number], payload=payload)
    return tuple(units)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    return max(number - FIRST_FRAME, 0)


def frame_numbers(kind: str) -> range:
    return range(FIRST_FRAME, len(play(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_decode_and_say_everything(kind: str) -> None:
    assert decoded(play(kind)) == KINDS[kind].frames
    heads = [NetworkedHead.unpack(play(kind)[number].payload)[0] for number in frame_numbers(kind)]
    assert {head.is_rest for head in heads} == {False, True}
    assert {head.has_reference for head in heads} == ({False} if kind == "floats" else {False, True})


@cache
def ground(kind: str) -> Ground:
    return ground_of(first_of(KINDS[kind]))


def tried(kind: str, number: int, payload: bytes) -> int:
    """Models of a damaged frame and the next, by a decoder that has all before: what `decode` does, sooner."""
    index, own = number - FIRST_FRAME, ground(kind)
    known = act_parts(KINDS[kind])[2][index - 1] if index else None
    frames = NetworkedFrames(own.facts, own, index - 1, known)
    count = 0
    try:
        for later, unit in enumerate(play(kind)[number : number + 2]):
            state = frames.take(own.rest, unit.key, unit.payload if later else payload)
            for name in ("positions", "features", "offsets"):
                assert bool(torch.isfinite(getattr(state.anchors, name)).all())
            count += 1
    except BitstreamError:
        pass
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_payloads_that_are_cut_at_any_byte_are_errors(kind: str) -> None:
    for number in frame_numbers(kind):
        payload = play(kind)[number].payload
        # A binary grid is 30 kB: its middle is one stream of signs.
        lengths = (
            range(len(payload)) if len(payload) < 4_000 else (*range(0, 600, 11), *range(600, len(payload), 9_973))
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
        stride = 13 if len(payload) < 4_000 else 29_989
        for position in (*range(16), *range(number, 8 * len(payload), stride)):
            assert 0 <= tried(kind, number, flipped(payload, position)) <= KINDS[kind].frames


def flipped(payload: bytes, position: int) -> bytes:
    damaged = bytearray(payload)
    damaged[position // 8] ^= 1 << (position % 8)
    return bytes(damaged)


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


def head_of(kind: str, number: int) -> tuple[NetworkedHead, bytes]:
    payload = play(kind)[number].payload
    head, end = NetworkedHead.unpack(payload)
    return head, payload[end:]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ranges": (1.0,)}, "ranges, means, scales, factors"),
        ({"means": ()}, "ranges, means, scales, factors"),
        ({"scales": (0,) * 16}, "ranges, means, scales, factors"),
        ({"has_reference": True, "factors": ()}, "ranges, means, scales, factors"),
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


def crowd(count: int, **fields: Any) -> Ground:
    """As many anchors as a layer may have, in neighboring cells of an octree of depth 7."""
    first = first_of(Act(points=8))
    facts, one = first.facts.anchors, first.layers[0]
    repeated = {name: np.repeat(getattr(one, name)[:1], count, axis=0) for name in ("masks", "values", "symbols")}
    repeated["masks"][:] = 1
    layer = AnchorLayer(
        indices_of(np.arange(count, dtype=np.uint64)), np.zeros(count, np.uint8), repeated["masks"],
        repeated["symbols"], repeated["values"],
    )  # fmt: skip
    assert first.facts.networks is not None
    networks = replace(first.facts.networks, **fields)
    rest_facts = replace(first.facts, anchors=replace(facts, base_depth=7), networks=networks)
    rest = replace(ground_of(first).rest, facts=rest_facts, layers=(layer,))
    return Ground(networks, rest)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"channels": 63, "neighbors": 1}, "values"),
        ({"channels": 1, "neighbors": 1, "hidden": 1023}, "values"),
        ({"channels": 2, "neighbors": 15, "grid_sizes": (1, 2, 3)}, "neighbors"),
    ],
)
def test_more_anchors_than_memory_or_time_are_refused_at_once(fields: dict[str, Any], said: str) -> None:
    crowded = crowd(MAX_ANCHORS, **fields)
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BitstreamError, match=said):
        _ = crowded.scales
    taken, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES
    assert len(crowd(1_000, **fields).scales) == len(crowded.facts.grid_sizes) + 1


def test_many_anchors_find_their_neighbors_soon() -> None:
    crowded = crowd(1 << 16, channels=3, neighbors=15)
    began = time.process_time()
    assert crowded.scales[0].count == 1 << 16
    # All pairs would be four thousand million distances.
    assert time.process_time() - began < 10 * SLOWEST_S


@pytest.mark.parametrize("gains", [(9e19,) * 4, (1e-30,) * 4, (0.0,) * 4])
@pytest.mark.parametrize("kind", ["points", "floats"])
def test_gains_at_the_edge_of_floats_decode_and_render(kind: str, gains: tuple[float, ...]) -> None:
    header = play(kind)[0].payload
    facts, end = FreeviewFacts.unpack(header)
    assert facts.networks is not None
    far = replace(facts, networks=replace(facts.networks, gains=tuple(float(np.float32(gain)) for gain in gains)))
    units = with_payload(kind, 0, far.pack() + header[end:])
    assert decoded(units) == KINDS[kind].frames
    for model in decode(units):
        assert render(model, camera()).isfinite().all()


@pytest.mark.parametrize("largest", [1.0, 1e3, MAX_PARAMETER])
def test_parameters_at_their_limit_frame_after_frame_decode_and_render(largest: float) -> None:
    units, count = list(play("points")), len(layer_sizes(ground("points").sizes))
    for number in range(3, len(units)):
        head, stream = head_of("points", number)
        ranges = tuple(float(np.float32(bound)) for _ in range(count) for bound in (-largest, largest))
        factors = None if head.factors is None else (float(np.float32(largest)),) * count
        units[number] = replace(units[number], payload=replace(head, ranges=ranges, factors=factors).pack() + stream)
    assert decoded(tuple(units)) == KINDS["points"].frames
    for model in decode(units):
        assert render(model, camera()).isfinite().all()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"grid_sizes": (5, 5)}, "coarser"),
        ({"grid_sizes": (9, 5)}, "coarser"),
        ({"grid_sizes": (0,)}, "grid_sizes"),
        ({"grid_sizes": (1 << 22,)}, "grid_sizes"),
        ({"grid_sizes": tuple(range(1, 9))}, "grid_sizes"),
        ({"representation": Representation.TRIPLANE}, "no scales"),
        ({"network_bits": 9}, "entropy"),
        ({"network_bits": 1}, "network_bits"),
        ({"network_bits": 17, "has_network_entropy": False}, "at most 16"),
        ({"channels": 0}, "channels"),
        ({"neighbors": 0}, "neighbors"),
        ({"hidden": 0}, "hidden"),
        ({"gains": (float("nan"), 1.0, 1.0, 1.0)}, "gains"),
        ({"gains": (-1.0, 1.0, 1.0, 1.0)}, "gains"),
        ({"gains": (1e21, 1.0, 1.0, 1.0)}, "gains"),
    ],
)
def test_facts_beyond_the_format_are_refused(fields: dict[str, Any], said: str) -> None:
    good = first_of(KINDS["points"]).facts.networks
    assert good is not None
    with pytest.raises(ValueError, match=said):
        replace(good, **fields).pack()


def test_anchors_too_deep_or_in_layers_are_refused() -> None:
    facts = first_of(KINDS["points"]).facts
    for fields, said in (({"base_depth": 20}, "at most 19"), ({"layer_count": 1}, "expected 1")):
        with pytest.raises(ValueError, match=said):
            replace(facts, anchors=replace(facts.anchors, **fields)).pack()
    with pytest.raises(ValueError, match="either with cells or by networks"):
        replace(facts, has_networks=False, networks=None).pack()


def test_what_is_legal_is_what_the_configuration_allows() -> None:
    facts = NetworkedFacts(Representation.POINTS, True, True, 8, 16, 4, 32, (5, 9), (1.0,) * 4)
    assert MAX_VALUES // facts.widest == MAX_ANCHORS
