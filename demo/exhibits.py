# SPDX-License-Identifier: Apache-2.0
"""What the page and the table show: one exhibit a source, with everything that was decoded and measured."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.rivals.curves import Pixels, RatePoint

from lamina.bitstream import read_stream
from lamina.cli.progress import ProgressDisplay, shown_progress
from lamina.media.summary import Summary, summarize
from lamina.units import SeenBy

HERE = Path(__file__).parent
OUTPUT = HERE.parent / "demo_output"

NAMES = {
    "lamina": "Lamina",
    "jpeg2000": "JPEG 2000",
    "jpeg": "JPEG",
    "avif": "AVIF",
    "x264": "x264",
    "x265": "x265",
    "svt_av1": "SVT-AV1",
    "spz": ".spz",
    "ply": ".ply",
}
"""Codec -> how people write it."""


@dataclass(frozen=True)
class Version:
    """One thing to look at: the source, a level, or what another codec made of as many bytes."""

    label: str
    codec: str
    """Key of `NAMES`; empty for the source."""
    frames: Sequence[Pixels] = field(repr=False)
    """One for a picture; 8-bit RGB, all of one size."""
    point: RatePoint | None
    """None for the source."""
    level: int | None = None
    """Of a Lamina file."""


@dataclass(frozen=True)
class Curve:
    """Rate and quality of one codec."""

    codec: str
    label: str
    points: Sequence[RatePoint]
    is_one_file: bool = False
    """The points are levels of one file, not files."""


@dataclass(frozen=True)
class Exhibit:
    """A source with all that was made of it."""

    title: str
    note: str
    """Where it comes from."""
    source: Path
    file: Path
    """The Lamina file."""
    command: str
    """What makes the file."""
    encode_s: float
    frames_per_second: float | None
    """None for a picture."""
    versions: Sequence[Version]
    """The source first, levels from the base up, then others."""
    curves: Sequence[Curve]
    summary: Summary

    measured_on: str = ""
    """Looks that quality is measured on, where these are not the frames that are shown: ``5 views held out``."""

    @property
    def is_seen_by_cameras(self) -> bool:
        """It has no pixels of its own: frames are views of it."""
        return self.summary.info.seen_by is SeenBy.CAMERA

    @property
    def coded_frames(self) -> int:
        """Moments that were coded; 0 of what stands still."""
        return self.summary.frame_count if self.summary.info.is_timed else 0

    @property
    def source_bytes(self) -> int:
        """Of the file, or of the pictures and videos in the folder."""
        if not self.source.is_dir():
            return self.source.stat().st_size
        seen = (path for path in self.source.rglob("*") if path.suffix in (".jpg", ".mp4"))
        return sum(path.stat().st_size for path in seen)


def open_summary(path: Path) -> Summary:
    """Facts about a file."""
    with read_stream(path) as stream:
        return summarize(stream)


@contextmanager
def step(title: str) -> Iterator[ProgressDisplay]:
    """A line that says what is being done, then a progress bar under it."""
    print(f"  {title} ...", file=sys.stderr, flush=True)
    with shown_progress(title) as progress:
        yield progress


def closest(points: Sequence[RatePoint], size_bytes: int) -> int:
    """Index of the point whose size is closest to `size_bytes`, in proportion."""
    return min(range(len(points)), key=lambda index: abs(points[index].bytes / size_bytes - 1))
