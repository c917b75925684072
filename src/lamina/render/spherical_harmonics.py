# SPDX-License-Identifier: Apache-2.0
"""Colors that depend on the direction of view: coefficients and directions in, colors out, and back by least squares.

The basis is that of 3DGS: real spherical harmonics up to degree 3 with the Condon-Shortley sign (-1)^m, ordered by
degree, then by m = -l...l. The direction is from the camera to the Gaussian. A color is 0.5 + basis . coefficients, at
least 0.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

MAX_DEGREE = 3
"""What files and viewers of 3DGS have."""

MIDDLE = 0.5
"""Color of a Gaussian whose coefficients are all zero."""

FLAT = 0.5 * math.sqrt(1.0 / math.pi)
"""Degree 0: 0.28209479177387814."""

LINEAR = math.sqrt(3.0 / (4.0 * math.pi))
"""Degree 1."""

QUADRATIC = tuple(factor * math.sqrt(5.0 / math.pi) for factor in (math.sqrt(0.75), 0.25, math.sqrt(3.0) * 0.25))
"""Degree 2: of products of two coordinates, of 2 z^2 - x^2 - y^2, of x^2 - y^2."""

CUBIC = tuple(
    factor * math.sqrt(1.0 / math.pi)
    for factor in (math.sqrt(35.0 / 32.0), math.sqrt(105.0 / 4.0), math.sqrt(21.0 / 32.0), math.sqrt(7.0 / 16.0))
)
"""Degree 3: |m| = 3, 2, 1, 0; the second is of x y z, of z (x^2 - y^2) it is half."""


def basis(directions: Float[Tensor, "m 3"], degree: int) -> Float[Tensor, "m c"]:
    """The (degree + 1)^2 harmonics at each direction; any length but zero.

    Raises:
        ValueError: the degree is not 0...3.

    Source: Kerbl et al., 3D Gaussian Splatting (SIGGRAPH 2023); Sloan, Efficient Spherical Harmonic Evaluation (JCGT
    2013), appendix.
    """
    if not 0 <= degree <= MAX_DEGREE:
        raise ValueError(f"degree must be 0...{MAX_DEGREE}, got {degree}")
    x, y, z = torch.nn.functional.normalize(directions, dim=1).unbind(dim=1)
    columns = [torch.full_like(x, FLAT)]
    if degree >= 1:
        columns += [-LINEAR * y, LINEAR * z, -LINEAR * x]
    xx, yy, zz = x * x, y * y, z * z
    if degree >= 2:
        mixed, along, across = QUADRATIC
        columns += [mixed * x * y, -mixed * y * z, along * (2 * zz - xx - yy), -mixed * x * z, across * (xx - yy)]
    if degree >= 3:
        three, two, one, none = CUBIC
        columns += [
            -three * y * (3 * xx - yy),
            two * x * y * z,
            -one * y * (4 * zz - xx - yy),
            none * z * (2 * zz - 3 * xx - 3 * yy),
            -one * x * (4 * zz - xx - yy),
            0.5 * two * z * (xx - yy),
            -three * x * (xx - 3 * yy),
        ]
    return torch.stack(columns, dim=1)


def evaluate(sh: Float[Tensor, "n c 3"], directions: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """Color of each Gaussian seen along its direction (from the camera to it); at least 0.

    Raises:
        ValueError: the number of coefficients is not 1, 4, 9 or 16.
    """
    seen = basis(directions, degree_of(sh.shape[1]))
    return torch.clamp(torch.einsum("nc,nck->nk", seen, sh) + MIDDLE, min=0.0)


def fit(directions: Float[Tensor, "m 3"], colors: Float[Tensor, "m n 3"], degree: int) -> Float[Tensor, "n c 3"]:
    """Coefficients whose colors along `directions` are nearest to `colors` (row by row), by least squares.

    With fewer directions than coefficients, the smallest coefficients that fit.

    Raises:
        ValueError: no direction, another number of rows of colors, or a degree outside 0...3.
    """
    if directions.shape[0] == 0 or colors.shape[0] != directions.shape[0]:
        counts = f"{colors.shape[0]} rows for {directions.shape[0]}"
        raise ValueError(f"expected colors for each of 1 or more directions, got {counts}")
    return torch.einsum("cm,mnk->nck", torch.linalg.pinv(basis(directions, degree)), colors - MIDDLE)


def degree_of(count: int) -> int:
    """Degree that has `count` coefficients.

    Raises:
        ValueError: none has.
    """
    degree = math.isqrt(max(count, 0)) - 1
    if not 0 <= degree <= MAX_DEGREE or (degree + 1) ** 2 != count:
        raise ValueError(f"expected 1, 4, 9 or 16 coefficients, got {count}")
    return degree
