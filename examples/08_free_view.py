# SPDX-License-Identifier: Apache-2.0
"""Free view: synchronised cameras around something that moves in, one file out; any moment from anywhere."""

from pathlib import Path

import lamina
from lamina.data.captures.timed import read_timed_capture

# A video a camera beside transforms.json: the moving robot that `make demo` codes, three frames of it.
folder = Path(__file__).parents[1] / "demo" / "freeview"
capture = read_timed_capture(folder, background=(255, 255, 255)).cut(0, 3)
print(f"{len(capture.views)} cameras, {len(capture.test)} of them held out, {capture.frame_count} frames")

# Far fewer steps and anchors than `fast` takes: seconds instead of minutes, and blurred. Leave the fields out.
short = {"first.schedule.steps": 120, "first.schedule.tune_steps": 5, "motion.iterations": 10}
short |= {"first.anchors.first": 700, "first.anchors.limit": 1200, "first.growth.interval_steps": 20}
with lamina.encode(capture, "part.lam", preset="fast", layers=2, **short) as media:
    for level in lamina.compare(media, capture):
        print(f"level {level.level}: {level.bytes:,} bytes, {level.psnr:.2f} dB over the cameras held out")

    path = lamina.orbit([view.camera for view in capture.views], 24)
    model = media.model(2)  # the last of the three frames
    lamina.write_image("from_the_side.png", media.render(path[6], model=model))

    written = lamina.export(media, "frames", suffix="spz")  # frame0000.spz, ...: what players of splats take
    print(f"{written.path}: {written.what}")
