# SPDX-License-Identifier: Apache-2.0
"""Planar units cut at every byte, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import time
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
import torch
from damage import survivors, with_payload
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codec import Session
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import LatticeConfig, PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.syntax import LatticeLayer, LatticeUpdate
from lamina.codecs.planar.model import PlanarModel
from lamina.codecs.planar.syntax import MAX_SPLATS, MethodId, PlanarHeader, ScalabilityId
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, Unit, UnitKey

WIDTH, HEIGHT = 40, 24
SLOWEST_S = 1.0
"""A claim of a million splats by a few bytes is found out within this, compiled kernels given."""

MEMORY_BYTES = 200_000_000
"""Room for the arrays of as many splats as a header may claim, and not for several of them."""


@cache
def clip_units() -> tuple[Unit, ...]:
    """Two frames, two layers: a key frame and a predicted one with motion or updates."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    pictures = []
    for shift in (0, 2):
        waves = [np.sin(0.3 * (x - shift) + 0.2 * y + phase) for phase in (0.0, 1.0, 2.5)]
        pictures.append(np.clip(128 + 90 * np.stack(waves, axis=2), 0, 255).astype(np.uint8))
    signal = PlanarSignal(WIDTH, HEIGHT, Fraction(25), 2, lambda start: iter(pictures[start:]))
    lattice = LatticeConfig(steps=30, predicted_steps=4, freeze_rounds=1, freeze_steps=2, refine_sweeps=4)
    config = PlanarConfig(target=RateTarget(splats=10), layer_shares=(0.4, 0.6), lattice=lattice)
    return tuple(CODEC.encode(CODEC.fit(signal, config, Session())))


def check(model: PlanarModel) -> None:
    assert len(model.gaussians) <= 2 * MAX_SPLATS
    assert bool(torch.isfinite(model.gaussians.positions).all())


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(CODEC.decode(units), check)


NUMBERS = range(5)
"""Header unit, two frames of the base layer, two frames of the other."""


def test_the_sample_has_all_kinds_of_units() -> None:
    units = clip_units()
    assert [unit.key for unit in units] == [
        STREAM_HEADER, UnitKey(0, 0, 0), UnitKey(0, 0, 1), UnitKey(0, 1, 0), UnitKey(0, 1, 1),
    ]  # fmt: skip
    assert decoded(units) == 4


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_cut_at_every_byte_are_errors(number: int) -> None:
    payload = clip_units()[number].payload
    for length in range(len(payload)):
        assert decoded(with_payload(clip_units(), number, payload[:length])) <= max(number - 1, 0)


@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int) -> None:
    payload = clip_units()[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(clip_units(), number, payload + more)) <= (4 if number == 0 else number - 1)


@pytest.mark.parametrize("number", NUMBERS)
def test_every_flipped_bit_gives_an_error_or_models(number: int) -> None:
    payload = clip_units()[number].payload
    for position in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        assert decoded(with_payload(clip_units(), number, bytes(damaged))) <= 4


@given(number=st.sampled_from([1, 2, 3, 4]), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=150)
def test_random_payloads_give_an_error_or_models(number: int, payload: bytes) -> None:
    assert decoded(with_payload(clip_units(), number, payload)) <= 4


@given(body=st.binary(min_size=4, max_size=60), count=st.integers(0, 400), step=st.integers(1, 65535))
@settings(deadline=None, max_examples=100)
def test_random_streams_behind_a_good_head_give_an_error_or_models(body: bytes, count: int, step: int) -> None:
    key = LatticeLayer(False, 40, False, 40, step, count).pack() + body
    assert decoded(with_payload(clip_units(), 1, key)) <= 4
    update = LatticeUpdate(True, True, True, count > 0, False, 3, count or None).pack() + body
    assert decoded(with_payload(clip_units(), 2, update)) <= 4


@pytest.mark.parametrize("body", [b"", b"\1\2\3\4", bytes(range(7, 27))])
@pytest.mark.parametrize("number", [1, 2])
def test_absurd_counts_are_found_out_soon(number: int, body: bytes) -> None:
    key = LatticeLayer(False, 0, False, 0, 9000, MAX_SPLATS)
    head = key if number == 1 else LatticeUpdate(True, False, False, True, False, 0, MAX_SPLATS - 99)
    units = with_payload(clip_units(), number, head.pack() + body)
    assert decoded(units) == number - 1
    tracemalloc.start()
    began = time.process_time()
    assert decoded(units) == number - 1
    taken = time.process_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken < SLOWEST_S
    assert peak < MEMORY_BYTES


@pytest.mark.parametrize("field", ["count", "step"])
def test_heads_beyond_the_format_are_refused(field: str) -> None:
    good = LatticeLayer(False, 40, False, 40, 9000, 10)
    with pytest.raises(ValueError, match=field):
        replace(good, **{field: MAX_SPLATS + 1 if field == "count" else 0}).pack()
    assert decoded(with_payload(clip_units(), 1, b"\x7f\x7f" + good.pack()[2:])) == 0


@pytest.mark.parametrize(("width", "height"), [(0, 5), (1 << 15, 1 << 15), (5, 0)])
def test_headers_with_absurd_sizes_are_refused(width: int, height: int) -> None:
    good = PlanarHeader.of(MethodId.LATTICE, ScalabilityId.QUALITY, 2, (1, 2, 3), (300, 200))
    with pytest.raises(ValueError, match="pixels"):
        replace(good, width=width, height=height).pack()
    packed = good.pack()
    assert PlanarHeader.unpack(packed)[0] == good
    for position in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[position // 8] ^= 1 << (position % 8)
        try:
            found, _ = PlanarHeader.unpack(bytes(damaged))
        except BitstreamError:
            continue
        assert 0 < found.width * found.height <= 1 << 27


@pytest.mark.parametrize("number", NUMBERS)
def test_facts_and_breakdowns_of_damaged_payloads_are_errors_or_facts(number: int) -> None:
    header, payload = clip_units()[0].payload, clip_units()[number].payload
    key = clip_units()[number].key
    for position in range(8 * min(len(payload), 12)):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        unit = Unit(key, bytes(damaged))
        try:
            parts = CODEC.breakdown(header, unit)
            if number == 0:
                CODEC.inspect(unit.payload)
        except BitstreamError:
            continue
        assert sum(parts.values()) == len(unit.payload)
