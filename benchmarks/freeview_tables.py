# SPDX-License-Identifier: Apache-2.0
"""Figures of free-viewpoint video enter, Markdown leaves: levels of the default preset; variants; the paper's way."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmarks.compare_curves import known_bd_rate
from benchmarks.freeview import VARIANTS
from benchmarks.result_files import read_figures
from benchmarks.summary_tables import markdown_table

RATE_ANCHORS = ("ifvc_triplane", "paper")
"""What BD-rates are against: a tri-plane and networks of floats, as iFVC has them; preset `paper`."""

SITUATIONS = {
    "default_half_cameras": "13 of the 27 cameras that are fitted to",
    "default_full_size": "640 x 360, frames 0 to 3",
    "default_enters": "somebody enters after an empty first frame, frames 0 to 8",
}
"""Results of preset default of other captures, and what these are."""

HEADER = ("level", "first frame kB", "kB a frame", "kbit/s", "PSNR dB", "moving dB", "corrected dB", "SSIM")


def freeview_levels_table(variant: str = "default") -> str:
    """A row a level, over the frames after the first; empty where nothing is measured yet."""
    figures = read_figures(f"freeview_{variant}")
    if not figures:
        return ""
    return markdown_table(HEADER, [level_row(level) for level in figures["levels"]])


def level_row(level: Mapping[str, Any]) -> tuple[str, ...]:
    """Of one level."""
    after, delivery = level["over_time"]["after"], level["delivery"]
    return (
        str(level["level"]),
        f"{delivery['start_bytes'] / 1000:.1f}",
        f"{delivery['frame_bytes'] / 1000:.2f}",
        f"{delivery['frame_kilobits_per_second']:.0f}",
        f"{after['psnr']:.2f}",
        "" if after["moving_psnr"] is None else f"{after['moving_psnr']:.2f}",
        f"{after['corrected_psnr']:.2f}",
        f"{after['ssim']:.3f}",
    )


def freeview_report() -> str:
    """Levels of the default preset, then all variants that were measured, by their top level."""
    if not (levels := freeview_levels_table()):
        return ""
    rows = []
    for name in VARIANTS:
        if figures := read_figures(f"freeview_{name}"):
            row = level_row(figures["levels"][-1])
            rows.append((name, *row[1:], f"{figures['frame_s']['cpu']:.1f}", f"{figures['peak_memory_mb']:.0f}"))
    for name, situation in SITUATIONS.items():
        if figures := read_figures(f"freeview_{name}"):
            row = level_row(figures["levels"][-1])
            rows.append((situation, *row[1:], f"{figures['frame_s']['cpu']:.1f}", f"{figures['peak_memory_mb']:.0f}"))
    variants = markdown_table(("variant", *HEADER[1:], "s a frame", "MB"), rows)
    return "\n\n".join(part for part in (levels, variants, *_remarks()) if part)


def _remarks() -> list[str]:
    """What is told in a sentence."""
    remarks = []
    if fresh := read_figures("freeview_fresh"):
        told = ", ".join(f"{frame}: {found['psnr']:.2f} dB" for frame, found in fresh.items())
        remarks.append(f"Frames fitted for themselves, as first frames: {told}.")
    if entered := read_figures("freeview_default_enters"):
        over_time = entered["levels"][-1]["over_time"]["frames"]
        told = ", ".join(f"{quality:.1f}" for quality in over_time)
        sizes = ", ".join(f"{size / 1000:.1f}" for size in entered["frame_bytes"])
        remarks.append(f"Somebody enters: frame by frame {told} dB in {sizes} kB.")
    if followed := read_figures("freeview_follow"):
        slowest, usual = max(followed["latencies_s"]), median(followed["latencies_s"])
        remarks.append(
            f"`--follow`, preset fast: a frame can be played {usual:.1f} s after its pictures are there (median; "
            f"{slowest:.1f} at most), the first one after {followed['first_frame_s']:.0f} s."
        )
    return remarks


def freeview_rates_table() -> str:
    """A row a way to move anchors, all from one first frame; empty where nothing is measured yet."""
    figures = read_figures("freeview_rates")
    if not figures:
        return ""
    anchors = {name: curve_of(figures[name]) for name in RATE_ANCHORS if name in figures}
    rows = []
    for name, points in figures.items():
        known = sorted(points.values(), key=lambda point: point["frame_bytes"])
        changes = [
            None if name == other else known_bd_rate(curve, curve_of(points)) for other, curve in anchors.items()
        ]
        shown = ["" if change is None else f"{change:+.0f} %" for change in changes]
        rows.append((name, *(" / ".join(form(point) for point in known) for form in RATE_COLUMNS.values()), *shown))
    header = ("frames", *RATE_COLUMNS, *(f"BD-rate against {name}" for name in anchors))
    return markdown_table(header, rows)


def curve_of(points: Mapping[str, Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Bytes and PSNR of each lambda."""
    return [(point["frame_bytes"], point["psnr"]) for point in points.values()]


RATE_COLUMNS = {
    "kB a frame": lambda point: f"{point['frame_bytes'] / 1000:.1f}",
    "PSNR dB": lambda point: f"{point['psnr']:.2f}",
    "moving dB": lambda point: f"{point['moving_psnr']:.2f}",
}
"""Of each point of a curve."""
