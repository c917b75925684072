# SPDX-License-Identifier: Apache-2.0
"""Expressions and torsos of a person enter; their principal components leave, by how far they move what is seen.

A component of 1 moves the surface of the face, or the torso, by 1 cm (root mean square): one step suits all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from lamina.codecs.head.syntax import BASIS_BITS
from lamina.data.faces.template import Region, face_template

RIDGE = 1e-3
"""Of the mean energy of an expression: what moves nothing is held near the mean."""
LARGEST = (1 << (BASIS_BITS - 1)) - 1
UNIT = 512
"""Integers of basis and mean are in 1/512."""


@dataclass(frozen=True, eq=False)
class Components:
    """As they are sent."""

    mean: tuple[int, ...]
    scales: tuple[float, ...]
    basis: tuple[int, ...]
    to_components: Float64[np.ndarray, "e k"]
    """(expressions - mean) @ this."""

    @property
    def reals(self) -> tuple[Float64[np.ndarray, " e"], Float64[np.ndarray, "k e"]]:
        """The mean expression, and what each component adds."""
        basis = np.array(self.basis, np.float64).reshape(len(self.scales), -1) / UNIT
        return np.array(self.mean, np.float64) / UNIT, basis * np.array(self.scales)[:, None]

    def project(self, expressions: Float32[np.ndarray, "... e"]) -> Float32[np.ndarray, "... k"]:
        """Expressions as components."""
        mean = np.array(self.mean, np.float64) / UNIT
        return ((expressions - mean) @ self.to_components).astype(np.float32)


def surface_energy() -> Float64[np.ndarray, "e e"]:
    """Mean product of what two expressions move the face's surface by, square cm."""
    template = face_template()
    corners = template.sample_corners[template.sample_regions == Region.FACE]
    moved = template.shapes[:, corners].mean(axis=2).reshape(len(template.shapes), -1).astype(np.float64)
    return moved @ moved.T / len(corners)


def components_of(expressions: Float32[np.ndarray, "t e"], dimensions: int) -> Components:
    """The first components of so many."""
    mean = np.clip(np.rint(expressions.astype(np.float64).mean(axis=0) * UNIT), -LARGEST, LARGEST)
    energy = damped_energy()
    root = np.linalg.cholesky(energy)
    spread = (expressions - mean / UNIT) @ root
    directions = np.linalg.svd(spread, full_matrices=False)[2][:dimensions]
    directions = np.concatenate([directions, np.zeros((dimensions - len(directions), len(energy)))])
    # Signs by the largest part, so that the same head is the same on every machine.
    for direction in directions:
        direction *= np.sign(direction[np.abs(direction).argmax()]) or 1.0
    basis = directions @ np.linalg.inv(root)
    scales = np.maximum(np.abs(basis).max(axis=1) * UNIT / LARGEST, 1e-5).astype(np.float32)
    integers = np.rint(basis / scales[:, None].astype(np.float64) * UNIT).astype(int)
    sent = integers * scales[:, None].astype(np.float64) / UNIT
    return Components(
        tuple(int(value) for value in mean),
        tuple(float(value) for value in scales),
        tuple(int(value) for value in integers.ravel()),
        projection(sent),
    )


@dataclass(frozen=True, eq=False)
class TorsoComponents:
    """As they are sent."""

    scales: tuple[float, ...]
    basis: tuple[int, ...]

    @property
    def reals(self) -> Float64[np.ndarray, "m n"]:
        """What each component moves the nodes by, cm."""
        basis = np.array(self.basis, np.float64).reshape(len(self.scales), -1) / UNIT
        return basis * np.array(self.scales)[:, None]

    def project(self, nodes: Float32[np.ndarray, "t n"]) -> Float32[np.ndarray, "t m"]:
        """Nodes as components."""
        return (nodes.astype(np.float64) @ np.linalg.pinv(self.reals)).astype(np.float32)


def torso_components_of(nodes: Float32[np.ndarray, "t n"], count: int) -> TorsoComponents:
    """The first components of so many of what the torso did; not about a mean, since it rests at 0."""
    directions = np.linalg.svd(nodes.astype(np.float64), full_matrices=False)[2][:count]
    directions = np.concatenate([directions, np.zeros((count - len(directions), nodes.shape[1]))])
    for direction in directions:
        direction *= np.sign(direction[np.abs(direction).argmax()]) or 1.0
    basis = directions * np.sqrt(nodes.shape[1] / 2)
    scales = np.maximum(np.abs(basis).max(axis=1) * UNIT / LARGEST, 1e-5).astype(np.float32)
    integers = np.rint(basis / scales[:, None].astype(np.float64) * UNIT).astype(int)
    return TorsoComponents(tuple(float(value) for value in scales), tuple(int(value) for value in integers.ravel()))


def projection(basis: Float64[np.ndarray, "k e"]) -> Float64[np.ndarray, "e k"]:
    """What takes expressions, less the mean, to components: onto the directions as they are sent, rounded."""
    energy = damped_energy()
    normal = basis @ energy @ basis.T + 1e-9 * np.eye(len(basis))
    return energy @ basis.T @ np.linalg.inv(normal)


def damped_energy() -> Float64[np.ndarray, "e e"]:
    """With something for what moves nothing."""
    energy = surface_energy()
    return energy + RIDGE * np.trace(energy) / len(energy) * np.eye(len(energy))
