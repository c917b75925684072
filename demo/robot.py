# SPDX-License-Identifier: Apache-2.0
"""The scene: coded, each level seen through the cameras held out, beside the same Gaussians as .ply and .spz."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.measure_lamina import level_files
from benchmarks.rivals.curves import Pixels, RatePoint, measured
from benchmarks.rivals.splat_files import picture

import lamina
from demo.exhibits import HERE, NAMES, OUTPUT, Curve, Exhibit, Version, open_summary, step
from lamina.anchors.exporting.clouds import export_cloud
from lamina.cameras.camera import Camera
from lamina.codecs.scene.config import PRESETS
from lamina.codecs.scene.export import subject_of
from lamina.codecs.scene.model import SceneModel
from lamina.data.captures import read_capture
from lamina.data.splats import read_splats, write_splats

SOURCE = HERE / "scene"
NOTE = (
    "PLAYBOT by Stephane Agullo, Creative Commons Attribution 4.0, rendered to 40 pictures of 320 x 240; "
    "the 5 shown here were held out"
)
STEPS, TUNE_STEPS, FIRST_ANCHORS, ANCHORS = 800, 100, 5_000, 10_000
"""Preset `fast` on an eighth of its steps and a third of its anchors: enough for 320 x 240 pixels."""

EXPORT_STEPS = 100
"""Of the fit of the rivals' Gaussians, for each level: five cameras need no more."""

RIVALS = ("spz", "ply")


def make_exhibit(preset: str) -> Exhibit:
    """Fit, code, decode, look, measure."""
    del preset
    capture = read_capture(SOURCE)
    views = [capture.pixels(number) for number in capture.test]
    cameras = [capture.views[number].camera for number in capture.test]
    file = OUTPUT / "robot.lam"
    fast = PRESETS["fast"]
    config = replace(
        fast,
        anchors=replace(fast.anchors, first=FIRST_ANCHORS, limit=ANCHORS),
        schedule=replace(fast.schedule, steps=STEPS, tune_steps=TUNE_STEPS),
    )
    started_s = time.monotonic()
    with step("scene: Lamina") as progress:
        lamina.encode(capture, file, config=config, progress=progress).close()
    encode_s = time.monotonic() - started_s
    with step("scene: every level through the cameras held out"):
        levels = list(_levels(views, cameras, file))
        files = _gaussian_files(views, cameras, file)
    curves = [Curve("lamina", "Lamina, levels of one file", [level.point for level in levels if level.point], True)]
    curves += [Curve(codec, f"its Gaussians as {NAMES[codec]}", points) for codec, points in files.items()]
    return Exhibit(
        title="A scene",
        note=NOTE,
        source=SOURCE,
        file=file,
        command=f"lamina encode demo/scene demo_output/robot.lam --preset fast --schedule.steps {STEPS} "
        f"--schedule.tune-steps {TUNE_STEPS} --anchors.first {FIRST_ANCHORS} --anchors.limit {ANCHORS}",
        encode_s=encode_s,
        frames_per_second=1.0,
        versions=[Version("Source", "", views, None), *levels],
        curves=curves,
        summary=open_summary(file),
        measured_on=f"{len(views)} views held out",
    )


def _levels(views: Sequence[Pixels], cameras: Sequence[Camera], file: Path) -> Iterator[Version]:
    """Every level, decoded from the file cut there."""
    for level, cut in level_files(file):
        with lamina.open(cut) as media:
            model = media.model()
            shown = [media.render(camera, model=model) for camera in cameras]
        yield Version(f"Level {level}", "lamina", shown, measured(f"level {level}", len(cut), views, shown), level)


def _gaussian_files(views: Sequence[Pixels], cameras: Sequence[Camera], file: Path) -> dict[str, list[RatePoint]]:
    """The Gaussians of each level as files of other formats, read back."""
    points: dict[str, list[RatePoint]] = {codec: [] for codec in RIVALS}
    with lamina.open(file) as media:
        for level in range(media.level_count):
            model: SceneModel = media.model(level=level)
            cloud = export_cloud(subject_of(model), fit_steps=EXPORT_STEPS)
            for codec in RIVALS:
                path = OUTPUT / f"robot_level{level}.{codec}"
                write_splats(path, cloud)
                written = read_splats(path)
                shown = [picture(written, camera, model.background) for camera in cameras]
                points[codec].append(measured(f"level {level}", path.stat().st_size, views, shown))
    return points
