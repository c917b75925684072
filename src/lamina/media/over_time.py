# SPDX-License-Identifier: Apache-2.0
"""Scores of single looks enter; quality over time leaves: the first frame, those after it, each frame, what moves.

The first frame and those after it are coded by different means, and what stands still hides what moves: each has its
own figure. Colors are also compared after a gain a camera and channel that is fitted to the camera's other frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from statistics import fmean

import numpy as np
from jaxtyping import UInt8

from lamina.cameras.camera import Camera
from lamina.codec import Look, Progress, Signal, View, ignore
from lamina.metrics.color_gain import ColorSums, color_sums
from lamina.metrics.moving import moving_mask, still_picture
from lamina.metrics.psnr import finite_db, psnr

Pixels = UInt8[np.ndarray, "h w 3"]

STILL_PICTURES = 15
"""Of a camera so many pictures, evenly spread, say what stands still; odd, so that a median is one of its values."""
LEAST_STILL_PICTURES = 5
"""In fewer, what moves is a part of what stands still."""
STILL_BYTES = 1 << 29
"""Of pictures that are held for medians: 15 of each of 30 cameras at 640x360 take 311 MB. Fewer are held where they
would take more, and where that is too few, what moves is not told apart."""


@dataclass(frozen=True, slots=True)
class LookQuality:
    """One picture against its source."""

    frame: int
    psnr: float
    ssim: float
    ms_ssim: float
    lpips: float | None
    camera: Hashable = None
    """Tells cameras apart; None: it is no camera's."""
    colors: ColorSums | None = None
    """None: it is no camera's."""
    moving: ColorSums | None = None
    """Of the pixels that move; None: none does, or nobody knows."""
    moving_psnr: float | None = None
    regions: Mapping[str, float] = field(default_factory=dict)
    """PSNR of the pixels of each region that the model names (`Model.regions`), dB."""


@dataclass(frozen=True, slots=True)
class FrameQuality:
    """One frame, the mean over its looks; dB, at most 100."""

    frame: int
    psnr: float
    ssim: float
    moving_psnr: float | None
    """Of the pixels that move, over the looks where some do; None: there are none."""
    corrected_psnr: float | None
    """After a gain a channel, fitted to the camera's other frames, neither rounded nor clipped; None: a camera has one
    frame only, or it is no camera's."""
    corrected_moving_psnr: float | None
    """Of the pixels that move, after the same gain."""


@dataclass(frozen=True, slots=True)
class StretchQuality:
    """Frames that follow each other: the mean over looks of what `FrameQuality` says."""

    frames: int
    looks: int
    psnr: float
    ssim: float
    moving_psnr: float | None
    corrected_psnr: float | None
    corrected_moving_psnr: float | None


@dataclass(frozen=True, slots=True)
class QualityOverTime:
    """Of a level of timed media."""

    first: StretchQuality
    """The first frame."""
    after: StretchQuality | None
    """All others; None: there is one."""
    frames: tuple[FrameQuality, ...]


def over_time(scores: Sequence[LookQuality]) -> QualityOverTime:
    """Of all looks of a level, in the order of frames; at least one."""
    corrected = _corrected(scores)
    pairs = list(zip(scores, corrected, strict=True))
    by_frame = [list(members) for _, members in groupby(pairs, lambda pair: pair[0].frame)]
    frames = tuple(_frame(members) for members in by_frame)
    after = [pair for members in by_frame[1:] for pair in members]
    return QualityOverTime(_stretch(1, by_frame[0]), _stretch(len(by_frame) - 1, after) if after else None, frames)


def camera_key(view: View) -> Hashable:
    """Equal for equal cameras; None for what is none."""
    if not isinstance(view, Camera):
        return None
    lens = (view.focal_x_px, view.focal_y_px, view.center_x_px, view.center_y_px)
    return view.camera_from_world.tobytes(), lens, view.width, view.height


