# SPDX-License-Identifier: Apache-2.0
"""Landmarks of a picture enter; where the head is, how it is turned and what it expresses leave, by Gauss-Newton.

    pixel = focal * (R (neutral + identity + expression) + t), divided by depth, + principal point

Expressions stay within 0...1, near the blendshapes that the network saw. Rotations are turned from the left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from lamina.data.faces.identity import LANDMARKS, landmark_model
from lamina.data.faces.landmarks import BLENDSHAPES
from lamina.data.faces.template import face_template

OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The outline, which slides along the head as it turns: trusted less."""
LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14,
    317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
EYES = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 362, 382, 381, 380, 374, 373, 390,
    249, 263, 466, 388, 387, 386, 385, 384, 398,
)  # fmt: skip
OVAL_WEIGHT, LIPS_WEIGHT, EYES_WEIGHT = 0.25, 2.0, 2.0
"""Beside 1 for all others."""
EXPRESSION_SIGMA = 0.3
"""How far expressions are from what the network of expressions says."""
TEMPORAL_SIGMA = 0.1
"""How far they are from those of the frame before."""
TURNED = np.diag([1.0, -1.0, -1.0])
"""From the head's axes (y up, z out of the face) to a camera's that it faces."""
POSE_TERMS = 6
ACTIVE_SET_ROUNDS = 4
"""Expressions that leave 0...1 are put on its end, and the rest solved for again, so many times."""


@dataclass(frozen=True)
class Pinhole:
    """How the picture was taken, px."""

    focal: float
    center_x: float
    center_y: float


@dataclass(frozen=True, eq=False)
class HeadPose:
    """One face in one picture."""

    rotation: Float64[np.ndarray, "3 3"]
    """Camera from head."""
    translation: Float64[np.ndarray, "3"]
    """Of the head's origin, cm, camera axes."""
    expression: Float64[np.ndarray, " e"]
    """0...1, in the template's order."""


def landmark_weights() -> Float64[np.ndarray, " l"]:
    """How much each landmark is trusted."""
    weights = np.ones(LANDMARKS)
    weights[list(OVAL)] = OVAL_WEIGHT
    weights[list(LIPS)] = LIPS_WEIGHT
    weights[list(EYES)] = EYES_WEIGHT
    return weights


def expression_of(scores: Float64[np.ndarray, " 52"]) -> Float64[np.ndarray, " e"]:
    """Blendshapes of the network as expressions of the template: the same names, but for how sides are spelled."""
    places = {name: number for number, name in enumerate(BLENDSHAPES)}
    found = np.zeros(len(face_template().expression_names))
    for number, name in enumerate(face_template().expression_names):
        spelled = name.replace("_L", "Left").replace("_R", "Right")
        found[number] = scores[places.get(spelled, places.get(name[:-2], 0))]
    return found


