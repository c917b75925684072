# SPDX-License-Identifier: Apache-2.0
"""A fixed camera over frames enters, what it sees when nothing stands before it leaves: a temporal median."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from lamina.data.captures.capture import Pixels
from lamina.data.captures.timed.capture import TimedCapture

PLATE_FRAMES = 16
"""Spread over the capture: what moves covers a place in fewer than half of them, or its mask says so."""

MASK_MARGIN_PX = 2
"""Masks end a little inside of hair and hands: so far around them nothing counts either."""

ROWS_AT_ONCE = 64
"""Medians are made of some rows at a time, so that memory is that of the frames and little more."""


def plate_of(capture: TimedCapture, view: int, frames: Sequence[int] | None = None) -> Pixels:
    """The median of a view's pixels over frames (None: `PLATE_FRAMES` spread evenly), without those that are masked.

    A pixel that is foreground in all of them is filled from those around it: somebody who stands there throughout would
    be no plate, and no two cameras would agree on him.

    Raises:
        SignalError: a picture or a mask cannot be decoded.
        ValueError: there are no frames, or the capture is still being written and none are given.
    """
    if frames is None:
        if capture.frame_count is None:
            raise ValueError("the capture is still being written: give the frames to take the plate from")
        frames = spread_frames(capture.frame_count)
    if len(frames) == 0:
        raise ValueError("expected at least one frame to take the plate from")
    pixels = [capture.pixels(frame, view) for frame in frames]
    found = [capture.mask(frame, view) for frame in frames]
    plate = np.empty_like(pixels[0])
    nothing = np.zeros(plate.shape[:2], np.bool_)
    masks = [nothing if mask is None else _widened(mask > 0) for mask in found]
    for top in range(0, len(plate), ROWS_AT_ONCE):
        rows = slice(top, top + ROWS_AT_ONCE)
        plate[rows] = _median(np.stack([picture[rows] for picture in pixels]), np.stack([mask[rows] for mask in masks]))
    seen = ~np.logical_and.reduce(masks)
    return plate if seen.all() or not seen.any() else np.rint(_filled(plate.astype(np.float32), seen)).astype(np.uint8)


def spread_frames(frame_count: int, most: int = PLATE_FRAMES) -> list[int]:
    """At most so many frames, evenly from the first to the last."""
    return sorted({int(frame) for frame in np.linspace(0, frame_count - 1, min(most, frame_count)).round()})


def _median(pixels: UInt8[np.ndarray, "t h w 3"], covered: Bool[np.ndarray, "t h w"]) -> Pixels:
    """Over the first axis, of what is not covered; the upper of the middle two is averaged with the lower."""
    hidden = covered & ~covered.all(axis=0)
    # What is hidden is sorted behind everything else.
    levels = np.where(hidden[..., None], np.int16(256), pixels.astype(np.int16))
    levels.sort(axis=0)
    count = (len(pixels) - hidden.sum(axis=0))[None, :, :, None]
    lower = np.take_along_axis(levels, np.broadcast_to((count - 1) // 2, (1, *levels.shape[1:])), axis=0)
    upper = np.take_along_axis(levels, np.broadcast_to(count // 2, (1, *levels.shape[1:])), axis=0)
    return ((lower + upper + 1) // 2)[0].astype(np.uint8)


def _widened(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """With all that is at most `MASK_MARGIN_PX` beside it, along rows and columns."""
    wide, padded = np.zeros_like(mask), np.pad(mask, MASK_MARGIN_PX)
    rows, columns = mask.shape
    for down in range(2 * MASK_MARGIN_PX + 1):
        for right in range(2 * MASK_MARGIN_PX + 1):
            wide |= padded[down : down + rows, right : right + columns]
    return wide


def _filled(pixels: Float32[np.ndarray, "h w 3"], seen: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 3"]:
    """What was not seen has the means of what was around it: of 2 x 2 pixels, or 4 x 4, ... (push and pull)."""
    if seen.all():
        return pixels
    rows, columns = seen.shape
    margin = ((0, rows % 2), (0, columns % 2))
    weights = np.pad(seen.astype(np.float32), margin)
    sums = np.pad(np.where(seen[..., None], pixels, 0.0), (*margin, (0, 0))).astype(np.float32)
    counts = weights.reshape(len(weights) // 2, 2, -1, 2).sum(axis=(1, 3))
    coarse = sums.reshape(len(sums) // 2, 2, -1, 2, 3).sum(axis=(1, 3)) / np.maximum(counts, 1.0)[..., None]
    around = _filled(coarse, counts > 0).repeat(2, axis=0).repeat(2, axis=1)[:rows, :columns]
    padded = np.pad(np.where(seen[..., None], pixels, around), ((1, 1), (1, 1), (0, 0)), mode="edge")
    shifts = [padded[down : down + rows, right : right + columns] for down in range(3) for right in range(3)]
    return np.where(seen[..., None], pixels, np.mean(shifts, axis=0))
