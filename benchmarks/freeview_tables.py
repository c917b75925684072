# SPDX-License-Identifier: Apache-2.0
"""Figures of free-viewpoint video enter, Markdown leaves: levels of the default preset; what each variant changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.freeview import VARIANTS
from benchmarks.result_files import read_figures
from benchmarks.summary_tables import markdown_table

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
        f"{after['moving_psnr']:.2f}",
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
    variants = markdown_table(("variant", *HEADER[1:], "s a frame", "MB"), rows)
    return f"{levels}\n\n{variants}"
