# SPDX-License-Identifier: Apache-2.0
"""Curves enter, an SVG drawing leaves: panels with axes, lines and one legend, readable on light and dark pages.

The same numbers give the same bytes, so that a check can compare files.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType

PANEL_WIDTH, PANEL_HEIGHT = 380, 280
"""One panel with its labels, SVG units (pixels at 100 %)."""
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 34, 46
"""Margins of a panel around its plot."""
LEGEND_ROW = 22
LEGEND_LETTER = 6.9
"""Mean width of a letter of the legend: entries are set without measuring text."""

COLORS: Mapping[str, str] = MappingProxyType(
    {
        "lamina": "#d1495b",
        "lamina_levels": "#d1495b",
        "lamina_single": "#8d5b99",
        "jpeg2000": "#2e6fba",
        "jpeg": "#8a8f98",
        "avif": "#2a9d6f",
        "jpeg_xl": "#d08c28",
        "x264": "#8a8f98",
        "x264_low_delay": "#8a8f98",
        "x265": "#2e6fba",
        "x265_low_delay": "#2e6fba",
        "svt_av1": "#2a9d6f",
        "spz": "#2e6fba",
        "ply": "#8a8f98",
        "sog": "#2aa5b8",
        "plain_gaussians": "#8a8f98",
        "scaffold_gaussians": "#6b4f3a",
        "one_level": "#8d5b99",
        "scene_fast": "#d1495b",
        "scene_default": "#2a9d6f",
        "scene_paper": "#d08c28",
    }
)
"""One color a codec in every plot; told apart by people who see few colors by lightness and dashes too."""

_STYLE = """
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#444b55}
.title{font-weight:600;font-size:13px;fill:#1c2128}
.grid{stroke:#8a8f98;stroke-opacity:.22;stroke-width:1}
.frame{stroke:#8a8f98;stroke-opacity:.6;stroke-width:1;fill:none}
@media (prefers-color-scheme:dark){text{fill:#b6bec9}.title{fill:#eef1f5}}
"""


@dataclass(frozen=True)
class Curve:
    """A line with its points."""

    codec: str
    """Key of `COLORS`."""
    label: str
    points: Sequence[tuple[float, float]]
    """x, y; drawn in order of x."""
    is_dashed: bool = False
    has_markers: bool = True
    width: float = 1.6


@dataclass(frozen=True)
class Panel:
    """One plot."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve]
    is_x_log: bool = True
    x_limits: tuple[float, float] | None = None
    """None: what the points cover."""
    y_limits: tuple[float, float] | None = None


def draw(panels: Sequence[Panel], columns: int) -> str:
    """The drawing: one legend on top, then panels row by row.

    Raises:
        ValueError: a panel has no points, or a point that its axis cannot show.
    """
    columns = min(columns, len(panels))
    width = columns * PANEL_WIDTH
    legend, legend_height = _legend(panels, width)
    rows = math.ceil(len(panels) / columns)
    height = legend_height + rows * PANEL_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-label="{escape("; ".join(panel.title for panel in panels))}">',
        f"<style>{_STYLE}</style>",
        *legend,
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        parts.append(f'<g transform="translate({column * PANEL_WIDTH},{legend_height + row * PANEL_HEIGHT})">')
        parts += _panel(panel)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(panels: Sequence[Panel], width: int) -> tuple[list[str], int]:
    """Each label once, in order of appearance, wrapped to the width; and its height."""
    entries = {curve.label: curve for panel in panels for curve in panel.curves}
    x, y, parts = float(LEFT), 16, []
    for label, curve in entries.items():
        needed = 34 + LEGEND_LETTER * len(label) + 14
        if x + needed > width and x > LEFT:
            x, y = float(LEFT), y + LEGEND_ROW
        parts.append(f'<path d="M{x:.1f} {y}h24" {_stroke(curve)}/>')
        if curve.has_markers:
            parts.append(_marker(x + 12, y, curve))
        parts.append(f'<text x="{x + 31:.1f}" y="{y + 4}">{escape(label)}</text>')
        x += needed
    return parts, y + 12


def _panel(panel: Panel) -> list[str]:
    x_axis = _Axis.covering([x for curve in panel.curves for x, _ in curve.points], panel.x_limits, panel.is_x_log)
    inside = [y for curve in panel.curves for x, y in curve.points if x_axis.low <= x <= x_axis.high]
    y_axis = _Axis.covering(inside, panel.y_limits, is_log=False)
    left, right, top, bottom = LEFT, PANEL_WIDTH - RIGHT, TOP, PANEL_HEIGHT - BOTTOM
    parts = [f'<text class="title" x="{left}" y="{top - 12}">{escape(panel.title)}</text>']
    for value in x_axis.ticks():
        x = left + x_axis.place(value) * (right - left)
        parts.append(f'<path class="grid" d="M{x:.1f} {top}V{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 17}" text-anchor="middle">{value:g}</text>')
    for value in y_axis.ticks():
        y = bottom - y_axis.place(value) * (bottom - top)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{right}"/>')
        parts.append(f'<text x="{left - 7}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
    middle = (left + right) / 2
    parts.append(f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">{escape(panel.x_label)}</text>')
    turned = f'transform="translate(13,{(top + bottom) / 2}) rotate(-90)"'
    parts.append(f'<text {turned} text-anchor="middle">{escape(panel.y_label)}</text>')
    parts.append(f'<rect class="frame" x="{left}" y="{top}" width="{right - left}" height="{bottom - top}"/>')
    parts.append(f'<svg x="{left}" y="{top}" width="{right - left}" height="{bottom - top}">')
    for curve in panel.curves:
        parts += _curve(curve, x_axis, y_axis)
    return [*parts, "</svg>"]


def _curve(curve: Curve, x_axis: _Axis, y_axis: _Axis) -> list[str]:
    width, height = PANEL_WIDTH - LEFT - RIGHT, PANEL_HEIGHT - TOP - BOTTOM
    places = [
        (x_axis.place(x) * width, (1 - y_axis.place(y)) * height) for x, y in sorted(curve.points, key=lambda p: p[0])
    ]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    parts = [f'<path d="M{path}" fill="none" stroke-linejoin="round" {_stroke(curve)}/>']
    if curve.has_markers:
        parts += [_marker(x, y, curve) for x, y in places]
    return parts


def _marker(x: float, y: float, curve: Curve) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{1.3 * curve.width:.1f}" fill="{_color(curve)}"/>'


def _stroke(curve: Curve) -> str:
    dashes = ' stroke-dasharray="5 4"' if curve.is_dashed else ""
    return f'stroke="{_color(curve)}" stroke-width="{curve.width:g}"{dashes}'


def _color(curve: Curve) -> str:
    return COLORS[curve.codec]


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    is_log: bool

    @staticmethod
    def covering(values: Sequence[float], limits: tuple[float, float] | None, is_log: bool) -> _Axis:
        """Limits as given, or those of the values with a little room."""
        if not values or not all(math.isfinite(value) and (value > 0 or not is_log) for value in values):
            raise ValueError(f"expected finite values{' above 0' if is_log else ''} to draw, got {list(values)[:5]}")
        if limits is not None:
            return _Axis(*limits, is_log)
        low, high = min(values), max(values)
        if is_log:
            return _Axis(low / 1.12, high * 1.12, is_log)
        room = 0.05 * (high - low) or 1.0
        return _Axis(low - room, high + room, is_log)

    def place(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        if self.is_log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round numbers inside, three to seven."""
        if self.is_log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for digits in ((1, 2, 3, 4, 6, 8), (1, 2, 5), (1, 3), (1,)):
                ticks = [digit * 10.0**decade for decade in decades for digit in digits]
                ticks = [tick for tick in ticks if self.low <= tick <= self.high]
                if len(ticks) <= 7:
                    break
            return [float(f"{tick:.6g}") for tick in ticks]
        raw = (self.high - self.low) / 6
        unit = 10.0 ** math.floor(math.log10(raw))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= raw)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [float(f"{step * number:.6g}") for number in range(first, last + 1)]
