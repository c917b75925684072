# SPDX-License-Identifier: Apache-2.0
"""A cloud and the name of a coordinate system enter; the same cloud in other axes leaves.

Three letters say where x, y and z point: RDF (right, down, forward) is what captures, .ply and `SplatCloud` have, RUB
(right, up, back) what .spz has unless it says otherwise. Source: nianticlabs/spz, include/spz/splat-types.h.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, Float32, Float64

from lamina.data.splats.cloud import MAX_DEGREE, SplatCloud

AUTO = "auto"
"""As the file says, or as its kind has them."""
CAPTURE, RIGHT_UP_BACK = "RDF", "RUB"
AXES = (
    *("LDB", "RDB", "LUB", "RUB", "LDF", "RDF", "LUF", "RUF"),
    *("LFD", "RFD", "LFU", "RFU", "LBD", "RBD", "LBU", "RBU"),
)
"""By the number that a .spz gives them, less one: three bits of signs, and one for a quarter turn about x."""
QUARTER_TURN = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float64)
"""About x: what was z points to -y."""
QUARTER_TURN_QUATERNION = np.array([1, 1, 0, 0], np.float64) / np.sqrt(2)
"""w, x, y, z."""


def axes_name(name: str) -> str:
    """The name as in `AXES`, or ``auto``.

    Raises:
        ValueError: no such name.
    """
    if name.lower() == AUTO:
        return AUTO
    if name.upper() not in AXES:
        raise ValueError(
            f"axes {name!r}; expected {AUTO!r} or one of {', '.join(AXES)} (of x, y, z: right or left, ...)"
        )
    return name.upper()


def from_capture(cloud: SplatCloud, axes: str) -> SplatCloud:
    """A cloud of a capture (RDF) in these axes (of `AXES`)."""
    signs, is_rotated = _signs_and_turn(axes)
    rotations = _product(QUARTER_TURN_QUATERNION, cloud.rotations) if is_rotated else cloud.rotations
    return _turned(cloud, axes, is_back=False, rotations=rotations * _rotation_signs(signs))


def to_capture(cloud: SplatCloud, axes: str) -> SplatCloud:
    """A cloud in these axes (of `AXES`) as a capture has it (RDF)."""
    signs, is_rotated = _signs_and_turn(axes)
    rotations = cloud.rotations * _rotation_signs(signs)
    if is_rotated:
        rotations = _product(QUARTER_TURN_QUATERNION * np.array([1, -1, -1, -1]), rotations)
    return _turned(cloud, axes, is_back=True, rotations=rotations)


def harmonics(directions: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 15"]:
    """Of degrees 1...3, in the order and with the signs of 3DGS. Source: Kerbl et al. 2023, `eval_sh`."""
    x, y, z = directions.T
    return np.stack(
        [
            *(-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x),
            *(1.0925484305920792 * x * y, -1.0925484305920792 * y * z),
            0.31539156525252005 * (2 * z * z - x * x - y * y),
            *(-1.0925484305920792 * x * z, 0.5462742152960396 * (x * x - y * y)),
            *(-0.5900435899266435 * y * (3 * x * x - y * y), 2.890611442640554 * x * y * z),
            -0.4570457994644658 * y * (4 * z * z - x * x - y * y),
            0.3731763325901154 * z * (2 * z * z - 3 * x * x - 3 * y * y),
            -0.4570457994644658 * x * (4 * z * z - x * x - y * y),
            *(1.445305721320277 * z * (x * x - y * y), -0.5900435899266435 * x * (x * x - 3 * y * y)),
        ],
        axis=1,
    )


def _turned(cloud: SplatCloud, axes: str, *, is_back: bool, rotations: Float[np.ndarray, "n 4"]) -> SplatCloud:
    """Positions and harmonics turned, from or (back) to a capture; scales and opacities stay."""
    rest = cloud.sh.shape[1] - 1
    change = _harmonics_matrix(axes, is_back)[:rest, :rest]
    flips = np.diag(change).astype(np.float32)
    # Signs alone are applied as signs: exact, and fast.
    turned = (
        cloud.sh[:, 1:] * flips[:, None]
        if np.array_equal(np.abs(change), np.eye(rest))
        else np.einsum("nkc,kj->njc", cloud.sh[:, 1:], change.astype(np.float32))
    )
    return SplatCloud(
        _exactly(cloud.means, _matrix(axes, is_back)),
        cloud.log_scales,
        rotations.astype(np.float32),
        cloud.logit_opacities,
        np.concatenate([cloud.sh[:, :1], turned], axis=1),
    )


def _exactly(means: Float32[np.ndarray, "n 3"], matrix: Float64[np.ndarray, "3 3"]) -> Float32[np.ndarray, "n 3"]:
    """A matrix of one +-1 a row: axes are taken and signed, nothing is rounded, and infinities stay in their axis."""
    taken = np.abs(matrix).argmax(axis=1)
    return means[:, taken] * matrix[np.arange(3), taken].astype(np.float32)


@cache
def _harmonics_matrix(axes: str, is_back: bool) -> Float64[np.ndarray, "15 15"]:
    """Row k: harmonic k, of a direction turned the other way, in harmonics of the direction itself."""
    matrix = _matrix(axes, is_back)
    directions = np.random.default_rng(0).normal(size=(60, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    here, there = harmonics(directions), harmonics(directions @ matrix)
    change = np.zeros((here.shape[1], here.shape[1]))
    for degree in range(1, MAX_DEGREE + 1):
        band = slice(degree**2 - 1, (degree + 1) ** 2 - 1)
        change[band, band] = np.linalg.lstsq(here[:, band], there[:, band], rcond=None)[0].T
    # Ones and zeros are exact ones and zeros.
    return np.round(change, 12) + 0.0


def _matrix(axes: str, is_back: bool) -> Float64[np.ndarray, "3 3"]:
    """Capture (RDF) to these axes, or back."""
    signs, is_rotated = _signs_and_turn(axes)
    matrix = np.diag(signs) @ (QUARTER_TURN if is_rotated else np.eye(3))
    return matrix.T if is_back else matrix


def _signs_and_turn(axes: str) -> tuple[Float64[np.ndarray, "3"], bool]:
    """Which axes point the other way than a capture's, after a quarter turn about x or without one.

    By number, as the format's own library has it, since files say numbers. For half of the names with a quarter turn
    (LFD, RFD, LBU, RBU) that is not what the letters say: y and z point the other way.
    """
    number = AXES.index(axes)
    differing = number ^ AXES.index(CAPTURE)
    return np.array([-1.0 if differing >> bit & 1 else 1.0 for bit in range(3)]), bool(number >> 3)


def _rotation_signs(signs: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "4"]:
    """Of w, x, y, z: a rotation about an axis turns round when one of the two others is mirrored."""
    x, y, z = signs
    return np.array([1, y * z, x * z, x * y])


def _product(first: Float64[np.ndarray, "4"], second: Float[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n 4"]:
    """Of quaternions w, x, y, z: the second rotation first."""
    w, x, y, z = first
    table = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return second.astype(np.float64) @ table.T
