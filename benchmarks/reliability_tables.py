# SPDX-License-Identifier: Apache-2.0
"""What users meet before and beside quality: starts, interruptions, captures without points. Figures to Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.result_files import read_figures
from benchmarks.summary_tables import UNKNOWN, markdown_table

Figures = Mapping[str, Any]

STARTS_TITLE = "Starting, and the first use on a machine"
STARTS_NOTE = """Processor seconds of a whole command on one thread, imports included: with kernels that are kept, and
with none, as on a machine that has never compiled. In brackets the same before, of commit 496ef52.
`python -m benchmarks.first_use`"""
KILLS_TITLE = "Encodes that are killed"
KILLS_NOTE = """`kill -9` at moments drawn over the processor time that the job takes, and the same command again, until
it was killed so often; each file that was finished is compared with one of an encode left alone.
`python -m benchmarks.interruptions`"""
DISKS_TITLE = "Encodes on a full disk"
DISKS_NOTE = """A file system of 2 MB that is full before the encode begins (but for 8 kB), or just when the finished
file is to be written: its units are in the journal then. The same command again, with room: processor seconds."""
POINTS_TITLE = "Captures whose points are taken away"
POINTS_NOTE = """Short fits of preset `fast`, lambda .004, 1,000 steps, the same for all starts; held-out views.
Triangulated: what is found where pycolmap is installed; swept: where it is not; random: anywhere in the cube, as
before. lego has no points of its own. `python -m benchmarks.captures_without_points`"""


def reliability_report() -> str:
    """All sections that anything was measured for."""
    sections: list[str] = []
    if starts := read_figures("first_use"):
        sections.append(f"### {STARTS_TITLE}\n\n{STARTS_NOTE}\n\n{starts_table(starts['commands'])}")
    if interruptions := read_figures("interruptions"):
        sections.append(f"### {KILLS_TITLE}\n\n{KILLS_NOTE}\n\n{kills_table(interruptions)}")
        if any("full_disk" in found for found in interruptions.values()):
            sections.append(f"### {DISKS_TITLE}\n\n{DISKS_NOTE}\n\n{disks_table(interruptions)}")
    if points := read_figures("captures_without_points"):
        sections.append(f"### {POINTS_TITLE}\n\n{POINTS_NOTE}\n\n{points_table(points)}")
    return "\n\n".join(sections) + "\n" if sections else ""


def starts_table(commands: Figures) -> str:
    """A row for each command."""
    figures = {"warm_cache_cpu_s": "s", "empty_cache_cpu_s": "s, nothing compiled", "kernels": "kernels"}
    rows = []
    for command, sides in commands.items():
        after, before = sides["after"], sides.get("before")
        rows.append([command, *(_beside(after[name], before[name] if before else None) for name in figures)])
    return markdown_table(["command", *figures.values()], rows)


def kills_table(figures: Figures) -> str:
    """A row for each subject."""
    rows = [
        [
            subject,
            str(found["kills"]),
            f"{found['files_the_same']} of {found['files_finished']}",
            str(len(found["left_behind"])),
            f"{found['alone_s']:.1f}",
            f"{found['all_runs_s']:.1f}",
        ]
        for subject, found in figures.items()
        if "kills" in found
    ]
    return markdown_table(["what", "kills", "the same bytes", "files left behind", "alone s", "all runs s"], rows)


def disks_table(figures: Figures) -> str:
    """Two rows for each subject."""
    rows = []
    for subject, found in figures.items():
        for when in ("from_the_start", "at_the_last_write"):
            if run := found.get("full_disk", {}).get(when):
                same = "yes" if run["same"] else "NO"
                kept = " ".join(run["kept"]) or "nothing"
                rows.append([f"{subject}, {when.replace('_', ' ')}", kept, f"{run['second_run_s']:.1f}", same])
    return markdown_table(["what, full when", "kept", "second run s", "the same bytes"], rows)


def points_table(figures: Figures) -> str:
    """A row for each capture and start."""
    rows = []
    for capture, starts in figures.items():
        own = starts.get("own")
        for start, found in starts.items():
            apart = f"{found['psnr_db'] - own['psnr_db']:+.2f}" if own else UNKNOWN
            width, height = found["views_px"]
            quality = [f"{found['psnr_db']:.2f}", apart, f"{found['size_bytes'] / 1000:.0f}"]
            times = [f"{found['points_found_in_s']:.0f}", f"{found['encode_cpu_s']:.0f}"]
            rows.append([f"{capture} {width}x{height}, {start}", f"{found['points']:,}", *quality, *times])
    header = [
        "capture, start",
        "points",
        "PSNR dB",
        "over own points dB",
        "kB",
        "finding them s",
        "fit s of one core",
    ]
    return markdown_table(header, rows)


def _beside(after: float, before: float | None) -> str:
    return f"{after:g}" if before is None else f"{after:g} ({before:g})"
