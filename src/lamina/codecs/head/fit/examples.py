# SPDX-License-Identifier: Apache-2.0
"""A clip enters; what a head is learnt from leaves: some of its frames, where the person is, how the face is posed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from lamina.codecs.head.columns import FIXED, GAZE, NODE_VALUES, ROTATION, TRANSLATION
from lamina.codecs.head.config import HeadConfig
from lamina.data import Clip, downsample_area
from lamina.data.faces.alignment import HeadPose, Pinhole, vector_of
from lamina.data.faces.identity import Person
from lamina.data.faces.person import person_mask
from lamina.data.faces.shape import person_of
from lamina.data.faces.tracking import Face, FaceTracker, watched
from lamina.errors import SignalError

EXPRESSION = FIXED + NODE_VALUES
"""First column of expressions while a head is learnt."""
LEAST_FRAMES = 8
"""Fewer do not show how a face moves."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What a head is learnt from."""

    person: Person
    pinhole: Pinhole
    frames: UInt8[np.ndarray, "t h w 3"]
    """As large as the stream's pictures."""
    masks: Float32[np.ndarray, "t h w"]
    """How much of each pixel is the person."""
    rows: Float32[np.ndarray, "t c"]
    """Columns of each frame as tracked, in their units: pose, gaze, nodes of the torso (at rest), expressions."""
    rest: HeadPose
    """Of the frame that is nearest to all others."""
    rest_number: int


def name_of(clip: Clip) -> str:
    """For messages."""
    return str(clip.path or "clip")


def examples_of(clip: Clip, config: HeadConfig, report: Callable[[float], None]) -> Examples:
    """Look at the frames to learn from.

    Raises:
        SignalError: there is no face, there are two, or the clip is too short.
    """
    start, stop = config.learn or (0, None)
    name = name_of(clip)
    seen = []
    for points, observation in watched(clip.frames(start, stop), name, start):
        seen.append((points, observation))
        report(0.5 * len(seen) / max(clip.frame_count or len(seen), 1))
    if len(seen) < LEAST_FRAMES:
        raise SignalError(f"{name}: {len(seen)} frames to learn from; a head needs at least {LEAST_FRAMES}")
    person, pinhole = person_of([observation for _, observation in seen], clip.width, clip.height)
    tracker = FaceTracker(person, pinhole, clip.width, clip.height, name, frame=start)
    faces = [tracker.track(*one) for one in seen]
    chosen = np.unique(np.linspace(0, len(faces) - 1, min(config.learning.frames, len(faces))).astype(np.int64))
    frames, masks = _pictures(clip, start, chosen, report)
    kept = [faces[number] for number in chosen]
    middle = _most_central(kept)
    rest = kept[middle].pose
    rows = np.stack([row_of(face, rest) for face in kept])
    return Examples(person, pinhole, frames, masks, rows, rest, middle)


def _pictures(
    clip: Clip, start: int, chosen: Int64[np.ndarray, " n"], report: Callable[[float], None]
) -> tuple[np.ndarray, np.ndarray]:
    wanted = {int(number) for number in chosen}
    frames, masks = [], []
    for number, pixels in enumerate(clip.frames(start, start + int(chosen[-1]) + 1)):
        if number in wanted:
            frames.append(pixels)
            masks.append(person_mask(pixels, clip.height, clip.width))
            report(0.5 + 0.5 * len(frames) / len(wanted))
    return np.stack(frames), np.stack(masks).astype(np.float32)


def _most_central(faces: list[Face]) -> int:
    """The frame whose head is turned as in the mean of all."""
    turned = np.stack([face.pose.rotation for face in faces])
    mean = turned.mean(axis=0)
    return int(((turned - mean) ** 2).sum(axis=(1, 2)).argmin())


def row_of(face: Face, rest: HeadPose) -> Float32[np.ndarray, " c"]:
    """A tracked face as columns while a head is learnt: nodes and expressions themselves, no components of them."""
    row = np.zeros(EXPRESSION + len(face.pose.expression), np.float32)
    row[ROTATION] = vector_of(face.pose.rotation @ rest.rotation.T)
    row[TRANSLATION] = face.pose.translation - rest.translation
    row[GAZE] = face.gaze
    row[EXPRESSION:] = face.pose.expression
    return row


def reduced(pictures: np.ndarray, side_px: int) -> np.ndarray:
    """Pictures (t, h, w, ...) of which the longer side is at most so long; floats 0...1."""
    scale = 1 / 255 if pictures.dtype == np.uint8 else 1.0
    height, width = pictures.shape[1:3]
    new = size_within(width, height, side_px)
    if new == (width, height):
        return pictures.astype(np.float32) * np.float32(scale)
    smaller = [downsample_area(np.atleast_3d(picture).astype(np.float32), new[1], new[0]) for picture in pictures]
    return np.stack(smaller).reshape(len(pictures), new[1], new[0], *pictures.shape[3:]) * np.float32(scale)


def size_within(width: int, height: int, side_px: int) -> tuple[int, int]:
    """Of the same shape, the longer side at most so long."""
    ratio = min(1.0, side_px / max(width, height))
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def background_of(examples: Examples) -> tuple[UInt8[np.ndarray, "h w 3"], Float64[np.ndarray, "h w"]]:
    """What is behind the person: the median of what is seen of it; and where it was ever seen.

    What was never seen is filled from around it: coarser and coarser averages.
    """
    chosen = np.linspace(0, len(examples.frames) - 1, min(40, len(examples.frames))).astype(int)
    frames = np.ma.masked_array(examples.frames[chosen], np.repeat(examples.masks[chosen, ..., None] > 0.1, 3, axis=3))
    median = np.ma.median(frames, axis=0)
    known = ~np.ma.getmaskarray(median)[..., 0]
    values, weights = np.where(known[..., None], np.ma.filled(median, 0.0), 0.0), known.astype(np.float64)
    pyramid = [(values * weights[..., None], weights)]
    while min(pyramid[-1][1].shape) > 2:
        pyramid.append(tuple(_halved(level) for level in pyramid[-1]))  # pyright: ignore[reportArgumentType]
    filled = pyramid[-1][0] / np.maximum(pyramid[-1][1], 1e-6)[..., None]
    for total, weight in reversed(pyramid[:-1]):
        coarse = np.repeat(np.repeat(filled, 2, axis=0), 2, axis=1)[: weight.shape[0], : weight.shape[1]]
        share = np.minimum(weight, 1.0)[..., None]
        filled = share * total / np.maximum(weight, 1e-6)[..., None] + (1 - share) * coarse
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8), known.astype(np.float64)


def _halved(values: np.ndarray) -> np.ndarray:
    """Sums of squares of four; odd sides get a row or column of zeros."""
    padding = [(0, values.shape[0] % 2), (0, values.shape[1] % 2), *[(0, 0)] * (values.ndim - 2)]
    padded = np.pad(values, padding)
    return padded[::2, ::2] + padded[1::2, ::2] + padded[::2, 1::2] + padded[1::2, 1::2]
