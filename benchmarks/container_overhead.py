# SPDX-License-Identifier: Apache-2.0
"""What the container costs: one hour of three-layer 25 fps video, made-up payloads, real container code.

Enters: rates, lengths of groups, how often a journal is flushed. Leaves: a table, and
benchmarks/results/container_overhead.json: the container's share of the finished file and of the journal, bytes read
and time taken until the file is open, and until the first units are there.

    python -m benchmarks.container_overhead [--seconds 3600]

Sizes of units vary as those of coded video do: log-normal (sigma 0.5), layers 1 : 2 : 3, key frames six times the
others. The container never looks into payloads, so that what is in them makes no difference.
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from benchmarks.run_log import write_result

from lamina.bitstream import StreamJournal, file_size_bytes, read_stream
from lamina.bitstream.source import FileSource
from lamina.units import STREAM_GROUP, STREAM_HEADER, StreamFacts, Unit, UnitKey

FRAMES_PER_SECOND = 25
LAYER_WEIGHTS = (1.0, 2.0, 3.0)
KEY_FRAME_WEIGHT = 6.0
SIGMA = 0.5
"""Of the logarithm of sizes: two thirds of the units are within a factor of 1.65 of the median."""
FACTS = StreamFacts(1, frames_per_second=Fraction(FRAMES_PER_SECOND))
HEADER = Unit(STREAM_HEADER, bytes(40))
NOISE = os.urandom(1 << 20)


@dataclass(frozen=True)
class Case:
    """One hour of video."""

    label: str
    bits_per_second: int
    group_frames: int


CASES = [
    Case(label, bits_per_second, group_frames)
    for label, bits_per_second in (("200 kbit/s", 200_000), ("250-byte frames", 50_000), ("10 kbit/s", 10_000))
    for group_frames in (25, 64)
]


class CountingSource(FileSource):
    """A file that counts what is read of it."""

    read_bytes = 0

    def read(self, offset: int, size_bytes: int) -> bytes:
        """As `FileSource.read`."""
        data = super().read(offset, size_bytes)
        self.read_bytes += len(data)
        return data


def groups_of(case: Case, seconds: int) -> Iterator[list[Unit]]:
    """The units of each group, layer by layer, with qualities."""
    chance = random.Random(7)
    frames = seconds * FRAMES_PER_SECOND
    weight = sum(LAYER_WEIGHTS) * (case.group_frames - 1 + KEY_FRAME_WEIGHT) / case.group_frames
    mean_bytes = case.bits_per_second / 8 / FRAMES_PER_SECOND / weight
    scale = mean_bytes / 2.718281828459045 ** (SIGMA**2 / 2)
    for group, start in enumerate(range(0, frames, case.group_frames)):
        yield [
            unit_of(UnitKey(group, layer, frame), scale * chance.lognormvariate(0, SIGMA), frame == start)
            for layer in range(len(LAYER_WEIGHTS))
            for frame in range(start, min(start + case.group_frames, frames))
        ]


def unit_of(key: UnitKey, scale: float, is_key: bool) -> Unit:
    """One unit of so many bytes, by its layer and whether it is of a key frame."""
    size_bytes = max(round(scale * LAYER_WEIGHTS[key.layer] * (KEY_FRAME_WEIGHT if is_key else 1.0)), 1)
    start = (key.frame * 7919 + key.layer) % (len(NOISE) - size_bytes)
    return Unit(key, NOISE[start : start + size_bytes], 30.0 + key.layer + (key.frame % 50) / 100)


def flushes_of(group: list[Unit], frames: int) -> Iterator[list[Unit]]:
    """A group's units in flushes of so many frames, layer by layer in each."""
    start, stop = group[0].key.frame, group[-1].key.frame + 1
    for first in range(start, stop, frames):
        yield [unit for unit in group if first <= unit.key.frame < first + frames]


