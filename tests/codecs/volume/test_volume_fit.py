# SPDX-License-Identifier: Apache-2.0
"""Fits of a small play: what they say is what decoders show; masks, boxes, gains, motion."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from masked_play import BEHIND, PLACES, RADIUS, SMALL, drawn, masked_play, places_at

from lamina.codec import Choices, Session
from lamina.codecs.volume import CODEC
from lamina.codecs.volume.coding import decode, decode_states, encode
from lamina.codecs.volume.config import VolumeConfig
from lamina.codecs.volume.fit.field import field_of, levels_of
from lamina.codecs.volume.fit.fit import fit, pace_of
from lamina.codecs.volume.fit.key_frame import Stage, fit_key_frame
from lamina.codecs.volume.fit.rate import level_bits
from lamina.codecs.volume.fit.silhouettes import box_of, hull_cells, masks_of
from lamina.codecs.volume.fit.start import check_masks, facts_of
from lamina.codecs.volume.model import FramePart, GroupPart, HeadPart, Part, render
from lamina.data.captures.timed import TimedCapture
from lamina.errors import SignalError, TargetError
from lamina.media.configuring import configured
from lamina.metrics.psnr import psnr

VIEWS = (0, 1, 2, 3, 5, 6, 7, 8)


def config_of(**fields: object) -> VolumeConfig:
    return configured(CODEC, Choices("fast"), {**SMALL, **fields})


@cache
def parts() -> tuple[Part, ...]:
    return tuple(fit(masked_play(5), config_of(), Session()))


def test_it_yields_a_header_then_groups_frame_by_frame() -> None:
    assert isinstance(parts()[0], HeadPart)
    assert [(part.group, part.frame) for part in parts() if isinstance(part, GroupPart)] == [(0, 0), (1, 3)]
    frames = [part for part in parts() if isinstance(part, FramePart)]
    assert [part.frame for part in frames] == list(range(5))
    assert [part.before is None for part in frames] == [True, False, False, True, False]


def test_what_is_reported_is_what_a_decoder_shows() -> None:
    frames = [part for part in parts() if isinstance(part, FramePart)]
    play = masked_play(5)
    for model in decode(encode(parts())):
        pixels = np.clip(np.rint(render(model, play.views[4].camera).numpy() * 255), 0, 255).astype(np.uint8)
        expected = frames[model.frame].quality_db[model.level]
        assert psnr(play.foreground(model.frame, 4).over((0, 0, 0)), pixels) == pytest.approx(expected, abs=0.02)


def test_levels_get_better_and_balls_are_found() -> None:
    frames = [part for part in parts() if isinstance(part, FramePart)]
    for part in frames:
        assert list(part.quality_db) == sorted(part.quality_db)
        assert part.quality_db[-1] > 24
    model = [model for model in decode(encode(parts())) if model.frame == 2][-1]
    lattice = model.facts.lattice()
    solid = model.state.values[:, 0] > 3 << 12
    points = np.array(lattice.origin) + model.state.level.vertices[solid] * lattice.step
    away = np.linalg.norm(points[:, None] - places_at(2), axis=2).min(axis=1)
    assert len(points) > 50
    assert np.quantile(away, 0.9) < RADIUS + 2 * lattice.step


def test_vectors_follow_what_moves() -> None:
    """The ball that stands still has smaller vectors than those that turn."""
    found = {(u.key.frame, u.key.layer): s for u, _, s in decode_states(encode(parts())) if s is not None}
    state = found[1, 2]
    lattice = facts_of(masked_play(), config_of(), VIEWS).lattice()
    points = np.array(lattice.origin) + state.level.vertices * lattice.step
    solid = state.values[:, 0] > 2 << 12
    lengths = []
    for ball in range(len(PLACES)):
        near = solid & (np.linalg.norm(points - places_at(1)[ball], axis=1) < RADIUS)
        lengths.append(float(np.linalg.norm(state.vectors[near] / 16, axis=1).mean()))
    assert lengths[1] < min(lengths[0], lengths[2])


def test_the_box_holds_the_balls_of_all_frames() -> None:
    low, high = box_of(masked_play(), VIEWS)
    for frame in range(5):
        assert (places_at(frame) - RADIUS > low - 0.05).all()
        assert (places_at(frame) + RADIUS < high + 0.05).all()
    assert (high - low < 2.6).all()


def test_cells_of_the_hull_hold_the_balls_and_not_all_else() -> None:
    play, config = masked_play(), config_of()
    lattice = facts_of(play, config, VIEWS).lattice()
    cells = hull_cells(masks_of(play, 0, VIEWS), lattice, 1)
    middles = np.array(lattice.origin) + (cells + 0.5) * lattice.voxel(1)
    away = np.linalg.norm(middles[:, None] - places_at(0), axis=2)
    assert (away.min(axis=0) < lattice.voxel(1)).all()
    assert len(cells) < 0.5 * np.prod(lattice.cells(1))


def test_without_masks_it_refuses_and_says_what_to_do() -> None:
    with pytest.raises(
        SignalError, match=r"no masks; volume codes what masks hold: put them in seg/.*--codec freeview"
    ):
        next(fit(masked_play(has_masks=False), config_of(), Session()))
    one = replace(masked_play(), load_mask=lambda frame, view: drawn(frame, view)[1] if view == 0 else None)
    with pytest.raises(SignalError, match="masks of 1 training view only"):
        check_masks(one)


def test_masks_that_hold_nothing_are_refused() -> None:
    empty = replace(masked_play(), load_mask=lambda frame, view: np.zeros((44, 56), np.uint8))
    with pytest.raises(SignalError, match="no place is inside the masks"):
        next(fit(empty, config_of(), Session()))
    elsewhere = config_of(box=(5.0, 5.0, 5.0, 6.0, 6.0, 6.0))
    with pytest.raises(SignalError, match="masks of frame 0 hold nothing in the box"):
        list(fit(masked_play(), elsewhere, Session()))
    with pytest.raises(SignalError, match="choose another box or voxel"):
        list(fit(masked_play(), config_of(voxel=0.0005), Session()))


def test_gains_of_cameras_are_found() -> None:
    gains = np.where(np.arange(9) % 2 == 0, 1.0, 0.8)
    play = masked_play(1)
    darker: TimedCapture = replace(
        play, load=lambda frame, view: np.rint(drawn(frame, view)[0] * gains[view]).astype(np.uint8)
    )
    config = config_of(**{"key.gain_rate": 0.01})
    stage = Stage(darker, VIEWS, facts_of(darker, config, VIEWS), config, config.rate_weight, lambda *_: None)
    found = torch.exp(fit_key_frame(stage, 0, None).log_gains).numpy()
    is_dark = gains[list(VIEWS)] < 1
    assert found[is_dark].mean() < 0.95 * found[~is_dark].mean()


def test_a_larger_lambda_takes_fewer_bytes() -> None:
    sizes = []
    for weight in (1e-4, 0.05):
        units = list(encode(fit(masked_play(2), config_of(rate_weight=weight), Session())))
        sizes.append(sum(len(unit.payload) for unit in units))
    assert sizes[1] < 0.8 * sizes[0]


def test_a_size_is_shared_among_frames() -> None:
    facts = facts_of(masked_play(), config_of(), VIEWS)
    pace = pace_of(config_of(size_bytes=20_000), facts, 5)
    assert pace.frame_bytes == pytest.approx((20_000 - 200 - 5 * 3 * 5) / 5)
    with pytest.raises(TargetError, match="5 frames of 3 levels take 275"):
        pace_of(config_of(size_bytes=275), facts, 5)
    with pytest.raises(TargetError, match="no end yet"):
        pace_of(config_of(size_bytes=20_000), facts, None)


def test_what_is_rare_costs_more_and_zero_least() -> None:
    symbols = np.random.default_rng(0).geometric(0.5, (4000, 2)).astype(np.int32) - 1
    bits = level_bits(symbols)
    middle = bits.shape[1] // 2
    assert (np.diff(bits[:, middle : middle + 6], axis=1) > 0.5).all()
    assert (bits[:, middle] < 1.2).all()


def test_a_field_of_nothing_has_no_symbols() -> None:
    lattice = facts_of(masked_play(), config_of(), VIEWS).lattice()
    cells = np.array([[1, 1, 1], [2, 1, 1]], np.int32)
    field = field_of(lattice, cells, np.ones((3, 4), np.float32))
    field.add_up(2)
    assert all(not own.any() for own in field.symbols())
    assert [len(level.cells) for level in levels_of(lattice, cells)][1:] == [2, 16]


def test_masks_cut_the_play_out() -> None:
    play = masked_play()
    cut = play.cut_out((255, 0, 0))
    seen, inside = drawn(1, 4)
    np.testing.assert_array_equal(cut.pixels(1, 4)[inside > 0], seen[inside > 0])
    assert (cut.pixels(1, 4)[inside == 0] == (255, 0, 0)).all()
    assert (seen[inside == 0] == BEHIND).all()
