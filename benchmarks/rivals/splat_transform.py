# SPDX-License-Identifier: Apache-2.0
"""PlayCanvas' splat-transform, the tool that others use: .ply to .sog and .spz, and what it reads, as a table.

npm install --prefix /tmp/splats @playcanvas/splat-transform
export SPLAT_TRANSFORM=/tmp/splats/node_modules/.bin/splat-transform
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

from lamina.data.splats import SplatCloud
from lamina.data.splats.cloud import COEFFICIENT_COUNTS

COMMAND = "splat-transform"
VARIABLE = "SPLAT_TRANSFORM"
"""Environment: the command, where it is not on the path."""
INSTALL = "npm install --prefix /tmp/splats @playcanvas/splat-transform, then set SPLAT_TRANSFORM to its command"


def find_tool() -> Path | None:
    """The command: $SPLAT_TRANSFORM, or from the path; None where it (or node) is not installed."""
    named = os.environ.get(VARIABLE)
    found = shutil.which(named or COMMAND)
    return Path(found) if found and shutil.which("node") else None


def tool_version(tool: Path) -> str:
    """Such as ``splat-transform v2.7.1 (b42b60c)``."""
    result = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True)
    return (result.stdout or result.stderr).strip().splitlines()[-1]


def undeclared_axes(tool: Path) -> str:
    """What the tool takes a .spz to have that does not say: those of a .ply from its version 3 on."""
    return "RUB" if " v2." in f" {tool_version(tool)}" else "RDF"


def convert(tool: Path, source: Path, target: Path, *options: str) -> None:
    """Read one file, write another; suffixes choose the formats. Without a GPU, so that anyone gets the same file.

    Raises:
        RuntimeError: the tool failed; says what it said.
    """
    command = [tool, "--quiet", "--overwrite", "--gpu", "cpu", source, *options, target]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or not target.is_file():
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.stderr.strip()[-500:]}")


def read_by_tool(tool: Path, source: Path, folder: Path) -> SplatCloud:
    """What the tool finds in a file, through its .csv: nothing of ours reads the file."""
    table_path = folder / "read_by_tool.csv"
    convert(tool, source, table_path)
    table = np.genfromtxt(table_path, delimiter=",", names=True, dtype=np.float64, ndmin=1)
    names = table.dtype.names or ()
    rest_count = sum(name.startswith("f_rest_") for name in names)
    per_channel = rest_count // 3
    assert per_channel + 1 in COEFFICIENT_COUNTS
    rest = _columns(table, [f"f_rest_{i}" for i in range(rest_count)]).reshape(len(table), 3, per_channel)
    constant = _columns(table, ["f_dc_0", "f_dc_1", "f_dc_2"])
    return SplatCloud(
        _columns(table, ["x", "y", "z"]),
        _columns(table, ["scale_0", "scale_1", "scale_2"]),
        _columns(table, ["rot_0", "rot_1", "rot_2", "rot_3"]),
        _columns(table, ["opacity"])[:, 0],
        np.concatenate([constant[:, None], rest.transpose(0, 2, 1)], axis=1),
    )


def largest_differences(first: SplatCloud, second: SplatCloud) -> dict[str, float]:
    """Of positions, log scales, opacities (0...1), rotations (parts of unit quaternions) and harmonics.

    Raises:
        ValueError: other numbers of Gaussians or coefficients.
    """
    if len(first) != len(second) or first.degree != second.degree:
        raise ValueError(f"{len(first)} of degree {first.degree} against {len(second)} of degree {second.degree}")
    unit = [cloud.rotations / np.linalg.norm(cloud.rotations, axis=1, keepdims=True) for cloud in (first, second)]
    # q and -q are the same rotation.
    turned = np.minimum(np.abs(unit[0] - unit[1]).max(axis=1), np.abs(unit[0] + unit[1]).max(axis=1))
    return {
        "means": _largest(first.means - second.means),
        "log_scales": _largest(first.log_scales - second.log_scales),
        "opacities": _largest(first.opacities - second.opacities),
        "rotations": _largest(turned),
        "sh": _largest(first.sh - second.sh),
    }


def _columns(table: np.ndarray, names: list[str]) -> np.ndarray:
    if not names:
        return np.zeros((len(table), 0), np.float32)
    return np.stack([table[name] for name in names], axis=1).astype(np.float32)


def _largest(differences: np.ndarray) -> float:
    return float(np.abs(differences).max(initial=0.0))
