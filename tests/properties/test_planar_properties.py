# SPDX-License-Identifier: Apache-2.0
"""What holds for any planar stream: cut anywhere it decodes, what is there does not depend on what is missing."""

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.bitstream import cut_to_level, pack_stream, read_stream
from lamina.codec import Session, Size
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import PRESETS, LatticeConfig, PgsvcConfig, PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.data import read_image
from lamina.units import STREAM_HEADER, Unit, UnitKey

SAMPLES = Path(__file__).parents[1] / "samples"
METHODS = ["lattice", "pgsvc"]
SHORT = LatticeConfig(steps=40, predicted_steps=4, freeze_rounds=1, freeze_steps=4, refine_sweeps=8)
SHORT_PGSVC = PgsvcConfig(
    steps=60, predicted_steps=30, quantization_steps=20, learning_rate=5e-2, key_prune_until=20,
    predicted_prune_until=20, prune_interval=10, convergence_from=1000, key_frame_splats=40, key_frame_steps=(20, 8),
)  # fmt: skip


@cache
def units(method: str) -> tuple[Unit, ...]:
    """Three frames, three layers."""
    wide = read_image(SAMPLES / "kodim15_96x64.png").pixels
    pictures = [np.ascontiguousarray(wide[:32, 2 * k : 2 * k + 48]) for k in range(3)]
    signal = PlanarSignal(48, 32, Fraction(25), 3, lambda start: iter(pictures[start:]))
    lattice = PlanarConfig(target=RateTarget(splats=30), lattice=SHORT)
    paper = replace(PRESETS["paper"], target=RateTarget(splats=30), pgsvc=SHORT_PGSVC)
    config = lattice if method == "lattice" else paper
    return tuple(CODEC.encode(CODEC.fit(signal, config, Session())))


@cache
def whole(method: str) -> dict[UnitKey, bytes]:
    """Integers of the whole stream."""
    return dict(CODEC.integers(units(method)))


def needs(key: UnitKey, there: set[UnitKey], first: dict[int, int]) -> bool:
    """Whether a unit's layers below, and its layer in the frame before, are among those that are there."""
    below = all(key._replace(layer=layer) in there for layer in range(key.layer))
    return below and (key.frame == first[key.group] or key._replace(frame=key.frame - 1) in there)


@pytest.mark.parametrize("method", METHODS)
@given(chances=st.lists(st.integers(0, 3), min_size=9, max_size=9))
@settings(deadline=None, max_examples=15)
def test_what_decodes_does_not_depend_on_what_is_missing(method: str, chances: list[int]) -> None:
    header, *rest = units(method)
    first = {unit.key.group: min(u.key.frame for u in rest if u.key.group == unit.key.group) for unit in rest}
    chosen, there = [header], set()
    for unit, chance in zip(rest, chances, strict=True):
        if chance and needs(unit.key, there, first):
            chosen.append(unit)
            there.add(unit.key)
    found = dict(CODEC.integers(chosen))
    assert found == {key: whole(method)[key] for key in there}


@pytest.mark.parametrize("method", METHODS)
def test_cut_files_decode_to_the_same_lower_levels(method: str) -> None:
    stream = read_stream(pack_stream(CODEC.facts(units(method)[0].payload), units(method)))
    for level in range(3):
        data = pack_stream(stream.facts, cut_to_level(stream, level))
        found = dict(CODEC.integers(read_stream(data).units()))
        assert found == {key: values for key, values in whole(method).items() if key.layer <= level}


@pytest.mark.parametrize("method", METHODS)
def test_levels_add_splats_and_change_none(method: str) -> None:
    models = {(model.frame, model.level): model.gaussians for model in CODEC.decode(units(method))}
    for (frame, level), upper in models.items():
        if level:
            lower = models[frame, level - 1]
            assert len(upper) >= len(lower)
            for name in ("positions", "covariances", "colors"):
                np.testing.assert_array_equal(getattr(upper, name)[: len(lower)], getattr(lower, name))


@pytest.mark.parametrize("method", METHODS)
def test_every_unit_names_its_place_and_its_quality(method: str) -> None:
    header, *rest = units(method)
    assert header.key == STREAM_HEADER
    assert header.quality_db is None
    assert len({unit.key for unit in rest}) == len(rest) == 9
    assert all(unit.quality_db is not None and 5.0 < unit.quality_db < 99.0 for unit in rest)
    assert [unit.key for unit in rest] == sorted(unit.key for unit in rest)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("factor", [2, 3])
def test_pictures_scale_with_their_splats(method: str, factor: int) -> None:
    model = list(CODEC.decode(units(method)))[-1]
    small = CODEC.render(model).numpy()
    large = CODEC.render(model, Size(48 * factor, 32 * factor)).numpy()
    blocks = large.reshape(32, factor, 48, factor, 3).mean(axis=(1, 3))
    assert np.abs(blocks - small).mean() < 0.02
