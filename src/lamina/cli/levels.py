# SPDX-License-Identifier: Apache-2.0
"""The levels of a file as a table: what each costs and how good it is."""

from __future__ import annotations

from lamina.cli.console import decimals, print_table, thousands
from lamina.media.summary import Summary


def print_levels(summary: Summary) -> None:
    """A row for each level; columns that say nothing about this kind of medium are left out."""
    per_pixel = all(level.bits_per_pixel is not None for level in summary.levels)
    per_second = all(level.kilobits_per_second is not None for level in summary.levels)
    header = (
        "level", "bytes", *(("bits/pixel",) if per_pixel else ()), *(("kbit/s",) if per_second else ()), "PSNR dB",
    )  # fmt: skip
    rows = [
        (
            str(level.level),
            thousands(level.size_bytes),
            *((decimals(level.bits_per_pixel, 3),) if per_pixel else ()),
            *((decimals(level.kilobits_per_second, 1),) if per_second else ()),
            decimals(level.quality_db, 2),
        )
        for level in summary.levels
    ]
    print_table(header, rows)
