# SPDX-License-Identifier: Apache-2.0
"""What Gaussians cost as .ply, .spz and .sog, and what those files show: sizes, and PSNR over cameras.

    python benchmarks/rivals/splat_files.py scene.ply --capture ../shared/data/.../bonsai --scale 1/2
    python benchmarks/rivals/splat_files.py ../shared/data/splats/playbot/4_0     # against its own rendering, an orbit

Each file is read back and rendered by our renderer. References are the capture's held-out views; without a capture,
what the Gaussians show before they are written. .sog is made by splat-transform where it is installed; its palette of
harmonics takes some 3 minutes on a CPU for 31,000 Gaussians, and grows with their square up to 65,536.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from benchmarks.result_files import add_figures
from benchmarks.rivals.curves import Pixels
from benchmarks.rivals.splat_transform import INSTALL, convert, find_tool

from lamina.cameras.camera import Camera, look_at
from lamina.data.captures import read_capture
from lamina.data.splats import SplatCloud, read_splats, write_ply, write_spz
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.metrics import mean_psnr
from lamina.render.spatial import render_spatial

RESULT_NAME = "rivals_splat_files"

FINE_FRACTION_BITS = 16
"""Of a .spz whose positions are kept better than its own library keeps them: for captures of a few units."""
SOG_ITERATIONS = 10
"""Of the clustering of harmonics: the tool's default."""

ORBIT_VIEWS, ORBIT_WIDTH, ORBIT_HEIGHT = 12, 400, 300
ORBIT_FIELD_OF_VIEW_DEGREES = 50.0
ORBIT_ELEVATION_DEGREES = 20.0
ORBIT_RADII = 2.2
"""Distance of the cameras, in radii of the sphere that holds nine tenths of the Gaussians."""

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "ply": "3DGS layout, float32",
        "spz": "version 3, 12 fraction bits as its own library, gzip 9",
        "spz_fine": f"version 3, {FINE_FRACTION_BITS} fraction bits, gzip 9",
        "sog": "splat-transform, on the CPU",
        "protocol": "whole file; 8-bit RGB; whole picture; PSNR is the mean over views; 1 kB = 1000 bytes",
    }
)


@dataclass(frozen=True)
class FileFigures:
    """One file: what it costs and what it shows. The names are those of the JSON."""

    bytes: int
    """Whole file."""
    psnr: float
    """dB, mean over views."""
    write_s: float


@dataclass(frozen=True)
class Views:
    """Cameras, what they should see, and what is behind everything."""

    cameras: Sequence[Camera]
    references: Sequence[Pixels]
    background: tuple[float, float, float]
    """0...1."""


def measure_files(
    cloud: SplatCloud, views: Views, folder: Path, *, tool: Path | None = None, sog_iterations: int = SOG_ITERATIONS
) -> dict[str, FileFigures]:
    """Write each kind of file into `folder`, read it back, render it, compare; ``sog`` only with the tool."""
    ply = folder / "gaussians.ply"
    writers: dict[str, tuple[Path, Callable[[Path], None]]] = {
        "ply": (ply, lambda path: write_ply(path, cloud)),
        "spz": (folder / "gaussians.spz", lambda path: write_spz(path, cloud, version=3)),
        "spz_fine": (
            folder / "gaussians_fine.spz",
            lambda path: write_spz(path, cloud, version=3, fraction_bits=FINE_FRACTION_BITS),
        ),
    }
    if tool is not None:
        options = ("--iterations", str(sog_iterations))
        writers["sog"] = (folder / "gaussians.sog", lambda path: convert(tool, ply, path, *options))
    figures = {}
    for name, (path, write) in writers.items():
        started_s = time.monotonic()
        write(path)
        write_s = time.monotonic() - started_s
        quality = shown_psnr(read_splats(path), views)
        figures[name] = FileFigures(path.stat().st_size, round(quality, 4), round(write_s, 2))
    return figures


def shown_psnr(cloud: SplatCloud, views: Views) -> float:
    """Mean over views, dB."""
    pictures = (picture(cloud, camera, views.background) for camera in views.cameras)
    return mean_psnr(zip(views.references, pictures, strict=True))


def picture(cloud: SplatCloud, camera: Camera, background: tuple[float, float, float]) -> Pixels:
    """8-bit pixels of what the camera sees."""
    image = render_spatial(gaussians_seen_from(cloud, camera.position_world), camera, background=background)
    return (image.pixels.clamp(0, 1) * 255).round().byte().numpy()


def held_out_views(folder: Path, scale: Fraction) -> Views:
    """Test views of a capture."""
    capture = read_capture(folder, scale=scale)
    red, green, blue = (level / 255 for level in capture.background)
    return Views(
        [capture.views[number].camera for number in capture.test],
        [np.array(capture.pixels(number)) for number in capture.test],
        (red, green, blue),
    )


def own_views(cloud: SplatCloud) -> Views:
    """An orbit (y points down), with what the cloud itself shows."""
    middle = np.median(cloud.means, axis=0).astype(np.float64)
    radius = float(np.quantile(np.linalg.norm(cloud.means - middle, axis=1), 0.9))
    focal_px = 0.5 * ORBIT_WIDTH / math.tan(math.radians(ORBIT_FIELD_OF_VIEW_DEGREES) / 2)
    elevation = math.radians(ORBIT_ELEVATION_DEGREES)
    cameras = []
    for view in range(ORBIT_VIEWS):
        azimuth = 2 * math.pi * view / ORBIT_VIEWS
        across = math.cos(elevation)
        offset = np.array([math.sin(azimuth) * across, -math.sin(elevation), math.cos(azimuth) * across])
        pose = look_at(middle + ORBIT_RADII * radius * offset, middle, np.array([0.0, -1.0, 0.0]))
        center = (ORBIT_WIDTH / 2, ORBIT_HEIGHT / 2)
        cameras.append(Camera(np.linalg.inv(pose), focal_px, focal_px, *center, ORBIT_WIDTH, ORBIT_HEIGHT))
    black = (0.0, 0.0, 0.0)
    return Views(cameras, [picture(cloud, camera, black) for camera in cameras], black)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gaussians", type=Path, help=".ply, .spz, .sog or a SOG folder")
    parser.add_argument("--capture", type=Path, help="folder whose held-out views are the references")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1), help="of the capture's pictures")
    parser.add_argument("--name", default="", help="in the result file; the file's name when left out")
    parser.add_argument("--sog-iterations", type=int, default=SOG_ITERATIONS)
    parser.add_argument("--no-sog", action="store_true", help="leave out what takes minutes")
    options = parser.parse_args()
    cloud = read_splats(options.gaussians)
    views = held_out_views(options.capture, options.scale) if options.capture else own_views(cloud)
    tool = None if options.no_sog else find_tool()
    if tool is None and not options.no_sog:
        print(f"without .sog: {INSTALL}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure_files(cloud, views, Path(folder), tool=tool, sog_iterations=options.sog_iterations)
    reference = options.capture.resolve().name if options.capture else "its own rendering"
    kept = {
        "gaussians": len(cloud),
        "degree": cloud.degree,
        "reference": reference,
        "sog_iterations": options.sog_iterations,
        **{name: asdict(figure) for name, figure in figures.items()},
    }
    add_figures(RESULT_NAME, SETTINGS, options.name or options.gaussians.stem, kept)
    print(f"{len(cloud)} Gaussians of degree {cloud.degree}, against {reference}")
    for name, figure in figures.items():
        print(f"  {name:9} {figure.bytes / 1000:10.1f} kB  {figure.psnr:7.2f} dB  written in {figure.write_s:.1f} s")


if __name__ == "__main__":
    main()
