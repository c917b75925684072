# SPDX-License-Identifier: Apache-2.0
"""A file of a scene and its capture enter; bytes and quality of each level over held-out views leave.

Quality is of 8-bit RGB pixels, whole frame: PSNR is the mean over views of the PSNR of each. Views are those that the
capture holds out (every 8th by name, or its own split); all of them where it holds out none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from lamina.bitstream.cutting import size_after_cut
from lamina.codec import Progress
from lamina.data.captures import Capture, read_capture
from lamina.errors import SignalError
from lamina.media.reading import Media
from lamina.metrics import finite_db, psnr, ssim

if TYPE_CHECKING:
    from lamina.metrics.lpips import Lpips


@dataclass(frozen=True, slots=True)
class SceneLevelQuality:
    """One level against held-out photographs."""

    level: int
    bytes: int
    """Size of the file when it is cut at this level, everything counted."""
    anchors: int
    gaussians: int
    """Of the whole scene: offsets that are used."""
    views: int
    """That were compared."""
    psnr: float
    """dB; at most 100, which stands for identical."""
    ssim: float
    lpips: float | None = None
    """Learned perceptual distance, 0 for alike; None where no weights were given."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self)


def capture_of_size(path: str | Path, width: int, height: int) -> Capture:
    """A capture at the scale at which its first view has so many pixels.

    Raises:
        SignalError: not a capture, or its pictures are smaller or of another shape.
    """
    capture = read_capture(path, scale=1)
    full = capture.views[0].camera
    if (full.width, full.height) == (width, height):
        return capture
    if full.width < width or full.height < height:
        raise SignalError(
            f"{path}: pictures of {full.width}x{full.height}, the file has {width}x{height}: another capture"
        )
    for ratio in (_simple(width, full.width), Fraction(width, full.width), Fraction(height, full.height)):
        scaled = read_capture(path, scale=ratio)
        found = scaled.views[0].camera
        if (found.width, found.height) == (width, height):
            return scaled
    raise SignalError(f"{path}: no scale of its {full.width}x{full.height} gives the file's {width}x{height}")


def _simple(part: int, whole: int) -> Fraction:
    """1/2 for 267 of 533: the scale that a person would have asked for."""
    return Fraction(part, whole).limit_denominator(16)


def compare_scene(
    media: Media,
    capture: Capture,
    progress: Callable[[Progress], None] | None = None,
    *,
    lpips: Lpips | None = None,
) -> Iterator[SceneLevelQuality]:
    """Measure each level, coarsest first; LPIPS too where its weights are given (`metrics.lpips.read_lpips`).

    Raises:
        BitstreamError: the file is damaged: its quality would say nothing.
        SignalError: a photograph cannot be read.
    """
    views = capture.test or tuple(range(len(capture)))
    total = media.level_count * len(views)
    for level in range(media.level_count):
        model = media.model(level=level)
        if media.problems:
            raise media.problems[0]
        scores: list[tuple[float, float]] = []
        distances: list[float] = []
        for view in views:
            shown = media.render(capture.views[view].camera, level, model=model)
            reference = capture.pixels(view)
            scores.append((finite_db(psnr(reference, shown)), ssim(reference, shown)))
            if lpips is not None:
                distances.append(lpips.distance(reference, shown))
            if progress is not None:
                done = (level * len(views) + len(scores)) / total
                progress(Progress(done, f"level {level}, view {len(scores)}/{len(views)}", scores[-1][0]))
        anchors = model.anchors()
        yield SceneLevelQuality(
            level=level,
            bytes=size_after_cut(media.stream, dict.fromkeys(media.stream.groups, level)),
            anchors=len(anchors),
            gaussians=int(anchors.masks.sum()),
            views=len(views),
            psnr=fmean(score[0] for score in scores),
            ssim=fmean(score[1] for score in scores),
            lpips=fmean(distances) if distances else None,
        )
