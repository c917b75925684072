# SPDX-License-Identifier: Apache-2.0
"""Scene units cut at every byte, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

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
from damage import survivors, with_payload
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.anchors.syntax import MAX_ANCHORS, LayerHead
from lamina.bitstream import pack_stream, read_stream
from lamina.cameras.camera import Camera
from lamina.codecs.scene.coding import decode, encode, stream_facts
from lamina.codecs.scene.facts import breakdown, inspect
from lamina.codecs.scene.model import SceneModel, render
from lamina.codecs.scene.syntax import VERSION, SceneFacts
from lamina.errors import BitstreamError
from lamina.units import Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "scene"))
from scene_samples import CONTRACTION, FULL, part_of, sample

SLOWEST_S = 1.0
"""A claim of a million anchors by a few bytes is found out within this, compiled kernels given."""

MEMORY_BYTES = 200_000_000
NUMBERS = range(3)
"""Header unit and two layers."""
STRIDES = (29, 3, 3)
"""Every so many bits is flipped in each of them: a prime to 8, so that all places in a byte have their turn."""
SMALL = replace(FULL, hidden=6, step_hidden=3, group_hidden=3)


@cache
def scene_units() -> tuple[Unit, ...]:
    return tuple(encode([part_of(sample(SMALL, points=8, layer_count=2))]))


def check(model: SceneModel) -> None:
    assert bool(torch.isfinite(model.anchors().features).all())


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(decode(units), check)


def test_the_sample_decodes() -> None:
    assert decoded(scene_units()) == 2


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_cut_at_every_byte_are_errors(number: int) -> None:
    payload = scene_units()[number].payload
    for length in range(0, len(payload), 1 if number else 7):
        assert decoded(with_payload(scene_units(), number, payload[:length])) <= max(number - 1, 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int) -> None:
    payload = scene_units()[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(scene_units(), number, payload + more)) <= max(number - 1, 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_flipped_bits_give_an_error_or_models(number: int) -> None:
    payload = scene_units()[number].payload
    for position in range(number, 8 * len(payload), STRIDES[number]):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        assert decoded(with_payload(scene_units(), number, bytes(damaged))) <= 2


@given(number=st.sampled_from([1, 2]), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=100)
def test_random_payloads_give_an_error_or_models(number: int, payload: bytes) -> None:
    assert decoded(with_payload(scene_units(), number, payload)) <= 2


@given(body=st.binary(min_size=4, max_size=80), count=st.integers(0, 300))
@settings(deadline=None, max_examples=100)
def test_random_streams_behind_a_good_head_give_an_error_or_models(body: bytes, count: int) -> None:
    head = LayerHead(False, 0, (30, 30, 30, 30), count).pack()
    for number in (1, 2):
        assert decoded(with_payload(scene_units(), number, head + body)) <= 2


@pytest.mark.parametrize("body", [b"", b"\1\2\3\4", bytes(range(7, 27)), bytes(range(256)) * 8])
@pytest.mark.parametrize("number", [1, 2])
def test_absurd_counts_are_found_out_soon(number: int, body: bytes) -> None:
    units = with_payload(scene_units(), number, LayerHead(False, 0, (0, 0, 0, 0), MAX_ANCHORS).pack() + body)
    assert decoded(units) == number - 1
    tracemalloc.start()
    began = time.process_time()
    assert decoded(units) == number - 1
    taken = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_depth", 20),
        ("layer_count", 8),
        ("feature_count", 0),
        ("offset_count", 32),
        ("side", 0.0),
        ("version", 0),
        ("version", VERSION + 1),
        ("radius", 1.0),
    ],
)
def test_facts_beyond_the_format_are_refused(field: str, value: float) -> None:
    good = part_of(sample(SMALL, points=8, layer_count=2)).facts
    with pytest.raises(ValueError, match=r"layers|halvings|layer_count|feature_count|offset_count|side|version|radius"):
        replace(good if field == "version" else good.anchors, **{field: value}).pack()


@pytest.mark.parametrize(
    "change",
    [
        {"origin": (-20.0, 0.0, 0.0), "side": 45.0},
        {"radius": 0.0},
        {"radius": 1e19},
        {"center": (float("nan"), 0.0, 0.0)},
    ],
)
def test_contractions_beyond_the_format_are_refused(change: dict[str, Any]) -> None:
    good = part_of(sample(SMALL, points=8, layer_count=2, contraction=CONTRACTION)).facts.anchors
    with pytest.raises(ValueError, match=r"contracted space|radius|center"):
        replace(good, **change).pack()


def test_scenes_at_the_edge_of_floats_decode_and_render() -> None:
    part = part_of(sample(SMALL, points=20, layer_count=2, contraction=CONTRACTION))
    camera = Camera(np.eye(4), 40.0, 40.0, 20.0, 15.0, 40, 30)
    for change in ({"radius": 9e17, "origin": (-24.0,) * 3, "side": 48.0}, {"center": (3.4e38, -3.4e38, 0.0)}):
        far = replace(part, facts=replace(part.facts, anchors=replace(part.facts.anchors, **change)))
        for model in decode(list(encode([far]))):
            assert render(model, camera).isfinite().all()


def test_networks_wider_than_the_format_are_refused_before_they_are_allocated() -> None:
    payload = scene_units()[0].payload
    facts, end = SceneFacts.unpack(payload)
    context = replace(facts.anchors.context, hidden=512)
    wide = replace(facts, anchors=replace(facts.anchors, feature_count=128, offset_count=31, context=context))
    tracemalloc.start()
    assert decoded(with_payload(scene_units(), 0, wide.pack() + payload[end:])) == 0
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("number", NUMBERS)
def test_facts_and_breakdowns_of_damaged_payloads_are_errors_or_facts(number: int) -> None:
    header, payload = scene_units()[0].payload, scene_units()[number].payload
    key = scene_units()[number].key
    for position in range(8 * min(len(payload), 48)):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        unit = Unit(key, bytes(damaged))
        try:
            parts = breakdown(header, unit)
            if number == 0:
                inspect(unit.payload)
        except BitstreamError:
            continue
        assert sum(parts.values()) == len(unit.payload)


def test_damage_of_a_layer_costs_that_layer_only(tmp_path: Path) -> None:
    units = scene_units()
    data = bytearray(pack_stream(stream_facts(part_of(sample(SMALL, points=8, layer_count=2)).facts), units))
    data[-3] ^= 0x40
    path = tmp_path / "damaged.lam"
    path.write_bytes(bytes(data))
    found = []
    with read_stream(path) as stream, pytest.raises(BitstreamError, match="layer 1"):
        found.extend(model.level for model in decode(stream.units()))
    assert found == [0]
