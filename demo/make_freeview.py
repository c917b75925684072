# SPDX-License-Identifier: Apache-2.0
"""The demo's timed capture: the robot "PLAYBOT" moves between cameras, rendered by Lamina.

    python -m demo.make_freeview     # reads $LAMINA_DATA/splats/playbot, writes demo/freeview

A video a camera beside one transforms.json. Two rings of cameras; every eighth by name, which is held out, stands
between its neighbours' places and between the rings. What moves, and how, is in `moving_robot`.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction

import av
import numpy as np
from benchmarks.result_files import data_folder
from jaxtyping import UInt8

from demo.exhibits import HERE
from demo.make_scene import sparse_points, transforms, write_points
from demo.moving_robot import Posed, gaussians_of, moment
from lamina.cameras.camera import Camera, look_at
from lamina.data.color import default_color, rgb_to_yuv
from lamina.data.splats import read_sog
from lamina.render.spatial import render_spatial

FOLDER = HERE / "freeview"
VIEW_COUNT, FRAME_COUNT = 16, 30
FRAMES_PER_SECOND = Fraction(15)
WIDTH, HEIGHT = 240, 160
FINER = 2
"""Rendered so many times as large, and averaged: half a million Gaussians are finer than these pixels."""
FIELD_OF_VIEW_DEGREES = 50.0
"""Horizontal."""
ELEVATIONS_DEGREES = (10.0, 32.0)
"""Of the rings, above the horizon."""
HELD_OUT_ELEVATION_DEGREES, HELD_OUT_EVERY = 20.0, 8
DISTANCE = 2.6
"""World units; the robot is 1 high, the ground a square of 2."""
TARGET = (0.0, -0.5, 0.0)
"""In the axes of the capture (y down)."""
BACKGROUND = (1.0, 1.0, 1.0)
CONSTANT_RATE_FACTOR = "17"
"""Of x264: about 42 dB, so that all videos together are small enough to ship."""


def cameras(finer: int = 1) -> list[Camera]:
    """In the axes of the capture."""
    focal_px = 0.5 * finer * WIDTH / math.tan(math.radians(FIELD_OF_VIEW_DEGREES) / 2)
    made = []
    for view in range(VIEW_COUNT):
        is_held_out = view % HELD_OUT_EVERY == 0
        azimuth = 2 * math.pi * (view + (0.5 if is_held_out else 0.0)) / VIEW_COUNT
        elevation = math.radians(HELD_OUT_ELEVATION_DEGREES if is_held_out else ELEVATIONS_DEGREES[view % 2])
        across = math.cos(elevation)
        offset = np.array([math.sin(azimuth) * across, -math.sin(elevation), math.cos(azimuth) * across])
        pose = np.linalg.inv(look_at(TARGET + DISTANCE * offset, np.array(TARGET), np.array([0.0, -1.0, 0.0])))
        width, height = finer * WIDTH, finer * HEIGHT
        made.append(Camera(pose, focal_px, focal_px, width / 2, height / 2, width, height))
    return made


def picture(parts: list[Posed], camera: Camera) -> UInt8[np.ndarray, "h w 3"]:
    """What a camera (of the finer pictures) sees, averaged, 8 bits."""
    gaussians = gaussians_of(parts, camera.position_world)
    pixels = render_spatial(gaussians, camera, background=BACKGROUND).pixels.clamp(0, 1)
    small = pixels.reshape(HEIGHT, FINER, WIDTH, FINER, 3).mean(dim=(1, 3))
    return (small * 255).round().byte().numpy()


class Video:
    """One camera's frames on their way into a small .mp4, which tells its color."""

    def __init__(self, name: str) -> None:
        self._container = av.open(str(FOLDER / name), "w")
        options = {"crf": CONSTANT_RATE_FACTOR, "preset": "veryslow", "tune": "animation"}
        self._stream = self._container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = self._stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 6, 1, 1, 1
        context.thread_count = 1
        self._count = 0

    def write(self, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Append a frame."""
        frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
        for plane, samples in zip(frame.planes, rgb_to_yuv(pixels, default_color(HEIGHT)), strict=True):
            assert samples is not None
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            rows[: samples.shape[0], : samples.shape[1]] = samples
        frame.pts, frame.time_base = self._count, 1 / FRAMES_PER_SECOND
        self._count += 1
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def main() -> None:
    """Write the folder."""
    cloud = read_sog(data_folder() / "splats" / "playbot", level=0)
    FOLDER.mkdir(exist_ok=True)
    names = [f"view_{view:02}.mp4" for view in range(VIEW_COUNT)]
    videos = [Video(name) for name in names]
    for frame in range(FRAME_COUNT):
        parts = moment(cloud, float(frame / FRAMES_PER_SECOND))
        for video, camera in zip(videos, cameras(FINER), strict=True):
            video.write(picture(parts, camera))
    for video in videos:
        video.close()
    write_points(FOLDER / "points.ply", *sparse_points(cloud))
    (FOLDER / "transforms.json").write_text(json.dumps(transforms(cameras(), names), indent=1) + "\n")
    size_bytes = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER}: {VIEW_COUNT} cameras, {FRAME_COUNT} frames, {size_bytes / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