def journal_of(path: Path, case: Case, seconds: int, flush_frames: int) -> tuple[StreamJournal, int]:
    """A journal that grew by flushes of so many frames, and the bytes of its payloads."""
    journal = StreamJournal(path, FACTS)
    journal.append(HEADER)
    payload_bytes = len(HEADER.payload)
    for group in groups_of(case, seconds):
        for flush in flushes_of(group, flush_frames):
            journal.append(flush)
            payload_bytes += sum(len(unit.payload) for unit in flush)
    return journal, payload_bytes


def share(file_bytes: int, payload_bytes: int) -> float:
    """Of the file that is the container's, percent."""
    return round(100 * (file_bytes - payload_bytes) / file_bytes, 3)


def measure(case: Case, seconds: int, folder: Path) -> dict[str, Any]:
    """The figures of one case."""
    by_second, payload_bytes = journal_of(folder / "by_second", case, seconds, FRAMES_PER_SECOND)
    by_frame, _ = journal_of(folder / "by_frame", case, seconds, 1)
    started = time.process_time()
    size_bytes = by_second.finish(folder / "finished.lam")
    finish_cpu_s = round(time.process_time() - started, 2)
    by_frame.close()
    units = (unit for group in groups_of(case, seconds) for unit in group)
    if size_bytes != file_size_bytes(FACTS, [HEADER, *units]):
        raise AssertionError("the size said beforehand is not that of the file")
    figures = {
        "case": case.label,
        "group_frames": case.group_frames,
        "kbit_s": round(8e-3 * payload_bytes / seconds, 1),
        "file_bytes": size_bytes,
        "container_percent": share(size_bytes, payload_bytes),
        "journal_one_second_flushes_percent": share(by_second.size_bytes, payload_bytes),
        "journal_one_frame_flushes_percent": share(by_frame.size_bytes, payload_bytes),
        "finish_cpu_s": finish_cpu_s,
        **opening(folder / "finished.lam"),
        **reopening(by_frame.path),
    }
    by_frame.path.unlink()
    (folder / "finished.lam").unlink()
    return figures


def reopening(path: Path) -> dict[str, Any]:
    """What it takes to open a journal, which is scanned."""
    started = time.process_time()
    with read_stream(path) as stream:
        return {"journal_open_cpu_s": round((time.process_time() - started), 2), "units": len(stream.entries)}


def opening(path: Path) -> dict[str, Any]:
    """What it takes to open a file, and to have the first base layer."""
    started = time.process_time()
    source = CountingSource(path)
    with read_stream(source) as stream:
        opened = {"open_read_bytes": source.read_bytes, "open_cpu_ms": milliseconds_since(started)}
        middle = stream.groups[len(stream.groups) // 2]
        key = stream.entries_of(middle)[0].key
        if stream.unit(stream.entry(key)).key.layer != 0 or stream.place(STREAM_GROUP).frame_count:
            raise AssertionError("the first unit of a group is not of its base layer")
        return opened | {"first_unit_read_bytes": source.read_bytes, "first_unit_cpu_ms": milliseconds_since(started)}


def milliseconds_since(started: float) -> float:
    """Processor time."""
    return round(1e3 * (time.process_time() - started), 1)


def table(rows: list[dict[str, Any]]) -> str:
    """All figures, a row a case."""
    columns = list(rows[0])
    cells = [columns, *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3600, help="of video")
    parser.add_argument("--no-result", action="store_true", help="print only")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = [measure(case, options.seconds, Path(folder)) for case in CASES]
    print(table(rows))
    if not options.no_result:
        settings = {
            "seconds": options.seconds,
            "frames_per_second": FRAMES_PER_SECOND,
            "layer_weights": LAYER_WEIGHTS,
            "key_frame_weight": KEY_FRAME_WEIGHT,
            "size_sigma": SIGMA,
        }
        print(write_result("container_overhead", settings, rows))


if __name__ == "__main__":
    main()
