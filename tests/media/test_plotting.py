# SPDX-License-Identifier: Apache-2.0
"""dB over frames as a picture: lines where they belong, round ticks, one clear error where there is nothing to draw."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.errors import SignalError, WriteError
from lamina.media.comparison import LevelQuality
from lamina.media.over_time import LookQuality, over_time
from lamina.media.plotting import COLORS, HEIGHT, WIDTH, plot_quality, ticks


def level(number: int, qualities_db: list[float], moving_db: float | None = None) -> LevelQuality:
    scores = [LookQuality(k, db, 0.9, 0.9, None, moving_psnr=moving_db) for k, db in enumerate(qualities_db)]
    return LevelQuality(
        number, 1000, None, 8.0, 40, 32, len(scores), qualities_db[0], 0.9, 0.9, None, None, {}, over_time(scores), None
    )  # fmt: skip


def rows_of(pixels: np.ndarray, color: str) -> np.ndarray:
    """Rows in which a line's color is, on white or blended with it, left of the legend."""
    wanted = 255 - np.array([int(color[start : start + 2], 16) for start in (1, 3, 5)])
    shares = (255 - pixels[:, : WIDTH - 190].astype(float)) / wanted
    return np.flatnonzero(((shares.min(axis=2) > 0.3) & (np.ptp(shares, axis=2) < 0.1)).any(axis=1))


def test_better_levels_stand_higher(tmp_path: Path) -> None:
    levels = [level(1, [24.0, 23.5, 23.8]), level(2, [30.0, 29.0, 29.5])]
    plot_quality(levels, tmp_path / "plot.png", title="game.lam")
    pixels = lamina.read_image(tmp_path / "plot.png").pixels
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert rows_of(pixels, COLORS[2]).max() < rows_of(pixels, COLORS[1]).min()


def test_what_moves_has_a_line_of_its_own(tmp_path: Path) -> None:
    plot_quality([level(1, [30.0, 30.0])], tmp_path / "whole.png")
    plot_quality([level(1, [30.0, 30.0], 20.0)], tmp_path / "both.png")
    rows = [rows_of(lamina.read_image(tmp_path / name).pixels, COLORS[1]) for name in ("whole.png", "both.png")]
    assert np.ptp(rows[0]) < 5
    assert np.ptp(rows[1]) > HEIGHT / 2


def test_one_frame_is_a_point(tmp_path: Path) -> None:
    plot_quality([level(1, [30.0])], tmp_path / "plot.png")
    assert len(rows_of(lamina.read_image(tmp_path / "plot.png").pixels, COLORS[1])) > 2


def test_ticks_are_round() -> None:
    assert ticks(22.9, 30.6) == [24, 26, 28, 30]
    assert ticks(0, 59) == [0, 10, 20, 30, 40, 50]
    assert ticks(27.95, 28.31) == pytest.approx([28.0, 28.1, 28.2, 28.3])
    assert ticks(3, 3) == [3]


def test_rejects_plots_of_nothing_and_of_other_formats(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"plot\.svg: plots are written as \.png"):
        plot_quality([level(1, [30.0])], tmp_path / "plot.svg")
    with pytest.raises(SignalError, match="what stands still has no frames to plot"):
        plot_quality([replace(level(1, [30.0]), over_time=None)], tmp_path / "plot.png")
    with pytest.raises(WriteError, match="create the folder first"):
        plot_quality([level(1, [30.0])], tmp_path / "nowhere" / "plot.png")
    assert not list(tmp_path.iterdir())
