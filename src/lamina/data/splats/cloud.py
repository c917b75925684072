# SPDX-License-Identifier: Apache-2.0
"""Gaussians as other tools keep them: logarithms of scales, logits of opacities, spherical harmonics; NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32

MAX_DEGREE = 3
"""Of the spherical harmonics in a file: what .ply, .spz 3 and .sog have in common."""
COEFFICIENT_COUNTS = (1, 4, 9, 16)
"""Per channel, by degree."""
COLOR_OF_CONSTANT = 0.28209479177387814
"""1 / (2 sqrt(pi)): color = 0.5 + this * the coefficient of degree 0. Source: 3DGS, Kerbl et al. 2023."""
MIN_OPACITY = 1e-6
"""Opacities are kept this far from 0 and 1, so that logits are finite; 1/255 is the least that is drawn."""
MIN_SCALE = 1e-20
"""World units: the least scale whose logarithm is taken."""


@dataclass(frozen=True)
class SplatCloud:
    """Gaussians in the conventions of 3DGS files; axes as in the capture (usually x right, y down, z forward).

    Raises:
        ValueError: arrays of other shapes, or coefficients that fill no degree 0...3.
    """

    means: Float32[np.ndarray, "n 3"]
    """World units."""
    log_scales: Float32[np.ndarray, "n 3"]
    """Natural logarithm of sigma in world units."""
    rotations: Float32[np.ndarray, "n 4"]
    """Quaternions w, x, y, z; any length but zero."""
    logit_opacities: Float32[np.ndarray, " n"]
    sh: Float32[np.ndarray, "n c 3"]
    """Coefficients of red, green, blue; c is 1, 4, 9 or 16; color seen = 0.5 + basis . sh, then at least 0."""

    def __post_init__(self) -> None:
        n = len(self.means)
        shapes = {
            "means": (n, 3),
            "log_scales": (n, 3),
            "rotations": (n, 4),
            "logit_opacities": (n,),
            "sh": (n, self.sh.shape[1] if self.sh.ndim == 3 else 1, 3),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
            object.__setattr__(self, name, np.ascontiguousarray(array, np.float32))
        if self.sh.shape[1] not in COEFFICIENT_COUNTS:
            raise ValueError(f"sh: expected {COEFFICIENT_COUNTS} coefficients, got {self.sh.shape[1]}")

    def __len__(self) -> int:
        return len(self.means)

    @property
    def degree(self) -> int:
        """Of the spherical harmonics, 0...3."""
        return COEFFICIENT_COUNTS.index(self.sh.shape[1])

    @property
    def scales(self) -> Float32[np.ndarray, "n 3"]:
        """Sigma, world units."""
        return np.exp(self.log_scales)

    @property
    def opacities(self) -> Float32[np.ndarray, " n"]:
        """0...1."""
        return (0.5 + 0.5 * np.tanh(0.5 * self.logit_opacities)).astype(np.float32)

    def with_degree(self, degree: int) -> SplatCloud:
        """Higher degrees cut off, missing ones filled with zeros."""
        count = COEFFICIENT_COUNTS[degree]
        sh = np.zeros((len(self), count, 3), np.float32)
        kept = min(count, self.sh.shape[1])
        sh[:, :kept] = self.sh[:, :kept]
        return replace(self, sh=sh)

    def selected(self, rows: np.ndarray | slice) -> SplatCloud:
        """Some of the Gaussians: indices, a mask or a slice."""
        return SplatCloud(
            self.means[rows], self.log_scales[rows], self.rotations[rows], self.logit_opacities[rows], self.sh[rows]
        )


def cloud_of_linear(
    means: Float[np.ndarray, "n 3"],
    rotations: Float[np.ndarray, "n 4"],
    scales: Float[np.ndarray, "n 3"],
    opacities: Float[np.ndarray, " n"],
    sh: Float[np.ndarray, "n c 3"],
) -> SplatCloud:
    """A cloud of what a renderer takes: scales in world units and opacities 0...1, both kept from their ends.

    Raises:
        ValueError: shapes that do not fit together.
    """
    return SplatCloud(means, np.log(np.maximum(scales, MIN_SCALE)), rotations, logits_of(opacities), sh)


def logits_of(opacities: Float[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """Inverse of the logistic function, finite for 0 and 1."""
    bounded = np.clip(np.asarray(opacities, np.float64), MIN_OPACITY, 1 - MIN_OPACITY)
    return np.log(bounded / (1 - bounded)).astype(np.float32)


def concatenated(clouds: list[SplatCloud]) -> SplatCloud:
    """All Gaussians in order; the highest degree holds for all."""
    degree = max(cloud.degree for cloud in clouds)
    same = [cloud.with_degree(degree) for cloud in clouds]
    return SplatCloud(
        np.concatenate([cloud.means for cloud in same]),
        np.concatenate([cloud.log_scales for cloud in same]),
        np.concatenate([cloud.rotations for cloud in same]),
        np.concatenate([cloud.logit_opacities for cloud in same]),
        np.concatenate([cloud.sh for cloud in same]),
    )
