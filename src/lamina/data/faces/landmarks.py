# SPDX-License-Identifier: Apache-2.0
"""A picture and where a face was enter; its 478 landmarks and what it expresses leave.

Source: Grishchenko et al., Attention Mesh (2020); crops, scales and subsets as google-ai-edge/mediapipe,
face_landmarks_detector_graph.cc and face_blendshapes_graph.cc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.data.faces.detection import FaceBox
from lamina.data.faces.networks import network

SIDE = 256
"""Pixels of the network's input."""
CROP = 1.5
"""Side of what the network sees, by the long side of the face's box."""
EYE_CORNERS = (33, 263)
"""Landmarks whose line says how the face is turned in the picture."""
BLENDSHAPE_POINTS = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
    81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
    154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
    263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
    321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
)  # fmt: skip
"""Landmarks that the network of expressions sees."""
BLENDSHAPES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""What the network of expressions says, in its order: the names of ARKit."""


@dataclass(frozen=True)
class Crop:
    """A square of a picture that the network sees, upright as the face is."""

    center_px: tuple[float, float]
    side_px: float
    angle: float


@dataclass(frozen=True, eq=False)
class Landmarks:
    """One face in one picture."""

    points_px: Float64[np.ndarray, "478 2"]
    presence: float
    """0...1: whether there is a face in the crop at all."""


def crop_of_box(face: FaceBox) -> Crop:
    """What a detected face is looked at in."""
    return Crop(face.center_px, CROP * face.side_px, face.angle)


def crop_of_landmarks(points_px: Float64[np.ndarray, "l 2"]) -> Crop:
    """What the next picture is looked at in: the box of the landmarks."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    across = points_px[EYE_CORNERS[1]] - points_px[EYE_CORNERS[0]]
    centre = (low + high) / 2
    return Crop(
        (float(centre[0]), float(centre[1])), CROP * float((high - low).max()), math.atan2(across[1], across[0])
    )


def find_landmarks(pixels: UInt8[np.ndarray, "h w 3"], crop: Crop) -> Landmarks:
    """Of the face in a crop.

    Raises:
        BackendUnavailable: LiteRT is not installed.
    """
    outputs = network("face_landmarks_detector")(cropped(pixels, crop, SIDE)[None])
    raw = next(values for values in outputs if values.size == 478 * 3).reshape(478, 3).astype(np.float64)
    presence = float(next(values for values in outputs if values.size == 1).ravel()[0])
    places = (raw[:, :2] / SIDE - 0.5) * crop.side_px
    cosine, sine = math.cos(crop.angle), math.sin(crop.angle)
    turned = places @ np.array([[cosine, sine], [-sine, cosine]]) + crop.center_px
    return Landmarks(turned, 1 / (1 + math.exp(-max(min(presence, 60.0), -60.0))))


def blendshapes(points_px: Float64[np.ndarray, "478 2"]) -> Float64[np.ndarray, " 52"]:
    """What a face expresses, 0...1, in the order of `BLENDSHAPES`."""
    (scores, *_) = network("face_blendshapes")(points_px[list(BLENDSHAPE_POINTS)][None])
    return scores.reshape(-1).astype(np.float64)


def cropped(pixels: UInt8[np.ndarray, "h w 3"], crop: Crop, side: int) -> np.ndarray:
    """A turned square, bilinear, edges repeated; float32 0...1."""
    grid = ((np.arange(side) + 0.5) / side - 0.5) * crop.side_px
    x, y = np.meshgrid(grid, grid)
    cosine, sine = math.cos(crop.angle), math.sin(crop.angle)
    at_x = crop.center_px[0] + x * cosine - y * sine - 0.5
    at_y = crop.center_px[1] + x * sine + y * cosine - 0.5
    left, top = np.floor(at_x).astype(np.int64), np.floor(at_y).astype(np.int64)
    share_x, share_y = (at_x - left)[..., None].astype(np.float32), (at_y - top)[..., None].astype(np.float32)
    height, width = pixels.shape[:2]

    def at(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return pixels[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)].astype(np.float32)

    upper = at(top, left) * (1 - share_x) + at(top, left + 1) * share_x
    lower = at(top + 1, left) * (1 - share_x) + at(top + 1, left + 1) * share_x
    return (upper * (1 - share_y) + lower * share_y) / np.float32(255)