def rotation_of(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """About a vector, by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = vector / angle
    across = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * across + (1 - np.cos(angle)) * across @ across


def vector_of(rotation: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3"]:
    """The inverse of `rotation_of`, for angles under a half turn."""
    across = np.array(
        [rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]]
    )
    sine, cosine = np.linalg.norm(across) / 2, (np.trace(rotation) - 1) / 2
    angle = np.arctan2(sine, cosine)
    return across / 2 if sine < 1e-9 else across * (angle / (2 * sine))


def projected(points: Float64[np.ndarray, "l 3"], pinhole: Pinhole) -> Float64[np.ndarray, "l 2"]:
    """Points in camera axes to pixels."""
    return points[:, :2] / points[:, 2:] * pinhole.focal + (pinhole.center_x, pinhole.center_y)


def jacobian(points: Float64[np.ndarray, "l 3"], focal: float) -> Float64[np.ndarray, "l 2 3"]:
    """Of pixels by points in camera axes."""
    depth = points[:, 2]
    rows = np.zeros((len(points), 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = focal / depth
    rows[:, :, 2] = -focal * points[:, :2] / depth[:, None] ** 2
    return rows


def pose_columns(turned: Float64[np.ndarray, "l 3"], slopes: Float64[np.ndarray, "l 2 3"]) -> np.ndarray:
    """Of pixels by a turn from the left and a shift (l, 2, 6)."""
    across = np.stack([np.cross(axis, turned) for axis in np.eye(3)], axis=-1)
    return np.concatenate([slopes @ across, slopes], axis=-1)


def first_pose(points_px: Float64[np.ndarray, "l 2"], rest: Float64[np.ndarray, "l 3"], pinhole: Pinhole) -> HeadPose:
    """From nothing: facing the camera, then a few steps of the pose alone."""
    width = float(np.ptp(points_px[:, 0]))
    depth = pinhole.focal * float(np.ptp(rest[:, 0])) / max(width, 1.0)
    pose = HeadPose(TURNED.copy(), np.array([0.0, 0.0, depth]), np.zeros(len(face_template().expression_names)))
    weights = np.sqrt(landmark_weights())
    for _ in range(15):
        turned = rest @ pose.rotation.T
        seen = turned + pose.translation
        columns = pose_columns(turned, jacobian(seen, pinhole.focal)) * weights[:, None, None]
        miss = (points_px - projected(seen, pinhole)) * weights[:, None]
        matrix = columns.reshape(-1, POSE_TERMS)
        step = np.linalg.solve(matrix.T @ matrix + 1e-9 * np.eye(POSE_TERMS), matrix.T @ miss.ravel())
        pose = replace(pose, rotation=rotation_of(step[:3]) @ pose.rotation, translation=pose.translation + step[3:])
    return pose


@dataclass(frozen=True, eq=False)
class FrameFit:
    """What a frame's pose is fitted to."""

    points_px: Float64[np.ndarray, "l 2"]
    scores: Float64[np.ndarray, " e"]
    """Expressions that the network saw."""
    rest: Float64[np.ndarray, "l 3"]
    """The person's landmarks at rest, cm."""
    pinhole: Pinhole
    noise_px: float = 1.0
    """Of landmarks."""
    before: HeadPose | None = None
    """Of the frame before."""


def stepped(pose: HeadPose, fit: FrameFit) -> HeadPose:
    """One step of Gauss-Newton."""
    shapes = landmark_model().expression
    turned = (fit.rest + np.tensordot(pose.expression, shapes, 1)) @ pose.rotation.T
    seen = turned + pose.translation
    slopes = jacobian(seen, fit.pinhole.focal)
    by_expression = np.einsum("lai,ij,klj->lak", slopes, pose.rotation, shapes, optimize=True)
    weights = np.sqrt(landmark_weights()) / fit.noise_px
    columns = np.concatenate([pose_columns(turned, slopes), by_expression], axis=-1) * weights[:, None, None]
    matrix = columns.reshape(-1, columns.shape[-1])
    miss = ((fit.points_px - projected(seen, fit.pinhole)) * weights[:, None]).ravel()
    normal, right = matrix.T @ matrix, matrix.T @ miss
    diagonal = np.arange(POSE_TERMS, len(right))
    normal[diagonal, diagonal] += 1 / EXPRESSION_SIGMA**2
    right[POSE_TERMS:] += (fit.scores - pose.expression) / EXPRESSION_SIGMA**2
    if fit.before is not None:
        normal[diagonal, diagonal] += 1 / TEMPORAL_SIGMA**2
        right[POSE_TERMS:] += (fit.before.expression - pose.expression) / TEMPORAL_SIGMA**2
    normal[range(POSE_TERMS), range(POSE_TERMS)] += 1e-6
    step, expression = _bounded(normal, right, pose.expression)
    return HeadPose(rotation_of(step[:3]) @ pose.rotation, pose.translation + step[3:POSE_TERMS], expression)


def _bounded(normal: np.ndarray, right: np.ndarray, expression: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The step, and expressions after it, within 0...1: those that leave are put on the end, the rest solved again."""
    right = right.copy()
    free = np.ones(len(right), bool)
    step = np.zeros_like(right)
    for _ in range(ACTIVE_SET_ROUNDS):
        step[free] = np.linalg.solve(normal[np.ix_(free, free)], right[free])
        after = expression + step[POSE_TERMS:]
        beyond = ((after < -1e-9) | (after > 1.0)) & free[POSE_TERMS:]
        if not beyond.any():
            break
        for number in np.flatnonzero(beyond):
            free[POSE_TERMS + number] = False
            move = (0.0 if after[number] < 0 else 1.0) - expression[number]
            step[POSE_TERMS + number] = move
            right = right - normal[:, POSE_TERMS + number] * move
    return step, np.clip(expression + step[POSE_TERMS:], 0.0, 1.0)


def residual_px(pose: HeadPose, fit: FrameFit) -> Float64[np.ndarray, "l 2"]:
    """What is left."""
    shaped = fit.rest + np.tensordot(pose.expression, landmark_model().expression, 1)
    return fit.points_px - projected(shaped @ pose.rotation.T + pose.translation, fit.pinhole)
