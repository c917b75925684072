# SPDX-License-Identifier: Apache-2.0
"""Do other tools read what we write, and we what they write? Values are compared; the exit status says.

    python benchmarks/rivals/check_splat_files.py [scene.ply ...]      # without names: a made-up cloud of each degree

Needs splat-transform (see splat_transform.py). Its .spz goes through the format's own library.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from benchmarks.rivals.splat_transform import (
    INSTALL,
    convert,
    find_tool,
    largest_differences,
    read_by_tool,
    undeclared_axes,
)

from lamina.data.splats import SplatCloud, read_splats, write_splats

TOLERANCE = 1e-4
"""float32 through text and back, and another order of float32 operations; a step of any format is larger."""
MADE_UP = 2000
"""Gaussians."""


def made_up_cloud(degree: int, count: int = MADE_UP) -> SplatCloud:
    """Values of the size that captures have."""
    rng = np.random.default_rng(degree)
    return SplatCloud(
        rng.normal(0, 3, (count, 3)).astype(np.float32),
        rng.uniform(-9, 0, (count, 3)).astype(np.float32),
        rng.normal(0, 1, (count, 4)).astype(np.float32),
        rng.normal(0, 2, count).astype(np.float32),
        rng.normal(0, 0.3, (count, (degree + 1) ** 2, 3)).astype(np.float32),
    )


def compare(tool: Path, cloud: SplatCloud, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """What was written by whom, and the largest differences between both readers' values of it."""
    axes = undeclared_axes(tool)
    ply = folder / "ours.ply"
    write_splats(ply, cloud)
    yield "our .ply", largest_differences(read_splats(ply), read_by_tool(tool, ply, folder))
    for version, asked in ((3, axes), (4, "auto")):
        path = folder / f"ours_{version}.spz"
        write_splats(path, cloud, spz_version=version, axes=asked)
        yield (
            f"our .spz {version}",
            largest_differences(read_splats(path, axes=asked), read_by_tool(tool, path, folder)),
        )
        path = folder / f"theirs_{version}.spz"
        convert(tool, ply, path, "--spz-version", str(version))
        yield (
            f"their .spz {version}",
            largest_differences(read_splats(path, axes=axes), read_by_tool(tool, path, folder)),
        )
    for suffix in (".sog", ".compressed.ply"):
        path = folder / f"theirs{suffix}"
        convert(tool, ply, path)
        yield f"their {suffix}", largest_differences(read_splats(path), read_by_tool(tool, path, folder))
    inflated = [gzip.decompress((folder / f"{whose}_3.spz").read_bytes()) for whose in ("ours", "theirs")]
    differing = sum(first != second for first, second in zip(*inflated, strict=True))
    yield "bytes of our and their .spz that differ", {"share": differing / len(inflated[0])}


def main() -> int:
    """Command line; 1 when values differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help=".ply, .spz, .sog or SOG folders")
    files = parser.parse_args().files
    tool = find_tool()
    if tool is None:
        print(f"splat-transform is not installed: {INSTALL}", file=sys.stderr)
        return 2
    clouds = {str(path): read_splats(path) for path in files} or {
        f"made up, degree {degree}": made_up_cloud(degree) for degree in range(4)
    }
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name, cloud in clouds.items():
            print(f"{name}: {len(cloud)} Gaussians of degree {cloud.degree}")
            for what, differences in compare(tool, cloud, Path(folder)):
                worst = max(worst, *differences.values())
                print(f"  {what:40}" + "  ".join(f"{field} {value:.1e}" for field, value in differences.items()))
    print("the same" if worst <= TOLERANCE else f"NOT the same: {worst:.1e}, expected at most {TOLERANCE:.0e}")
    return int(worst > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
