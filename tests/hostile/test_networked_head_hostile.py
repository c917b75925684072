# SPDX-License-Identifier: Apache-2.0
"""Heads of the paper's method cut short, with flipped bits or absurd: BitstreamError or a model, soon and small."""

import contextlib
import sys
import time
import tracemalloc
import zlib
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
from lamina.codecs.head.facts import breakdown
from lamina.codecs.head.model import HeadModel, render
from lamina.codecs.head.networked.syntax import MAX_HIDDEN_LAYERS, MAX_WIDTH, NetworkHead
from lamina.codecs.head.syntax import MAX_MESH, HeadFacts, LayerHead, RunHead
from lamina.errors import BitstreamError
from lamina.units import Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "head"))
from networked_head_samples import networked_parts

KINDS = {
    "quantized": {},
    "floats": {"deflated": False, "is_quantized": False, "has_latents": False, "parameter_bits": 10},
    "latents": {"deflated": False, "is_quantized": False},
}
FRAMES = (3, 2)
NUMBERS = range(2 + len(FRAMES))
"""Header unit, the head, then a unit a run."""
CUT_STRIDE, FLIP_STRIDE = 11, 37
SLOWEST_S, MEMORY_BYTES = 3.0, 200_000_000


@cache
def stream(kind: str = "quantized") -> tuple[Unit, ...]:
    return tuple(encode(networked_parts(*FRAMES, gaussians=10, **KINDS[kind])))


def check(model: HeadModel) -> None:
    assert np.abs(model.values).max(initial=0) <= VALUE_LIMIT


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(decode(units), check)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    return sum(FRAMES[: max(number - 2, 0)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_sample_decodes_and_shows_something(kind: str) -> None:
    models = list(decode(stream(kind)))
    assert len(models) == sum(FRAMES)
    assert np.ptp(render(models[-1]).numpy()) > 0.2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_are_cut_are_errors(kind: str, number: int) -> None:
    payload = stream(kind)[number].payload
    for length in (*range(min(len(payload), 16)), *range(16, len(payload), CUT_STRIDE)):
        assert decoded(with_payload(stream(kind), number, payload[:length])) == before(number)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int) -> None:
    payload = stream()[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(stream(), number, payload + more)) == before(number)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", NUMBERS)
def test_flipped_bits_give_an_error_or_models(kind: str, number: int) -> None:
    payload = stream(kind)[number].payload
    for position in range(number, 8 * len(payload), FLIP_STRIDE if number > 1 else 7 * FLIP_STRIDE):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        found = decoded(with_payload(stream(kind), number, bytes(damaged)))
        assert before(number) <= found <= sum(FRAMES)


@given(number=st.sampled_from(list(NUMBERS)[2:]), body=st.binary(max_size=60))
@settings(deadline=None, max_examples=80)
def test_random_runs_behind_good_heads_give_an_error_or_models(number: int, body: bytes) -> None:
    payload = RunHead(False, 0, stream()[number].frame_count).pack() + body
    assert before(number) <= decoded(with_payload(stream(), number, payload)) <= sum(FRAMES)


def parts(kind: str) -> tuple[bytes, NetworkHead, bytes]:
    """What is before the arrays of a head, these, and what follows."""
    payload = stream(kind)[1].payload
    start = LayerHead.unpack(payload)[1]
    head, end = NetworkHead.unpack(payload, start)
    return payload[:start], head, payload[end:]


@given(data=st.binary(max_size=200), is_deflated=st.booleans(), kind=st.sampled_from(list(KINDS)))
@settings(deadline=None, max_examples=80)
def test_random_sections_are_errors(data: bytes, is_deflated: bool, kind: str) -> None:
    first, head, last = parts(kind)
    for changed in (
        replace(head, attributes=data, attributes_deflated=is_deflated),
        replace(head, network=data, network_deflated=is_deflated),
    ):
        assert decoded(with_payload(stream(kind), 1, first + changed.pack() + last)) == 0


@pytest.mark.parametrize("name", ["attributes", "network"])
def test_sections_that_inflate_to_much_are_found_out_soon(name: str) -> None:
    first, head, last = parts("quantized")
    bomb = zlib.compress(bytes(200_000_000), 9)
    payload = first + replace(head, **{name: bomb, f"{name}_deflated": True}).pack() + last
    tracemalloc.start()
    began = time.process_time()
    with pytest.raises(BitstreamError, match=name):
        list(decode(with_payload(stream(), 1, payload)))
    taken, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_none_are_errors(kind: str) -> None:
    first, head, last = parts(kind)
    raw = zlib.decompress(head.network) if head.network_deflated else head.network
    bad = (b"\xff\xff" if kind == "quantized" else b"\xff\xff\xff\xff") + raw[2 if kind == "quantized" else 4 :]
    payload = first + replace(head, network=bad, network_deflated=False).pack() + last
    with pytest.raises(BitstreamError, match="not finite"):
        list(decode(with_payload(stream(kind), 1, payload)))


def test_absurd_sizes_are_found_out_soon() -> None:
    facts = HeadFacts.unpack_whole(stream()[0].payload)
    assert facts.network is not None
    wide = replace(facts.network, hidden_layers=MAX_HIDDEN_LAYERS, width=MAX_WIDTH)
    for changed in (replace(facts, network=wide), replace(facts, mesh_counts=(MAX_MESH,))):
        began = time.process_time()
        with pytest.raises(BitstreamError):
            list(decode(with_payload(stream(), 0, changed.pack())))
        assert time.process_time() - began < SLOWEST_S


def test_facts_at_their_ends_are_shown() -> None:
    facts = HeadFacts.unpack_whole(stream()[0].payload)
    assert facts.network is not None
    for extreme in (
        {"color_step": 1e3, "size_step": 1e3}, {"color_step": 2e-6, "size_step": 2e-6},
        {"steps": (1e3,) * facts.columns},
    ):  # fmt: skip
        header = replace(facts, network=replace(facts.network, **extreme)).pack()
        model = next(decode(with_payload(stream(), 0, header)))
        assert bool(render(model, model.view).isfinite().all()), extreme


def test_a_header_that_contradicts_itself_is_an_error() -> None:
    facts = HeadFacts.unpack_whole(stream()[0].payload)
    assert facts.network is not None
    for wrong in ({"zeros": facts.network.zeros[:-1]}, {"zeros": (4095,) * facts.columns}, {"parameter_bits": 2}):
        with pytest.raises(ValueError, match="zero"):
            replace(facts, network=replace(facts.network, **wrong)).pack()
    for count in (0, 3):
        fewer = replace(facts.network, steps=facts.network.steps[:count], zeros=facts.network.zeros[:count])
        with pytest.raises(ValueError, match="steps of a head that a network moves"):
            replace(facts, network=fewer).pack()


def test_breakdown_of_damage_is_an_error_or_sums_up() -> None:
    header = stream()[0].payload
    for unit in stream()[1:]:
        for length in range(0, len(unit.payload), 7):
            total = length
            with contextlib.suppress(BitstreamError):
                total = sum(breakdown(header, replace(unit, payload=unit.payload[:length])).values())
            assert total == length
