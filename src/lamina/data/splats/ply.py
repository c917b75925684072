# SPDX-License-Identifier: Apache-2.0
"""A cloud to the .ply of 3DGS and back.

The order of properties is that of the authors' code, normals (always zero) included, because some readers take records
as they stand. f_rest is channel-major: all of red, all of green, all of blue. Source: the layout that
graphdeco-inria/gaussian-splatting (scene/gaussian_model.py) writes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32

from lamina.atomic import replacing_path, write_errors
from lamina.data.splats.cloud import COEFFICIENT_COUNTS, MIN_OPACITY, SplatCloud
from lamina.data.splats.compressed_ply import CHUNK, unpack_compressed
from lamina.data.splats.guarded import reading
from lamina.data.splats.ply_header import read_elements
from lamina.errors import SignalError

POSITION = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")
OPACITY = ("opacity",)
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
REST = "f_rest_"

MAX_LOGIT = float(np.log((1 - MIN_OPACITY) / MIN_OPACITY))
"""Infinite logits, which some exporters write for opacity 0 and 1, become this."""


def property_names(degree: int) -> tuple[str, ...]:
    """Names of a record's 32-bit floats, in order."""
    rest = tuple(f"{REST}{i}" for i in range(3 * (COEFFICIENT_COUNTS[degree] - 1)))
    return POSITION + NORMAL + CONSTANT + rest + OPACITY + SCALE + ROTATION


def write_ply(path: str | Path, cloud: SplatCloud) -> None:
    """Write a binary .ply; its degree is the cloud's (some viewers want 3: `cloud.with_degree(3)`).

    Raises:
        WriteError: the file cannot be written.
    """
    path = Path(path)
    n, names = len(cloud), property_names(cloud.degree)
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {n}"]
    header = "\n".join([*lines, *(f"property float {name}" for name in names), "end_header", ""])
    rest = cloud.sh[:, 1:].transpose(0, 2, 1).reshape(n, -1)
    normals = np.zeros((n, 3), np.float32)
    columns = (
        cloud.means,
        normals,
        cloud.sh[:, 0],
        rest,
        cloud.logit_opacities[:, None],
        cloud.log_scales,
        cloud.rotations,
    )
    records = np.concatenate(columns, axis=1).astype("<f4")
    with replacing_path(path) as partial, write_errors(path):
        partial.write_bytes(header.encode() + records.tobytes())


def read_ply(path: str | Path) -> SplatCloud:
    """Read a .ply of Gaussians: 3DGS of degree 0...3 in any order of properties, or SuperSplat's compressed form.

    Raises:
        SignalError: not such a file, or damaged; says what was found.
    """
    path = Path(path)
    with reading(path, ".ply"):
        return _read(path)


def _read(path: Path) -> SplatCloud:
    elements = read_elements(path, {"vertex", CHUNK, "sh"} if _is_compressed(path) else {"vertex"})
    if "vertex" not in elements or not len(elements["vertex"]):
        raise SignalError(f"{path}: holds no Gaussians; expected an element 'vertex' with at least one record")
    is_compressed = CHUNK in elements
    cloud = unpack_compressed(elements, path) if is_compressed else _cloud_of_records(elements["vertex"], path)
    return checked(cloud, path)


def checked(cloud: SplatCloud, path: Path) -> SplatCloud:
    """Infinite logits bounded; everything else must be finite, rotations not zero.

    Raises:
        SignalError: says which values are not.
    """
    logits = np.clip(cloud.logit_opacities, -MAX_LOGIT, MAX_LOGIT)
    for name, values in (
        ("positions", cloud.means),
        ("scales", cloud.log_scales),
        ("rotations", cloud.rotations),
        ("opacities", logits),
        ("spherical harmonics", cloud.sh),
    ):
        wrong = int((~np.isfinite(values)).reshape(len(cloud), -1).any(axis=1).sum())
        if wrong:
            raise SignalError(
                f"{path}: {name} of {wrong} Gaussians are not finite numbers; remove those and save again"
            )
    lengths = np.abs(cloud.rotations).max(axis=1)
    if not (lengths > 0).all():
        raise SignalError(f"{path}: {int((lengths == 0).sum())} Gaussians have the rotation 0; expected quaternions")
    return SplatCloud(cloud.means, cloud.log_scales, cloud.rotations, logits, cloud.sh)


def columns_of(records: np.ndarray, names: tuple[str, ...], path: Path) -> Float32[np.ndarray, "n k"]:
    """Fields of floating point numbers as columns.

    Raises:
        SignalError: a field is missing or of another kind.
    """
    present = records.dtype.names or ()
    if missing := [name for name in names if name not in present]:
        raise SignalError(
            f"{path}: element 'vertex' lacks {', '.join(missing)[:200]}; it has {', '.join(present)[:200]}: "
            f"expected the properties of 3D Gaussians"
        )
    if wrong := [name for name in names if records.dtype[name].kind != "f"]:
        raise SignalError(f"{path}: {', '.join(wrong)[:200]} of 'vertex' are integers; expected floating point numbers")
    with np.errstate(over="ignore"):
        return np.stack([records[name].astype(np.float32) for name in names], axis=1)


def _is_compressed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"packed_position" in file.read(4096)
    except OSError as error:
        raise SignalError(f"{path}: cannot be read: {error.strerror or error}; expected a .ply file") from error


def _cloud_of_records(records: np.ndarray, path: Path) -> SplatCloud:
    n = len(records)
    present = records.dtype.names or ()
    rest_count = sum(name.startswith(REST) for name in present)
    if rest_count not in (allowed := [3 * (count - 1) for count in COEFFICIENT_COUNTS]):
        raise SignalError(f"{path}: {rest_count} properties {REST}*; expected {allowed}, for degrees 0...3")
    sh = np.empty((n, 1 + rest_count // 3, 3), np.float32)
    sh[:, 0] = columns_of(records, CONSTANT, path)
    if rest_count:
        rest = columns_of(records, tuple(f"{REST}{i}" for i in range(rest_count)), path)
        sh[:, 1:] = rest.reshape(n, 3, -1).transpose(0, 2, 1)
    return SplatCloud(
        columns_of(records, POSITION, path),
        columns_of(records, SCALE, path),
        columns_of(records, ROTATION, path),
        columns_of(records, OPACITY, path)[:, 0],
        sh,
    )
