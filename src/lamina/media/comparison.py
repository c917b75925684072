# SPDX-License-Identifier: Apache-2.0
"""A file and its source enter; bytes and quality of each level, measured on what is decoded from the file, leave.

Quality is of 8-bit RGB pixels, whole frame, all frames: PSNR is the mean over frames of the PSNR of each. A level of
smaller size (resolution scalability) is measured against the source scaled down to it by box filter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, tee
from statistics import fmean
from typing import Any

import numpy as np

from lamina.bitstream.cutting import size_after_cut
from lamina.codec import Progress
from lamina.data import Clip, Picture, downsample_area
from lamina.errors import BackendUnavailable, SignalError
from lamina.media.reading import Media
from lamina.metrics import find_ffmpeg, finite_db, ms_ssim, psnr, ssim, vmaf

Frames = Iterator[tuple[np.ndarray, np.ndarray]]
"""Pairs of source and decoded pixels, uint8 (h, w, 3)."""


@dataclass(frozen=True, slots=True)
class LevelQuality:
    """One level against its source."""

    level: int
    bytes: int
    """Size of the file when it is cut at this level, everything counted."""
    bpp: float
    """The same in bits per pixel of full size and frame."""
    width: int
    """Pixels that were compared."""
    height: int
    psnr: float
    """dB; at most 100, which stands for identical."""
    ssim: float
    ms_ssim: float
    vmaf: float | None
    """0...100; None for stills, and where no ffmpeg with libvmaf is installed or the clip is too small for it."""

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """One frame against its source."""

    psnr: float
    ssim: float
    ms_ssim: float


def compare(
    media: Media, source: Picture | Clip, progress: Callable[[Progress], None] | None = None
) -> Iterator[LevelQuality]:
    """Measure each level, coarsest first.

    Raises:
        BitstreamError: the file is damaged: its quality would say nothing.
        SignalError: the source has another size or number of frames.
    """
    check_same_shape(media, source)
    has_vmaf = isinstance(source, Clip) and vmaf_is_available()
    pixel_count = media.info.width * media.info.height * media.frame_count
    for level in range(media.level_count):
        scores: list[FrameQuality] = []
        pairs = _pairs(media, source, level)
        first = next(pairs)
        height, width = first[1].shape[:2]
        measured = _measured(chain([first], pairs), scores, media, level, progress)
        vmaf_mean = _vmaf_of(measured) if has_vmaf else None
        for _ in measured:
            continue
        if media.problems:
            raise media.problems[0]
        size_bytes = size_after_cut(media.stream, dict.fromkeys(media.stream.groups, level))
        yield LevelQuality(
            level=level,
            bytes=size_bytes,
            bpp=8 * size_bytes / pixel_count,
            width=width,
            height=height,
            psnr=fmean(score.psnr for score in scores),
            ssim=fmean(score.ssim for score in scores),
            ms_ssim=fmean(score.ms_ssim for score in scores),
            vmaf=vmaf_mean,
        )


def check_same_shape(media: Media, source: Picture | Clip) -> None:
    """Raise `SignalError` unless the source has the size and the number of frames of the file."""
    info, path = media.info, source.path or "the source"
    if (source.width, source.height) != (info.width, info.height):
        raise SignalError(
            f"{path}: {source.width}x{source.height} pixels, the file has {info.width}x{info.height}: is it the source?"
        )
    count = 1 if isinstance(source, Picture) else source.frame_count
    if count is not None and count != media.frame_count:
        raise SignalError(
            f"{path}: {count} frames, the file has {media.frame_count}; if it holds a part, say which: --frames A:B"
        )


def vmaf_is_available() -> bool:
    """Whether an ffmpeg with libvmaf is installed."""
    try:
        find_ffmpeg("libvmaf")
    except BackendUnavailable:
        return False
    return True


def _pairs(media: Media, source: Picture | Clip, level: int) -> Frames:
    """Source and decoded pixels of each frame, at the level's own size."""
    references = iter([source.pixels]) if isinstance(source, Picture) else source.frames(0, media.frame_count)
    for number, decoded in enumerate(media.frames(level=level)):
        reference = next(references, None)
        if reference is None:
            raise SignalError(f"{source.path}: ends after {number} frames, the file has {media.frame_count}")
        height, width = decoded.shape[:2]
        if reference.shape != decoded.shape:
            smaller = downsample_area(reference.astype(np.float32), height, width)
            reference = np.clip(np.rint(smaller), 0, 255).astype(np.uint8)
        yield reference, decoded


def _measured(
    pairs: Frames,
    scores: list[FrameQuality],
    media: Media,
    level: int,
    progress: Callable[[Progress], None] | None,
) -> Frames:
    """The same pairs; their quality is appended to `scores` on the way."""
    for reference, decoded in pairs:
        quality_db = finite_db(psnr(reference, decoded))
        scores.append(FrameQuality(quality_db, ssim(reference, decoded), ms_ssim(reference, decoded)))
        if progress is not None:
            done = (level + len(scores) / media.frame_count) / media.level_count
            progress(Progress(done, f"level {level}, frame {len(scores)}/{media.frame_count}", quality_db))
        yield reference, decoded


def _vmaf_of(pairs: Frames) -> float | None:
    """VMAF of all pairs, read once; None where libvmaf refuses them."""
    first, second = tee(pairs)
    try:
        return vmaf((reference for reference, _ in first), (decoded for _, decoded in second)).mean
    except SignalError:
        # Too small a picture for libvmaf: the other figures stand. What was not read yet is measured now.
        for _ in first:
            continue
        return None
