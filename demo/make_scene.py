# SPDX-License-Identifier: Apache-2.0
"""The demo's capture: views of the robot "PLAYBOT", rendered from its finest level of detail.

    python -m demo.make_scene        # reads $LAMINA_DATA/splats/playbot, writes demo/scene

Three rings of cameras; views next to each other by name are on different rings, and every eighth, which is held out,
stands a fifth of the circle further. The world is turned so that z points up, as tools that make such folders have it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from benchmarks.result_files import data_folder
from jaxtyping import Float64, UInt8
from PIL import Image

from demo.exhibits import HERE
from lamina.cameras.camera import Camera, look_at
from lamina.data.splats import SplatCloud, read_sog
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.render.spatial import render_spatial

FOLDER = HERE / "scene"
VIEW_COUNT = 40
WIDTH, HEIGHT = 320, 240
FIELD_OF_VIEW_DEGREES = 50.0
"""Horizontal."""
ELEVATIONS_DEGREES = (8.0, 24.0, 42.0)
"""Of the rings, above the horizon."""
DISTANCE = 2.3
"""World units; the ground is a square of 2."""
TARGET = (0.0, -0.42, 0.0)
"""Between the robot's hands and the ground, in the axes of the capture (y down)."""
UP_FROM_DOWN = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""World with z up from world with y down."""
BLENDER_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
"""Axes of a camera in transforms.json: x right, y up, z back."""
JPEG_QUALITY = 92
"""With full chroma: 38 dB against what was rendered, at 30 kB a view; the ground is all fine grain."""
BACKGROUND = (1.0, 1.0, 1.0)

POINT_CELL = 0.055
"""World units: one point a cell, about as many (3000) as structure from motion finds in so few small pictures."""
POINT_MIN_OPACITY = 0.8
"""Of Gaussians whose centers count as found."""
POINT_ERROR = 0.003
"""Standard deviation added to a coordinate, world units: centers of Gaussians are better than triangulated points."""


def cameras() -> list[Camera]:
    """In the axes of the capture."""
    focal_px = 0.5 * WIDTH / math.tan(math.radians(FIELD_OF_VIEW_DEGREES) / 2)
    made = []
    for view in range(VIEW_COUNT):
        azimuth = 2 * math.pi * view / VIEW_COUNT
        elevation = math.radians(ELEVATIONS_DEGREES[view % len(ELEVATIONS_DEGREES)])
        across = math.cos(elevation)
        offset = np.array([math.sin(azimuth) * across, -math.sin(elevation), math.cos(azimuth) * across])
        pose = look_at(TARGET + DISTANCE * offset, np.array(TARGET), np.array([0.0, -1.0, 0.0]))
        made.append(Camera(np.linalg.inv(pose), focal_px, focal_px, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT))
    return made


def render(cloud: SplatCloud, camera: Camera) -> UInt8[np.ndarray, "h w 3"]:
    """8-bit pixels over the background."""
    image = render_spatial(gaussians_seen_from(cloud, camera.position_world), camera, background=BACKGROUND)
    return (image.pixels.clamp(0, 1) * 255).round().byte().numpy()


def sparse_points(cloud: SplatCloud) -> tuple[Float64[np.ndarray, "p 3"], UInt8[np.ndarray, "p 3"]]:
    """What structure from motion would have found, in the axes of the folder; and its colors."""
    rng = np.random.default_rng(0)
    opaque = rng.permutation(np.flatnonzero(cloud.opacities > POINT_MIN_OPACITY))
    cells = np.floor(cloud.means[opaque] / POINT_CELL).astype(np.int64)
    found = opaque[np.unique(cells, axis=0, return_index=True)[1]]
    positions = cloud.means[found].astype(np.float64) @ UP_FROM_DOWN[:3, :3].T
    colors = gaussians_seen_from(cloud.selected(found), np.array(TARGET) - (0, DISTANCE, 0)).colors
    return positions + rng.normal(0, POINT_ERROR, positions.shape), (colors.clamp(0, 1) * 255).round().byte().numpy()


def write_points(path: Path, positions: Float64[np.ndarray, "p 3"], colors: UInt8[np.ndarray, "p 3"]) -> None:
    """A binary .ply of x, y, z, red, green, blue."""
    fields = [*((name, "<f4") for name in "xyz"), *((name, "u1") for name in ("red", "green", "blue"))]
    records = np.empty(len(positions), fields)
    for column, (name, _) in enumerate(fields):
        records[name] = positions[:, column] if column < 3 else colors[:, column - 3]
    kinds = ["float"] * 3 + ["uchar"] * 3
    properties = [f"property {kind} {name}" for kind, (name, _) in zip(kinds, fields, strict=True)]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(records)}", *properties, "end_header", ""]
    path.write_bytes("\n".join(lines).encode() + records.tobytes())


def transforms(views: list[Camera], names: list[str]) -> dict[str, object]:
    """Content of transforms.json."""
    frames = []
    for camera, name in zip(views, names, strict=True):
        pose = UP_FROM_DOWN @ camera.world_from_camera @ BLENDER_FROM_OPENCV
        frames.append({"file_path": name, "transform_matrix": pose.round(9).tolist()})
    first = views[0]
    return {
        "camera_model": "PINHOLE",
        "w": first.width,
        "h": first.height,
        "fl_x": first.focal_x_px,
        "fl_y": first.focal_y_px,
        "cx": first.center_x_px,
        "cy": first.center_y_px,
        "ply_file_path": "points.ply",
        "frames": frames,
    }


def main() -> None:
    """Write the folder."""
    cloud = read_sog(data_folder() / "splats" / "playbot", level=0)
    images = FOLDER / "images"
    images.mkdir(parents=True, exist_ok=True)
    views = cameras()
    names = [f"images/view_{view:02}.jpg" for view in range(len(views))]
    for camera, name in zip(views, names, strict=True):
        picture = Image.fromarray(render(cloud, camera))
        picture.save(FOLDER / name, quality=JPEG_QUALITY, subsampling="4:4:4", optimize=True)
    positions, colors = sparse_points(cloud)
    write_points(FOLDER / "points.ply", positions, colors)
    text = json.dumps(transforms(views, names), indent=1)
    (FOLDER / "transforms.json").write_text(text + "\n")
    size_bytes = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER}: {len(views)} views, {len(positions)} points, {size_bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
