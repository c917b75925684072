# SPDX-License-Identifier: Apache-2.0
"""Clips: closed loop, groups on their own, any order and any prefix of units, frames that cost next to nothing."""

from dataclasses import replace

import numpy as np
import pytest
from lattice_samples import SHORT, assert_same, crop, fit, frames, payloads, rendered, short, timed

from lamina.codecs.planar import CODEC
from lamina.codecs.planar.coding import decode_states
from lamina.codecs.planar.config import RateTarget
from lamina.codecs.planar.model import FramePart
from lamina.errors import BitstreamError, SignalError
from lamina.metrics import psnr
from lamina.units import HEADER_LAYER, Unit

TOLERANCE_DB = 0.02


def panned(count: int = 3, step: int = 2) -> list[np.ndarray]:
    """A real photograph that a camera pans over, pixels exact."""
    wide = crop("kodim15", 96, 48)
    return [np.ascontiguousarray(wide[:, step * k : step * k + 64]) for k in range(count)]


@pytest.fixture(scope="module")
def clip() -> list[FramePart]:
    """Two groups of a panning camera, then of a dark scene."""
    return fit(timed([*panned(3), *frames(2)]), short(60))


@pytest.fixture(scope="module")
def units(clip: list[FramePart]) -> list[Unit]:
    return list(CODEC.encode(clip))


def digests(units: list[Unit]) -> dict[tuple[int, int, int], bytes]:
    return {tuple(key): values for key, values in CODEC.integers(units)}


def test_frames_are_in_order_and_a_scene_cut_opens_a_group(clip: list[FramePart]) -> None:
    assert [part.frame for part in clip] == [0, 1, 2, 3, 4]
    assert [part.group for part in clip[:4]] == [0, 0, 0, 1]
    assert [part.is_key for part in clip[:4]] == [True, False, False, True]
    for part in clip[1:]:
        assert part.is_key == (part.group != clip[part.frame - 1].group)


def test_what_is_decoded_is_what_the_encoder_has(clip: list[FramePart], units: list[Unit]) -> None:
    seen = 0
    for _, key, states in decode_states(units):
        assert_same(states[-1], clip[key.frame].layers[key.layer])
        seen += 1
    assert seen == 3 * len(clip)


def test_decoded_frames_are_as_good_as_claimed(clip: list[FramePart], units: list[Unit]) -> None:
    pictures = [*panned(3), *frames(2)]
    for model in CODEC.decode(units):
        found = psnr(pictures[model.frame], rendered(model))
        assert found == pytest.approx(clip[model.frame].quality_db[model.level], abs=TOLERANCE_DB)


def test_units_decode_the_same_frame_by_frame(units: list[Unit]) -> None:
    by_frame = sorted(units, key=lambda unit: (unit.key.group, unit.key.frame, unit.key.layer))
    assert [unit.key for unit in by_frame] != [unit.key for unit in units]
    assert digests(by_frame) == digests(units)


def test_every_prefix_decodes(units: list[Unit]) -> None:
    whole = digests(units)
    for count in range(len(units) + 1):
        found = digests(units[:count])
        assert len(found) == max(count - 1, 0)
        assert all(whole[key] == values for key, values in found.items())


def test_groups_decode_alone(units: list[Unit]) -> None:
    whole = digests(units)
    for group in {unit.key.group for unit in units}:
        alone = [unit for unit in units if unit.key.group == group or unit.key.layer == HEADER_LAYER]
        found = digests(alone)
        assert found == {key: values for key, values in whole.items() if key[0] == group}


def test_decoding_rejects_frames_and_layers_without_what_they_need(units: list[Unit]) -> None:
    header, rest = units[0], units[1:]
    with pytest.raises(BitstreamError, match="header unit"):
        digests(rest)
    with pytest.raises(BitstreamError, match="layer 0 of this frame is missing"):
        digests([header, *(unit for unit in rest if unit.key.layer > 0)])
    with pytest.raises(BitstreamError, match="frame before"):
        digests([header, *(unit for unit in rest if unit.key.frame != 0)])
    high = Unit(rest[0].key._replace(layer=3), rest[0].payload)
    with pytest.raises(BitstreamError, match="3 layers"):
        digests([header, high])


def test_a_static_clip_costs_next_to_nothing() -> None:
    converged = short(60, lattice=replace(SHORT, steps=400, refine_sweeps=40))
    parts = fit(timed([crop("kodim15")] * 4), converged)
    sizes = payloads(CODEC.encode(parts))
    key_bytes = sum(len(payload) for key, payload in sizes.items() if key[2] == 0)
    predicted = [sum(len(payload) for key, payload in sizes.items() if key[2] == frame) for frame in (1, 2, 3)]
    assert max(predicted) < 0.15 * key_bytes
    assert all(part.quality_db[2] >= parts[0].quality_db[2] - 0.05 for part in parts)


def test_predicted_frames_cost_less_and_keep_the_quality(clip: list[FramePart], units: list[Unit]) -> None:
    sizes = {frame: sum(len(unit.payload) for unit in units[1:] if unit.key.frame == frame) for frame in range(3)}
    assert max(sizes[1], sizes[2]) < 0.5 * sizes[0]
    assert min(part.quality_db[2] for part in clip[1:3]) > clip[0].quality_db[2] - 2.0


def test_splats_come_and_go_between_frames() -> None:
    bright = frames(4)
    parts = fit(timed(bright), short(60, group_frames=32))
    counts = {tuple(len(state.integers["k"]) for state in part.layers) for part in parts}
    assert len(counts) > 1


def test_groups_are_as_long_as_asked() -> None:
    still_frames = [crop("kodim15", 32, 32)] * 5
    parts = fit(timed(still_frames), short(20, group_frames=2))
    assert [part.group for part in parts] == [0, 0, 1, 1, 2]
    assert [part.is_key for part in parts] == [True, False, True, False, True]


def test_resolution_scalability_holds_over_time() -> None:
    parts = fit(timed(panned(2)), short(40, scalability="resolution"))
    models = {(model.frame, model.level): model for model in CODEC.decode(CODEC.encode(parts))}
    assert len(models) == 6
    assert models[1, 0].level_width < models[1, 1].level_width < models[1, 2].level_width == 64
    for part in parts:
        found = psnr(panned(2)[part.frame], rendered(models[part.frame, 2]))
        assert found == pytest.approx(part.quality_db[2], abs=TOLERANCE_DB)


def test_bytes_of_a_clip_are_met() -> None:
    wanted = 2000
    config = replace(short(), target=RateTarget(size_bytes=wanted), lattice=replace(SHORT, predicted_steps=10))
    units = list(CODEC.encode(fit(timed(panned(8, 2)), config)))
    total = sum(len(unit.payload) for unit in units)
    assert 0.7 * wanted < total < 1.1 * wanted


@pytest.mark.parametrize("size", [(1, 1), (33, 17)])
def test_clips_of_odd_sizes_are_coded(size: tuple[int, int]) -> None:
    pictures = [crop("kodim08", *size), crop("kodim15", *size), crop("kodim15", *size)]
    parts = fit(timed(pictures), short(12))
    *_, last = CODEC.decode(CODEC.encode(parts))
    assert rendered(last).shape == (size[1], size[0], 3)
    assert last.frame == 2


def test_a_clip_rejects_a_source_without_frames() -> None:
    empty = replace(timed(frames(1)), frames=lambda start: iter([]))
    with pytest.raises(SignalError, match="no frames"):
        fit(empty, short())
