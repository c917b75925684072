# SPDX-License-Identifier: Apache-2.0
"""Figures of volumetric video enter, Markdown leaves: levels, drift within groups, ways to code side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.compare_curves import known_bd_rate
from benchmarks.result_files import read_figures
from benchmarks.summary_tables import markdown_table
from benchmarks.volume_rates import RESULT

ENDS = 3
"""Frames at each end of a group, of which drift is told."""

GROUP_LENGTHS = (5, 8, 10, 14, 20)

BASE = "default"
"""The way that others are compared with."""


VOLUME_NOTE = """Panoptic basketball, frames 0 to 59 at half size (320 x 180), foreground by masks over black, cameras
6, 13, 18 and 25 held out, preset `default`: groups of 10 frames; then with groups of 20. kB are of all levels up to
one, the group's header with its key frame. Corrected: after a gain a channel, fitted to the camera's other frames;
drift is of these, first three frames after a key less the last three of the group, mean of all groups: what changes in
the scene is in it too. `python -m benchmarks.volume --variant default,groups_of_20`."""

VOLUME_RATES_NOTE = """The same capture at a quarter of its size (160 x 90), frames 0 to 5, one group: a key frame and
five that build on it, so what is spent on key frames weighs more than in longer groups. Top level, raw PSNR, everything
that is sent counted. `paper`: HPC, see [the codec's page](codecs/volume.md). `dct`: one level whose differences are
transformed in blocks of 8x8x8, as ReRF does. `python -m benchmarks.volume_rates`, `python -m benchmarks.volume_dct`."""

VOLUME_SPEED_NOTE = """The file of the first table but its later frames: processor time of one thread, the least of
several repeats, all levels. `before`: as of commit f0c6770. `python -m benchmarks.volume_speed`."""


LONG = "groups_of_20"
"""The variant that tells of the length of groups."""


def volume_report() -> str:
    """Levels and drift of short groups, then of long ones; empty where nothing is measured yet."""
    return "\n\n".join(report for variant in (BASE, LONG) if (report := variant_report(variant)))


def variant_report(variant: str) -> str:
    """Levels and drift of one encode; empty where nothing is measured yet."""
    figures = read_figures(f"volume_{variant}")
    if not figures:
        return ""
    levels = markdown_table(
        (
            "level",
            "key kB",
            "between kB",
            "kbit/s",
            "key dB raw / corrected",
            "between dB raw / corrected",
            "first 3 after a key dB",
            "last 3 of a group dB",
            "drift dB",
        ),
        [level_row(figures, number) for number in range(len(figures["levels"]))],
    )
    key_s, between_s = (figures[name]["cpu"] for name in ("key_frame_s", "frame_s"))
    spent = (
        f"{key_s:.1f} s a key frame, {between_s:.1f} s one between, processor time of one core that had other work; "
        f"{figures['peak_memory_mb']:.0f} MB at most."
    )
    return f"{levels}\n\n{spent}"


def level_row(figures: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """Of a level: bytes of all levels up to it."""
    level, group = figures["levels"][number], figures["group_frames"]
    sizes = [sum(frame[: number + 1]) for frame in figures["frame_bytes"]]
    raw, corrected = level["over_time"]["frames"], level["over_time"]["corrected_frames"]
    is_key = [frame % group == 0 for frame in range(len(sizes))]
    first, last = ends_of_groups(corrected, group)
    return (
        str(number),
        f"{mean_where(sizes, is_key, wanted=True) / 1000:.1f}",
        f"{mean_where(sizes, is_key, wanted=False) / 1000:.1f}",
        f"{level['kilobits_per_second']:.0f}",
        *(
            f"{mean_where(raw, is_key, wanted=wanted):.2f} / {mean_where(corrected, is_key, wanted=wanted):.2f}"
            for wanted in (True, False)
        ),
        f"{first:.2f}",
        f"{last:.2f}",
        f"{first - last:+.2f}",
    )


def volume_groups_table(variant: str = LONG) -> str:
    """What the first frames of each group take and are: what shorter groups would, without a second encode."""
    figures = read_figures(f"volume_{variant}")
    group, level = figures["group_frames"], figures["levels"][-1]["over_time"]
    sizes = [sum(frame) for frame in figures["frame_bytes"]]
    rows = []
    for count in (length for length in GROUP_LENGTHS if length <= group):
        kept = [start + place for start in range(0, len(sizes) - group + 1, group) for place in range(count)]
        row = [fmean(values[frame] for frame in kept) for values in (sizes, level["frames"], level["corrected_frames"])]
        rows.append((str(count), f"{row[0] / 1000:.2f}", f"{row[1]:.2f}", f"{row[2]:.2f}"))
    return markdown_table(("first frames of each group", "kB a frame", "dB raw", "dB corrected"), rows)


def mean_where(values: Sequence[float], chosen: Sequence[bool], *, wanted: bool) -> float:
    """Mean of those whose mark is as wanted."""
    return fmean(value for value, mark in zip(values, chosen, strict=True) if mark is wanted)


def ends_of_groups(values: Sequence[float], group: int) -> tuple[float, float]:
    """Means over whole groups of the first frames after the key, and of the last ones."""
    starts = range(0, len(values) - group + 1, group)
    first = [value for start in starts for value in values[start + 1 : start + 1 + ENDS]]
    last = [value for start in starts for value in values[start + group - ENDS : start + group]]
    return fmean(first), fmean(last)


def volume_rates_table() -> str:
    """A row a way to code; empty where nothing is measured yet."""
    figures = read_figures(RESULT)
    if BASE not in figures:
        return ""
    base = curve_of(figures[BASE])
    rows = []
    for name, points in figures.items():
        known = sorted(points.values(), key=lambda point: point["levels"][-1]["frame_bytes"])
        tops = [point["levels"][-1] for point in known]
        change = None if name == BASE else known_bd_rate(curve_of(points), base)
        spent = fmean(point["cpu_s_a_frame"] for point in known)
        rows.append(
            (
                name,
                " / ".join(f"{top['frame_bytes'] / 1000:.1f}" for top in tops),
                " / ".join(f"{top['psnr']:.2f}" for top in tops),
                "" if change is None else f"{change:+.0f} %",
                f"{spent:.0f}",
            )
        )
    header = ("way", "kB a frame", "PSNR dB, raw", "BD-rate of default against it", "s a frame")
    return markdown_table(header, rows)


def curve_of(points: Mapping[str, Mapping[str, Any]]) -> list[tuple[float, float]]:
    """Bytes and PSNR of the top level at each lambda."""
    return [(point["levels"][-1]["frame_bytes"], point["levels"][-1]["psnr"]) for point in points.values()]


SPEEDS = {
    "a key frame decoded": ("decode_ms", "key"),
    "a frame between decoded": ("decode_ms", "between"),
    "rendered at 320x180": ("render_320x180_ms",),
    "rendered at 640x360": ("render_640x360_ms",),
    "a step of the fit, 4,096 rays": ("step_4096_rays_ms",),
}
"""What is measured -> where it stands."""


def volume_speed_table() -> str:
    """A row a thing that is done; empty where nothing is measured yet."""
    figures = read_figures("volume_speed")
    if not figures:
        return ""
    rows = []
    for what, path in SPEEDS.items():
        found = []
        for subject in figures.values():
            value: Any = subject
            for step in path:
                value = value[step]
            found.append(f"{value:.1f}")
        rows.append((what, *found))
    return markdown_table(("milliseconds", *figures), rows)
