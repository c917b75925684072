# SPDX-License-Identifier: Apache-2.0
"""Landmarks of many pictures of one person enter; who it is, and the focal length, leave.

Gauss-Newton over identity and focal length, each frame's pose eliminated (Schur complement); then what every landmark
is off in all frames alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from lamina.data.faces.alignment import (
    FrameFit,
    HeadPose,
    Pinhole,
    first_pose,
    jacobian,
    landmark_weights,
    pose_columns,
    projected,
    residual_px,
    stepped,
)
from lamina.data.faces.identity import Person, landmark_model

FRAMES = 32
"""That say who it is: more change nothing."""
ROUNDS = 10
NOISE_SHARE = 4 / 512
"""Of landmarks while identity is found, of the picture's longer side: they are wrong alike in many frames."""
FOCAL_SHARE = 900 / 512
"""First guess of the focal length, of the longer side."""
FOCAL_STEP = 1.4
"""Most that a round changes it by."""
OFFSET_SIGMA_CM = 0.3
OFFSET_EVIDENCE = 8.0
"""Frames that all frames together count for: what they get wrong, they get wrong alike."""
OFFSET_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Observation:
    """What the networks saw in one picture."""

    points_px: Float64[np.ndarray, "l 2"]
    scores: Float64[np.ndarray, " e"]


def person_of(seen: Sequence[Observation], width: int, height: int) -> tuple[Person, Pinhole]:
    """Who is in these pictures of one size, and how they were taken."""
    chosen = [seen[number] for number in np.linspace(0, len(seen) - 1, min(FRAMES, len(seen))).astype(int)]
    longest = max(width, height)
    pinhole = Pinhole(FOCAL_SHARE * longest, width / 2, height / 2)
    model = landmark_model()
    identity = np.zeros(len(model.identity))
    fits = [FrameFit(one.points_px, one.scores, model.neutral, pinhole, NOISE_SHARE * longest) for one in chosen]
    poses = [replace(first_pose(fit.points_px, fit.rest, pinhole), expression=fit.scores) for fit in fits]
    for _ in range(ROUNDS):
        rest = model.neutral + np.tensordot(identity, model.identity, 1)
        fits = [replace(fit, rest=rest, pinhole=pinhole) for fit in fits]
        poses = [stepped(stepped(pose, fit), fit) for pose, fit in zip(poses, fits, strict=True)]
        step, focal_step = _shared_step(poses, fits, identity)
        identity = identity + step
        focal = float(np.clip(pinhole.focal + focal_step, pinhole.focal / FOCAL_STEP, pinhole.focal * FOCAL_STEP))
        ratio = focal / pinhole.focal
        pinhole = replace(pinhole, focal=focal)
        poses = [replace(pose, translation=pose.translation * (1, 1, ratio)) for pose in poses]
    person = Person(identity, np.zeros_like(model.neutral))
    for _ in range(OFFSET_ROUNDS):
        fits = [replace(fit, rest=person.landmarks, pinhole=pinhole, noise_px=longest / 512) for fit in fits]
        poses = [stepped(stepped(pose, fit), fit) for pose, fit in zip(poses, fits, strict=True)]
        person = replace(person, offsets=person.offsets + _offsets(poses, fits))
    return person, pinhole


def _shared_step(poses: Sequence[HeadPose], fits: Sequence[FrameFit], identity: np.ndarray) -> tuple[np.ndarray, float]:
    """Of identity and focal length, over all frames, with their poses free."""
    model = landmark_model()
    count = len(identity)
    normal, right = np.diag(np.r_[np.ones(count), 1e-12]), np.r_[-identity, 0.0]
    for pose, fit in zip(poses, fits, strict=True):
        shaped = fit.rest + np.tensordot(pose.expression, model.expression, 1)
        turned = shaped @ pose.rotation.T
        points = turned + pose.translation
        slopes = jacobian(points, fit.pinhole.focal)
        by_identity = np.einsum("lai,ij,klj->lak", slopes, pose.rotation, model.identity, optimize=True)
        weights = (np.sqrt(landmark_weights()) / fit.noise_px)[:, None, None]
        shared = np.concatenate([by_identity, (points[:, :2] / points[:, 2:])[:, :, None]], axis=-1) * weights
        own = pose_columns(turned, slopes) * weights
        miss = ((fit.points_px - projected(points, fit.pinhole)) * weights[:, :, 0]).ravel()
        a, b = shared.reshape(-1, count + 1), own.reshape(-1, 6)
        across = a.T @ b
        eliminated = np.linalg.solve(b.T @ b + 1e-9 * np.eye(6), np.concatenate([across.T, (b.T @ miss)[:, None]], 1))
        normal += a.T @ a - across @ eliminated[:, :-1]
        right += a.T @ miss - across @ eliminated[:, -1]
    step = np.linalg.solve(normal, right)
    return step[:count], float(step[count])


def _offsets(poses: Sequence[HeadPose], fits: Sequence[FrameFit]) -> Float64[np.ndarray, "l 3"]:
    """What each landmark is off in the head's axes, in all frames alike, cm."""
    count = len(fits[0].points_px)
    normal, right = np.tile(np.eye(3) / OFFSET_SIGMA_CM**2, (count, 1, 1)), np.zeros((count, 3))
    evidence = OFFSET_EVIDENCE / len(fits)
    for pose, fit in zip(poses, fits, strict=True):
        shaped = fit.rest + np.tensordot(pose.expression, landmark_model().expression, 1)
        slopes = jacobian(shaped @ pose.rotation.T + pose.translation, fit.pinhole.focal) @ pose.rotation
        slopes, miss = slopes / fit.noise_px, residual_px(pose, fit) / fit.noise_px
        normal += evidence * np.einsum("lai,laj->lij", slopes, slopes)
        right += evidence * np.einsum("lai,la->li", slopes, miss)
    return np.linalg.solve(normal, right[..., None])[..., 0]
