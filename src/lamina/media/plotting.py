# SPDX-License-Identifier: Apache-2.0
"""Quality of each level over time enters; a PNG leaves: dB over frames, a line a level.

Drawn with Pillow, twice as large as it is shown and then reduced: it needs nothing that decoding does not need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lamina.atomic import replacing
from lamina.errors import SignalError

if TYPE_CHECKING:
    from PIL import ImageDraw

    from lamina.media.comparison import LevelQuality

WIDTH, HEIGHT = 960, 480
"""Pixels."""
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 44, 52
"""Margins around the plot; the legend stands to its right."""
OVERSAMPLING = 2
COLORS = ("#8a8f98", "#2e6fba", "#2a9d6f", "#d08c28", "#d1495b", "#8d5b99", "#2aa5b8", "#6b4f3a")
"""Of lines, from the lowest level on: lightness differs too."""
TEXT, GRID, PAPER = "#444b55", "#dfe2e6", "#ffffff"
STEPS = (1, 2, 5)
"""Of ticks, times a power of ten."""
TICKS = 6
"""Of an axis, about."""
MARGIN_DB = 0.5
"""Above the best and below the worst."""


@dataclass(frozen=True)
class Line:
    """Points in rising order of x."""

    label: str
    color: str
    points: Sequence[tuple[float, float]]
    is_thin: bool = False


def plot_quality(levels: Sequence[LevelQuality], path: str | Path, *, title: str = "") -> None:
    """Draw PSNR over frames, a line a level, thin ones for pixels that move, where they are told apart.

    Raises:
        SignalError: what was compared has no frames, or the path does not end in .png.
        WriteError: the disk is full or the place not writable.
    """
    path = check_plot_path(path)
    lines = [line for level in levels for line in _lines(level)]
    if not lines:
        raise SignalError(f"{path}: what stands still has no frames to plot: leave --plot out")
    _draw(lines, path, title)


def check_plot_path(path: str | Path) -> Path:
    """The path, if a plot can stand there: asked before an hour of measuring.

    Raises:
        SignalError: it does not end in .png.
    """
    if Path(path).suffix.lower() != ".png":
        raise SignalError(f"{path}: plots are written as .png: name it so")
    return Path(path)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers in a range, about `TICKS` of them."""
    rough = max(high - low, 1e-9) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((power * factor for factor in STEPS if power * factor >= rough), 10 * power)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _lines(level: LevelQuality) -> list[Line]:
    if level.over_time is None:
        return []
    color = COLORS[level.level % len(COLORS)]
    frames = level.over_time.frames
    whole = Line(f"level {level.level}", color, [(frame.frame, frame.psnr) for frame in frames])
    moving = [(frame.frame, frame.moving_psnr) for frame in frames if frame.moving_psnr is not None]
    return [whole, Line(f"level {level.level}, moving", color, moving, is_thin=True)] if moving else [whole]


@dataclass(frozen=True)
class _Frame:
    """What part of the plane is shown."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """Pixels of the large picture."""
        right, lower = WIDTH - RIGHT, HEIGHT - BOTTOM
        across = (point[0] - self.x[0]) / (self.x[1] - self.x[0])
        up = (point[1] - self.y[0]) / (self.y[1] - self.y[0])
        return OVERSAMPLING * (LEFT + across * (right - LEFT)), OVERSAMPLING * (lower - up * (lower - TOP))


def _draw(lines: Sequence[Line], path: Path, title: str) -> None:
    from PIL import Image, ImageDraw, ImageFont

    points = [point for line in lines for point in line.points]
    xs, ys = zip(*points, strict=True)
    frame = _Frame((min(xs), max(max(xs), min(xs) + 1)), (min(ys) - MARGIN_DB, max(ys) + MARGIN_DB))
    picture = Image.new("RGB", (OVERSAMPLING * WIDTH, OVERSAMPLING * HEIGHT), PAPER)
    pen = ImageDraw.Draw(picture)
    pen.font = ImageFont.load_default(OVERSAMPLING * 13)
    _draw_axes(pen, frame, title)
    for number, line in enumerate(lines):
        _draw_line(pen, frame, line, TOP + 20 * number)
    with replacing(path) as file:
        picture.reduce(OVERSAMPLING).save(file, "PNG")


def _draw_axes(pen: ImageDraw.ImageDraw, frame: _Frame, title: str) -> None:
    for x in ticks(*frame.x):
        if x == int(x):
            pen.line([frame.place((x, frame.y[0])), frame.place((x, frame.y[1]))], GRID, OVERSAMPLING)
            column, row = frame.place((x, frame.y[0]))
            pen.text((column, row + 6 * OVERSAMPLING), f"{x:g}", TEXT, anchor="mt")
    for y in ticks(*frame.y):
        pen.line([frame.place((frame.x[0], y)), frame.place((frame.x[1], y))], GRID, OVERSAMPLING)
        column, row = frame.place((frame.x[0], y))
        pen.text((column - 6 * OVERSAMPLING, row), f"{y:g}", TEXT, anchor="rm")
    middle = OVERSAMPLING * (LEFT + WIDTH - RIGHT) / 2
    pen.text((middle, OVERSAMPLING * (HEIGHT - 8)), "frame", TEXT, anchor="mb")
    pen.text((OVERSAMPLING * 8, OVERSAMPLING * 12), f"PSNR, dB{'   ' if title else ''}{title}", TEXT, anchor="lt")


def _draw_line(pen: ImageDraw.ImageDraw, frame: _Frame, line: Line, legend_row: int) -> None:
    width = OVERSAMPLING if line.is_thin else 2 * OVERSAMPLING
    places = [frame.place(point) for point in line.points]
    if len(places) > 1:
        pen.line(places, line.color, width, joint="curve")
    else:
        pen.circle(places[0], 2 * width, line.color)
    left, row = OVERSAMPLING * (WIDTH - RIGHT + 14), OVERSAMPLING * legend_row
    pen.line([(left, row), (left + OVERSAMPLING * 22, row)], line.color, width)
    pen.text((left + OVERSAMPLING * 28, row), line.label, TEXT, anchor="lm")
