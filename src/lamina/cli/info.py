# SPDX-License-Identifier: Apache-2.0
"""`lamina info`: a file enters; what it is, its levels, and where the bytes go, leave. No torch."""

from __future__ import annotations

import json
from pathlib import Path

from lamina.bitstream import read_stream
from lamina.cli.console import bold, counted, decimals, print_table, print_warning, size, thousands
from lamina.cli.levels import print_levels
from lamina.cli.options import Parser
from lamina.media.delivery import Delivery
from lamina.media.summary import Summary, summarize
from lamina.units import SeenBy

EXAMPLES = (
    ("lamina info photo.lam", "for people"),
    ("lamina info clip.lam --json", "for programs; lists every group"),
    ("lamina info game.lam", "of timed captures also: first frame, kB a frame, where a viewer can join"),
)
MOST_GROUPS = 8
"""Groups that are listed for people."""


def parser() -> Parser:
    """What `lamina info` understands."""
    made = Parser("info", EXAMPLES)
    made.add_argument("file", type=Path, help="a Lamina file")
    made.add_argument("--json", action="store_true", help="for programs")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    options = parser().parse_args(words)
    with read_stream(options.file) as stream:
        summary = summarize(stream)
    if options.json:
        print(json.dumps(summary.as_json(), indent=2))
        return 0
    print_summary(summary)
    for problem in summary.problems:
        print_warning(problem)
    return 0


def print_summary(summary: Summary) -> None:
    """The facts as a short page."""
    info = summary.info
    facts = [info.kind, f"{info.width}x{info.height}"]
    if info.frames_per_second is not None:
        facts.append(f"{counted(summary.frame_count, 'frame')} in {counted(len(summary.groups), 'group')}")
        rate = f"{float(info.frames_per_second):g} frames per second"
        facts.append(f"variable rate, {rate} in the mean" if summary.has_variable_rate else rate)
    if summary.duration_s is not None:
        facts.append(f"{summary.duration_s:.2f} s")
    print(f"{bold(summary.path)}: {', '.join(facts)}, {size(summary.size_bytes)} ({summary.codec})")
    for name, value in info.details.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    print()
    print_levels(summary)
    if summary.delivery is not None and info.seen_by == SeenBy.CAMERA:
        _print_delivery(summary.delivery)
    elif summary.delivery is not None and info.has_cameras:
        _print_parts(summary, summary.delivery)
    if len(summary.groups) > 1 or info.is_timed:
        _print_groups(summary)
    print()
    largest_first = sorted(summary.parts.items(), key=lambda part: -part[1])
    print_table(
        ("where the bytes go", "bytes", "share"),
        [(name, thousands(count), f"{100 * count / summary.size_bytes:.1f} %") for name, count in largest_first],
    )


def _print_parts(summary: Summary, delivery: Delivery) -> None:
    """What is sent once, and all else, which moves it."""
    print()
    rows: list[tuple[str, ...]] = []
    for level, sent in zip(summary.levels, delivery.levels, strict=True):
        moving = level.size_bytes - sent.once_bytes
        rate = 8e-3 * moving / summary.duration_s if summary.duration_s else 0.0
        rows.append((str(sent.level), thousands(sent.once_bytes), thousands(moving), decimals(rate, 2)))
    print_table(("level", "sent once", "frames", "kbit/s of frames"), rows)


def _print_delivery(delivery: Delivery) -> None:
    """What a viewer waits for, what follows, and where another one can come in."""
    print()
    has_frames = delivery.levels[0].frame_bytes is not None
    rows = [
        (
            str(level.level),
            thousands(level.once_bytes),
            thousands(level.first_frame_bytes),
            *((decimals(level.frame_bytes / 1000, 3),) if level.frame_bytes is not None else ()),
            *((decimals(level.frame_kilobits_per_second, 1),) if has_frames else ()),
        )
        for level in delivery.levels
    ]
    after = ("kB a frame after it", "kbit/s after it") if has_frames else ()
    print_table(("level", "sent once", "first frame", *after), rows)
    frames = [str(join.frame) for join in delivery.joins]
    if len(frames) < 2:
        print("  a viewer can join at the first frame only")
        return
    listed = ", ".join(frames[:MOST_GROUPS]) + (", ..." if len(frames) > MOST_GROUPS else "")
    print(f"  a viewer can join at {len(frames)} frames, at most {delivery.longest_wait_s:.2f} s apart: {listed}")
    prices = [
        f"{size(level.join_price_bytes)} at level {level.level}"
        for level in delivery.levels
        if level.join_price_bytes is not None
    ]
    if prices:
        print(f"  such a frame takes more than one that goes on: {', '.join(prices)}")


def _print_groups(summary: Summary) -> None:
    print()
    rows = [
        (
            f"{group.group} (chained)" if group.is_chained else str(group.group),
            f"{group.first_frame}...{group.first_frame + group.frame_count - 1}",
            " + ".join(thousands(count) for count in group.layer_bytes),
            decimals(group.quality_db, 2),
        )
        for group in summary.groups[:MOST_GROUPS]
    ]
    print_table(("group", "frames", "bytes of each layer", "PSNR dB"), rows)
    if len(summary.groups) > MOST_GROUPS:
        print(f"  and {len(summary.groups) - MOST_GROUPS} more; --json lists all")