def still_pictures(
    source: Signal, frame_count: int, progress: Callable[[Progress], None] = ignore
) -> Mapping[Hashable, Pixels]:
    """What stands still before each camera that is there in the first frame and in enough others; reads the source.

    Memory is bounded by `STILL_BYTES`; cameras that move have no picture. `progress` may raise to stop.
    """
    held: dict[Hashable, list[Pixels]] = {}
    wanted: frozenset[int] = frozenset()
    for frame, members in groupby(_by_camera(source.looks()), lambda look: look.frame):
        progress(Progress(0.0, f"what stands still, frame {frame + 1}/{frame_count}"))
        if not held:
            held = {camera_key(look.view): [look.pixels.copy()] for look in members}
            wanted = _frames_for_medians(frame, frame_count, [pictures[0] for pictures in held.values()])
            if not wanted:
                return {}
        elif frame in wanted:
            for look in members:
                if (key := camera_key(look.view)) in held:
                    held[key].append(look.pixels.copy())
        if frame >= max(wanted):
            break
    return {key: still_picture(held[key]) for key in list(held) if len(held[key]) >= LEAST_STILL_PICTURES}


def color_scores(
    reference: Pixels, decoded: Pixels, still: Pixels | None
) -> tuple[ColorSums, ColorSums | None, float | None]:
    """Of a camera's look: sums over all pixels, over those that move, and the PSNR of these."""
    colors = color_sums(reference, decoded)
    if still is None or still.shape != reference.shape:
        return colors, None, None
    mask = moving_mask(reference, still)
    if not mask.any():
        return colors, None, None
    # As one row: sums go row by row.
    first, second = reference[mask][None], decoded[mask][None]
    return colors, color_sums(first, second), finite_db(psnr(first, second))


def _by_camera(looks: Iterable[Look]) -> Iterable[Look]:
    return (look for look in looks if isinstance(look.view, Camera))


def _frames_for_medians(first: int, frame_count: int, pictures: list[Pixels]) -> frozenset[int]:
    """An odd number of frames, evenly spread, the first among them; none where too few fit into memory."""
    fitting = STILL_BYTES // sum(picture.nbytes for picture in pictures)
    count = min(STILL_PICTURES, frame_count, fitting)
    count -= count % 2 == 0
    if count < LEAST_STILL_PICTURES:
        return frozenset()
    return frozenset(first + number * frame_count // count for number in range(count))


def _corrected(scores: Sequence[LookQuality]) -> list[tuple[float | None, float | None]]:
    """PSNR of each look after its camera's gains, of all pixels and of those that move."""
    totals: dict[Hashable, ColorSums] = {}
    counts = Counter(score.camera for score in scores)
    for score in scores:
        if score.colors is not None:
            before = totals.get(score.camera)
            totals[score.camera] = score.colors if before is None else before + score.colors
    found: list[tuple[float | None, float | None]] = []
    for score in scores:
        if score.colors is None or counts[score.camera] < 2:
            found.append((None, None))
            continue
        gains = (totals[score.camera] - score.colors).gains()
        moving = score.moving.psnr(gains) if score.moving is not None else None
        found.append((score.colors.psnr(gains), moving))
    return found


Scored = tuple[LookQuality, tuple[float | None, float | None]]


def _frame(members: Sequence[Scored]) -> FrameQuality:
    return FrameQuality(members[0][0].frame, *_means(members))


def _stretch(frames: int, members: Sequence[Scored]) -> StretchQuality:
    return StretchQuality(frames, len(members), *_means(members))


def _means(members: Sequence[Scored]) -> tuple[float, float, float | None, float | None, float | None]:
    return (
        fmean(score.psnr for score, _ in members),
        fmean(score.ssim for score, _ in members),
        _known_mean(score.moving_psnr for score, _ in members),
        _known_mean(whole for _, (whole, _) in members),
        _known_mean(moving for _, (_, moving) in members),
    )


def _known_mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
