# SPDX-License-Identifier: Apache-2.0
"""A picture enters; boxes of the faces in it leave, most certain first.

Source: Bazarevsky et al., BlazeFace (2019); anchors and scales as google-ai-edge/mediapipe, face_detector_graph.cc.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.data.faces.networks import network
from lamina.data.resample import downsample_area

SIDE = 128
"""Pixels of the network's input."""
SURE = 0.6
"""Scores from here on are faces: the network's own default is .5, and hands come near it."""
OVERLAP = 0.3
"""Boxes that share more of their union are one face."""
SECOND_SIZE = 0.35
"""A face whose side is less than this share of the largest one's is in the background."""
SCORE_LIMIT = 60.0


@dataclass(frozen=True)
class FaceBox:
    """Where a face is, px of the picture."""

    center_px: tuple[float, float]
    side_px: float
    angle: float
    """Of the line through the eyes, radians, clockwise as seen."""
    score: float


def detect_faces(pixels: UInt8[np.ndarray, "h w 3"]) -> list[FaceBox]:
    """All faces, most certain first.

    Raises:
        BackendUnavailable: LiteRT is not installed.
    """
    height, width = pixels.shape[:2]
    longest = max(height, width)
    scaled = (max(1, round(SIDE * height / longest)), max(1, round(SIDE * width / longest)))
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    top, left = (SIDE - scaled[0]) // 2, (SIDE - scaled[1]) // 2
    square[top : top + scaled[0], left : left + scaled[1]] = _shrunk(pixels, *scaled)
    outputs = network("face_detector")((square / 127.5 - 1)[None])
    boxes = next(values for values in outputs if values.shape[-1] == 16)[0].astype(np.float64)
    logits = next(values for values in outputs if values.shape[-1] == 1).reshape(-1)
    scores = 1 / (1 + np.exp(-np.clip(logits, -SCORE_LIMIT, SCORE_LIMIT)))
    scale = np.array([width / scaled[1], height / scaled[0]])
    found: list[FaceBox] = []
    for number in np.argsort(-scores, kind="stable"):
        if scores[number] < SURE:
            break
        face = _face(boxes[number], _anchors()[number], (left, top), scale, float(scores[number]))
        if all(_shared(face, other) < OVERLAP for other in found):
            found.append(face)
    return found


def only_large(faces: list[FaceBox]) -> list[FaceBox]:
    """Without those that are much smaller than the largest."""
    largest = max((face.side_px for face in faces), default=0.0)
    return [face for face in faces if face.side_px >= SECOND_SIZE * largest]


def _shrunk(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    if pixels.shape[0] <= height or pixels.shape[1] <= width:
        rows = np.minimum((np.arange(height) * pixels.shape[0]) // height, pixels.shape[0] - 1)
        columns = np.minimum((np.arange(width) * pixels.shape[1]) // width, pixels.shape[1] - 1)
        return pixels[rows][:, columns].astype(np.float32)
    return downsample_area(pixels.astype(np.float32), height, width)


@cache
def _anchors() -> Float64[np.ndarray, "896 2"]:
    """Centres, as shares of the input: two a cell at stride 8, six at stride 16."""
    parts = []
    for stride, count in ((8, 2), (16, 6)):
        cells = SIDE // stride
        y, x = np.mgrid[0:cells, 0:cells]
        centres = np.stack([(x.ravel() + 0.5) / cells, (y.ravel() + 0.5) / cells], axis=1)
        parts.append(np.repeat(centres, count, axis=0))
    return np.concatenate(parts)


def _face(box: np.ndarray, anchor: np.ndarray, corner: tuple[int, int], scale: np.ndarray, score: float) -> FaceBox:
    """From a box and six points (the eyes first), relative to an anchor, px of the input."""
    points = box.reshape(8, 2).copy()
    size = points[1] * scale
    points = (points + anchor * SIDE - corner) * scale
    eyes = points[3] - points[2]
    centre = points[0]
    return FaceBox((float(centre[0]), float(centre[1])), float(size.max()), float(np.arctan2(eyes[1], eyes[0])), score)


def _shared(first: FaceBox, second: FaceBox) -> float:
    """Intersection over union, of the upright squares."""
    common = 1.0
    for a, b in zip(first.center_px, second.center_px, strict=True):
        low = max(a - first.side_px / 2, b - second.side_px / 2)
        common *= max(0.0, min(a + first.side_px / 2, b + second.side_px / 2) - low)
    return common / (first.side_px**2 + second.side_px**2 - common)
