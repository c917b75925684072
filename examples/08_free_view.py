# SPDX-License-Identifier: Apache-2.0
"""Free view: synchronised cameras around something that moves in, one file out; any moment from anywhere."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np

import lamina
from lamina.data.captures.timed import TimedCapture, TimedView

# Folders that Lamina reads need a path only. Here is how cameras and pictures that a program has become a capture.
folder = Path(__file__).parents[1] / "demo" / "freeview"
rig = json.loads((folder / "transforms.json").read_text())
views, videos = [], []
for entry in rig["frames"]:
    world_from_camera = np.array(entry["transform_matrix"]) @ np.diag([1, -1, -1, 1])  # Blender's axes to ours
    lens = (rig["fl_x"], rig["fl_y"], rig["cx"], rig["cy"], rig["w"], rig["h"])
    views.append(TimedView(entry["file_path"], lamina.Camera(np.linalg.inv(world_from_camera), *lens)))
    videos.append(list(lamina.open_clip(folder / entry["file_path"], frame_range=(0, 3))))

capture = TimedCapture(
    name="robot",
    views=tuple(views),
    train=tuple(number for number in range(16) if number % 8),
    test=(0, 8),
    frame_count=3,
    frames_per_second=Fraction(15),
    points=np.empty((0, 3)),
    point_colors=np.empty((0, 3), np.uint8),
    background=(255, 255, 255),
    load=lambda frame, view: videos[view][frame],
)

# Far fewer steps and anchors than `fast` takes: seconds instead of minutes, and blurred. Leave the fields out.
short = {"first.schedule.steps": 120, "first.schedule.tune_steps": 5, "motion.iterations": 10}
short |= {"first.anchors.first": 700, "first.anchors.limit": 1200, "first.growth.interval_steps": 20}
with lamina.encode(capture, "part.lam", preset="fast", layers=2, **short) as media:
    for level in lamina.compare(media, capture):
        print(f"level {level.level}: {level.bytes:,} bytes, {level.psnr:.2f} dB over the cameras held out")

    path = lamina.orbit([view.camera for view in views], 24)
    model = media.model(2)  # the last of the three frames
    lamina.write_image("from_the_side.png", media.render(path[6], model=model))

    written = lamina.export(media, "frames", suffix="spz")  # frame0000.spz, ...: what players of splats take
    print(f"{written.path}: {written.what}")
