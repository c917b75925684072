# SPDX-License-Identifier: Apache-2.0
"""The levels of a file as a table: what each costs and how good it is."""

from __future__ import annotations

from lamina.cli.console import decimals, print_table, thousands
from lamina.media.summary import Summary


def print_levels(summary: Summary) -> None:
    """A row for each level; columns that say nothing about this kind of medium are left out."""
    rate = _kilobits_per_second(summary)
    per_pixel = all(level.bits_per_pixel is not None for level in summary.levels)
    header = ("level", "bytes", *(("bits/pixel",) if per_pixel else ()), *(("kbit/s",) if rate else ()), "PSNR dB")
    rows = [
        (
            str(level.level),
            thousands(level.size_bytes),
            *((decimals(level.bits_per_pixel, 3),) if per_pixel else ()),
            *((f"{rate * level.size_bytes:.0f}",) if rate else ()),
            decimals(level.quality_db, 2),
        )
        for level in summary.levels
    ]
    print_table(header, rows)


def _kilobits_per_second(summary: Summary) -> float:
    """What one byte of the file is worth; 0 for stills."""
    rate = summary.info.frames_per_second
    return 8e-3 * rate / summary.frame_count if rate and summary.frame_count else 0.0
