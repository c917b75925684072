# SPDX-License-Identifier: Apache-2.0
"""Configurations and signals: presets, layers, level sizes, and what is refused before any work starts."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lamina.codecs.planar.config import PRESETS, PlanarConfig, RateTarget, with_layers
from lamina.codecs.planar.fit.signal import PlanarSignal, as_planar_signal, at_size, header_sizes, level_sizes
from lamina.codecs.planar.syntax import MAX_PIXELS, LevelSize
from lamina.data import Picture
from lamina.data.clip import clip_from_frames
from lamina.errors import SignalError


def test_presets_are_what_they_are_called() -> None:
    assert set(PRESETS) == {"default", "fast", "paper"}
    assert PRESETS["paper"].method == "pgsvc"
    assert PRESETS["default"].method == PRESETS["fast"].method == "lattice"
    assert PRESETS["fast"].lattice.steps < PRESETS["default"].lattice.steps


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_layers_can_be_chosen(preset: str, count: int) -> None:
    config = with_layers(PRESETS[preset], count)
    assert config.layer_count == count
    assert sum(config.layer_shares) == pytest.approx(1.0)
    assert min(config.layer_shares) > 0
    if preset == "paper":
        assert len(config.pgsvc.removal_shares) == count


@pytest.mark.parametrize(
    "change", [{"layer_shares": ()}, {"layer_shares": (0.1,) * 9}, {"layer_shares": (0.5, 0.0)}, {"group_frames": 0}]
)
def test_configurations_reject_what_the_format_cannot_hold(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"layer|group_frames"):
        replace(PlanarConfig(), **change)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("field", ["bits_per_pixel", "size_bytes", "psnr_db", "splats"])
def test_targets_are_positive_and_one_at_a_time(field: str) -> None:
    assert getattr(RateTarget(**{field: 1}), field) == 1
    with pytest.raises(ValueError, match="positive"):
        RateTarget(**{field: 0})
    other = "splats" if field != "splats" else "psnr_db"
    with pytest.raises(ValueError, match="one target at a time"):
        RateTarget(**{field: 1, other: 2})


def test_level_sizes_follow_the_share_of_splats() -> None:
    thirds = replace(PRESETS["paper"], scalability="resolution")
    assert level_sizes(thirds, 300, 150) == ((173, 87), (245, 122), (300, 150))
    assert header_sizes(thirds, 300, 150) == (LevelSize(173, 87), LevelSize(245, 122))
    assert level_sizes(PRESETS["paper"], 300, 150) == ((300, 150),) * 3
    assert header_sizes(PRESETS["paper"], 300, 150) == ()
    assert level_sizes(thirds, 1, 1) == ((1, 1),) * 3


def test_pictures_and_clips_become_signals() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    still = as_planar_signal(Picture(pixels))
    assert (still.width, still.height, still.frames_per_second, still.frame_count) == (6, 4, None, 1)
    assert [frame.shape for frame in still.frames(0)] == [(4, 6, 3)]
    assert list(still.frames(1)) == []
    clip = as_planar_signal(clip_from_frames([pixels] * 3, 25))
    assert (clip.frames_per_second, clip.frame_count) == (Fraction(25), 3)
    assert len(list(clip.frames(1))) == 2
    assert as_planar_signal(clip) is clip


def test_signals_reject_what_no_header_can_say() -> None:
    wide = PlanarSignal(40_000, 2, None, 1, lambda start: iter(()))
    large = PlanarSignal(20_000, 20_000, None, 1, lambda start: iter(()))
    assert large.width * large.height > MAX_PIXELS
    for signal in (wide, large):
        picture = np.broadcast_to(np.zeros((), np.uint8), (signal.height, signal.width, 3))
        with pytest.raises(SignalError, match="Scale the material down"):
            as_planar_signal(Picture(picture))


def test_pictures_are_averaged_down() -> None:
    pixels = np.random.default_rng(1).random((8, 12, 3), np.float32)
    assert at_size(pixels, (12, 8)) is pixels
    np.testing.assert_allclose(at_size(pixels, (6, 4)), pixels.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3)), atol=1e-6)
