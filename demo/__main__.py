# SPDX-License-Identifier: Apache-2.0
"""`python -m demo`: code a photograph, a clip, a scene and one that moves, write a page, and say what to try next."""

from __future__ import annotations

import argparse
import sys
import time

from demo import clip, free_view, photograph, robot
from demo.exhibits import OUTPUT
from demo.page import write_page
from demo.terminal import print_commands, print_exhibits
from lamina.cli.console import print_error
from lamina.codecs.planar.config import PRESETS
from lamina.errors import LaminaError

COMMANDS = (
    ("lamina info demo_output/lighthouse.lam", "levels, quality, where the bytes go"),
    (
        "lamina decode demo_output/lighthouse.lam large.png --size 3072x2048",
        "four times as large: splats have no pixels",
    ),
    ("lamina cut demo_output/lighthouse.lam small.lam --level 0", "the base layer alone, without encoding again"),
    ("lamina compare demo_output/lighthouse.lam demo/lighthouse.png", "measure each level yourself"),
    ("lamina decode demo_output/person.lam part.mp4 --frames 10:20 --level 1", "a part of the clip, at a lower level"),
    ("lamina render demo_output/robot.lam --camera orbit --out orbit.mp4", "around the robot"),
    ("lamina decode demo_output/robot.lam robot.ply --level 2", "for SuperSplat and other viewers"),
    ("lamina render demo_output/robot_moving.lam --camera orbit --out orbit.mp4", "around the robot while it moves"),
    ("lamina decode demo_output/robot_moving.lam frames/", "frame0000.ply, ...: a sequence for SuperSplat"),
    ("lamina encode YOUR_PHOTO.jpg photo.lam --bpp 0.5", "your own picture"),
    ("lamina encode YOUR_CLIP.mp4 clip.lam --frames 0:60 --preset fast", "your own clip"),
    ("lamina encode YOUR_PHOTOS/ scene.lam --poses sfm --preset fast", "your own scene (needs lamina[sfm])"),
)


EXHIBITS = (photograph.make_exhibit, clip.make_exhibit, robot.make_exhibit, free_view.make_exhibit)


def main() -> int:
    """Run the demo; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo", description="Code a photograph, a clip, a scene and one that moves, and compare."
    )
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), default="default", help="of Lamina; fast: a third of the time"
    )
    preset = parser.parse_args().preset
    started_s = time.monotonic()
    OUTPUT.mkdir(exist_ok=True)
    try:
        exhibits = [make(preset) for make in EXHIBITS]
    except LaminaError as error:
        print_error(str(error))
        return 1
    page = OUTPUT / "index.html"
    write_page(exhibits, COMMANDS, page)
    print_exhibits(exhibits)
    print_commands(COMMANDS, page)
    print(f"{time.monotonic() - started_s:.0f} s in all", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
