# SPDX-License-Identifier: Apache-2.0
"""A scene: photographs with cameras in, one file out; any level from anywhere, and Gaussians for other tools."""

from pathlib import Path

import lamina

capture = lamina.read_capture(Path(__file__).parents[1] / "demo" / "scene")
print(f"{len(capture.views)} photographs, {len(capture.test)} held out")

# Far fewer steps and anchors than `fast` takes: seconds instead of minutes, and blurred. Leave the fields out.
short = {"schedule.steps": 200, "schedule.tune_steps": 10, "growth.interval_steps": 20}
short |= {"anchors.first": 1500, "anchors.limit": 3000}
with lamina.encode(capture, "part.lam", preset="fast", layers=3, **short) as media:
    for level in lamina.compare(media, capture):
        print(f"level {level.level}: {level.bytes:,} bytes, {level.psnr:.2f} dB over the views held out")

    cameras = media.cameras()  # those of the views held out
    path = lamina.orbit(cameras, 24)
    lamina.write_image("from_the_side.png", media.render(path[6], level=2))

    written = lamina.export(media, "part.ply", fit_steps=20)
    print(f"{written.path}: {written.what}")
