# SPDX-License-Identifier: Apache-2.0
"""What people differ by, and where MediaPipe's landmarks are on the head: for encoders only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float64

from lamina.data.faces.template import MODELS, FaceTemplate, face_template

LANDMARKS = 468
"""On the surface; the ten after them are of the irises."""
SPREAD_CM = 0.8
"""How far around a landmark its own correction reaches."""
SPREAD_FLOOR = 0.3
"""Where the landmarks' weights sum to less, corrections fade."""


@dataclass(frozen=True, eq=False)
class LandmarkModel:
    """Landmarks of any person with any expression, cm: neutral + identity @ basis + expression @ shapes."""

    neutral: Float64[np.ndarray, "l 3"]
    identity: Float64[np.ndarray, "i l 3"]
    expression: Float64[np.ndarray, "e l 3"]


@dataclass(frozen=True, eq=False)
class Person:
    """Who is seen: what landmarks at rest are where."""

    identity: Float64[np.ndarray, " i"]
    """In standard deviations of people."""
    offsets: Float64[np.ndarray, "l 3"]
    """Of single landmarks, cm."""

    @property
    def landmarks(self) -> Float64[np.ndarray, "l 3"]:
        """At rest, cm."""
        model = landmark_model()
        return model.neutral + np.tensordot(self.identity, model.identity, 1) + self.offsets


@cache
def landmark_model() -> LandmarkModel:
    """Of the head that this package carries."""
    template = face_template()
    with np.load(MODELS / "identity.npz", allow_pickle=False) as stored:
        corners, weights = stored["landmark_corners"].astype(np.int64), stored["landmark_weights"].astype(np.float64)
        basis = stored["landmark_basis"].astype(np.float64)

    def at(values: np.ndarray) -> np.ndarray:
        return np.einsum("...lkc,lk->...lc", values[..., corners, :], weights)

    return LandmarkModel(at(template.vertices.astype(np.float64)), basis, at(template.shapes.astype(np.float64)))


def vertices_of(person: Person, template: FaceTemplate) -> Float64[np.ndarray, "v 3"]:
    """The person's head at rest, cm: the landmarks' corrections reach what is near them."""
    with np.load(MODELS / "identity.npz", allow_pickle=False) as stored:
        basis, steps = stored["basis"], stored["steps"].astype(np.float64)
    vertices = template.vertices.astype(np.float64)
    for weight, step, shape in zip(person.identity, steps, basis, strict=True):
        vertices += weight * step * shape
    source = person.landmarks - person.offsets
    moved = np.empty_like(vertices)
    for start in range(0, len(vertices), 2000):
        block = vertices[start : start + 2000]
        distances = ((block[:, None] - source[None]) ** 2).sum(axis=2)
        weights = np.exp(-distances / (2 * SPREAD_CM**2))
        moved[start : start + 2000] = weights @ person.offsets / (weights.sum(axis=1, keepdims=True) + SPREAD_FLOOR)
    return vertices + moved


def eyes_of(person: Person, template: FaceTemplate) -> Float64[np.ndarray, "2 3"]:
    """Centres of the person's eyeballs, cm."""
    with np.load(MODELS / "identity.npz", allow_pickle=False) as stored:
        basis = stored["eye_basis"].astype(np.float64)
    return template.eye_centers.astype(np.float64) + np.tensordot(person.identity, basis, 1)
