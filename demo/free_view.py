# SPDX-License-Identifier: Apache-2.0
"""What moves: coded, each level seen on an orbit while it moves, beside the same frames as sequences of .ply and .spz.

capture ─ lamina ─► file ─ cut ─► level ─┬─ an orbit, there and back in time ─► what is shown
                                         └─ cameras held out, all frames ─────► what is measured
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from benchmarks.measure_lamina import level_files
from benchmarks.rivals.curves import Pixels, measured
from benchmarks.rivals.splat_files import picture

import lamina
from demo.exhibits import HERE, NAMES, OUTPUT, Curve, Exhibit, Version, open_summary, step
from lamina.cameras.camera import Camera
from lamina.cameras.paths import orbit
from lamina.codec import Progress
from lamina.codecs.freeview.config import PRESETS, FreeviewConfig
from lamina.data import ClipWriter
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.data.splats import read_splats
from lamina.media.export import export
from lamina.media.reading import Media

SOURCE = HERE / "freeview"
NOTE = (
    "PLAYBOT by Stephane Agullo, Creative Commons Attribution 4.0, set in motion and rendered by ourselves for 16 "
    "cameras of 240 x 160. Shown is an orbit, there and back in time, beside what the nearest of the cameras saw"
)
FRAMES = 16
"""Of 30."""
BACKGROUND = (255, 255, 255)
"""What the videos have behind everything."""
ROUNDS = 2
"""There and back in time, while the orbit closes once."""
STEPS, TUNE_STEPS, FIRST_ANCHORS, ANCHORS = 1_000, 100, 4_000, 8_000
"""Preset `fast` on two thirds of its steps and anchors: enough for 240 x 160 pixels."""
ITERATIONS, BIRTH_ITERATIONS, RATE_WEIGHT = 100, 40, 0.001
"""More than `fast` has of the first, for things move some pixels a frame; small pictures make bits dear."""
RIVALS = ("spz", "ply")


class Moment(NamedTuple):
    """What is looked at."""

    frame: int
    camera: Camera


@dataclass(frozen=True)
class Looks:
    """Where one looks from, and what was seen there."""

    shown: Sequence[Moment]
    held_out: Sequence[Moment]
    seen: Sequence[Pixels]
    """Of those held out."""


def make_exhibit(preset: str) -> Exhibit:
    """Fit, code, decode, look, measure."""
    del preset
    capture = read_timed_capture(SOURCE, background=BACKGROUND).cut(0, FRAMES)
    looks = looks_of(capture)
    file = OUTPUT / "robot_moving.lam"
    started_s = time.monotonic()
    with step("free view: Lamina") as progress:
        lamina.encode(capture, file, config=config(), progress=progress).close()
    encode_s = time.monotonic() - started_s
    with step("free view: every level on an orbit, and through the cameras held out") as progress:
        levels = list(_levels(looks, file))
        others, curves = _gaussian_files(looks, file, progress)
    for level in levels:
        _write_film(OUTPUT / f"robot_moving_level{level.level}.mp4", level.frames, float(capture.frames_per_second))
    ours = Curve("lamina", "Lamina, levels of one file", [level.point for level in levels if level.point], True)
    return Exhibit(
        title="What moves, from anywhere",
        note=NOTE,
        source=SOURCE,
        file=file,
        command=command(),
        encode_s=encode_s,
        frames_per_second=float(capture.frames_per_second),
        versions=[Version("Nearest camera", "", _nearest(capture, looks.shown), None), *levels, *others],
        curves=[ours, *curves],
        summary=open_summary(file),
        measured_on=f"{len(capture.test)} cameras held out, {FRAMES} frames",
    )


def config() -> FreeviewConfig:
    """Of the encode."""
    fast = PRESETS["fast"]
    first = replace(
        fast.first,
        anchors=replace(fast.first.anchors, first=FIRST_ANCHORS, limit=ANCHORS),
        schedule=replace(fast.first.schedule, steps=STEPS, tune_steps=TUNE_STEPS),
    )
    motion, births = (
        replace(fast.motion, iterations=ITERATIONS),
        replace(fast.births, iterations=BIRTH_ITERATIONS),
    )
    return replace(fast, first=first, motion=motion, births=births, rate_weight=RATE_WEIGHT)


def command() -> str:
    """The same on the command line."""
    fields = {
        "first.schedule.steps": STEPS,
        "first.schedule.tune_steps": TUNE_STEPS,
        "first.anchors.first": FIRST_ANCHORS,
        "first.anchors.limit": ANCHORS,
        "motion.iterations": ITERATIONS,
        "births.iterations": BIRTH_ITERATIONS,
    }
    chosen = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in fields.items())
    return (
        f"lamina encode demo/freeview demo_output/robot_moving.lam --preset fast --frames 0:{FRAMES} "
        f"--lambda {RATE_WEIGHT} {chosen}"
    )


def looks_of(capture: TimedCapture) -> Looks:
    """An orbit while it moves, there and back; and all that was held out."""
    there_and_back = [*range(FRAMES), *reversed(range(FRAMES))] * ROUNDS
    path = orbit([view.camera for view in capture.views], len(there_and_back))
    held_out = [(frame, view) for frame in range(FRAMES) for view in capture.test]
    return Looks(
        [Moment(frame, camera) for frame, camera in zip(there_and_back, path, strict=True)],
        [Moment(frame, capture.views[view].camera) for frame, view in held_out],
        [capture.pixels(frame, view) for frame, view in held_out],
    )


def _nearest(capture: TimedCapture, moments: Sequence[Moment]) -> list[Pixels]:
    """What the nearest camera saw: all there is without free view."""
    places = np.stack([view.camera.position_world for view in capture.views])
    found = []
    for frame, camera in moments:
        view = int(np.linalg.norm(places - camera.position_world, axis=1).argmin())
        found.append(capture.pixels(frame, view))
    return found


def _levels(looks: Looks, file: Path) -> Iterator[Version]:
    """Every level, decoded from the file cut there."""
    for level, cut in level_files(file):
        with lamina.open(cut) as media:
            models = list(media.models())

            def see(moment: Moment, media: Media = media, models: Sequence[object] = models) -> Pixels:
                return media.render(moment.camera, model=models[moment.frame])

            yield _version(f"Level {level}", "lamina", looks, len(cut), see, level)


def _version(
    label: str, codec: str, looks: Looks, size_bytes: int, see: Callable[[Moment], Pixels], level: int | None = None
) -> Version:
    """Shown on the orbit, measured on what was held out."""
    point = measured(label.lower(), size_bytes, looks.seen, [see(moment) for moment in looks.held_out])
    return Version(label, codec, [see(moment) for moment in looks.shown], point, level)


def _gaussian_files(
    looks: Looks, file: Path, progress: Callable[[Progress], None]
) -> tuple[list[Version], list[Curve]]:
    """The Gaussians of each frame of the best level as files of other formats, read back."""
    versions, curves = [], []
    with lamina.open(file) as media:
        for number, codec in enumerate(RIVALS):
            folder = OUTPUT / f"robot_moving_{codec}"
            export(media, folder, suffix=codec)
            version = _sequence(looks, sorted(folder.iterdir()), codec, media.model().background)
            versions.append(version)
            curves.append(Curve(codec, f"its frames as {NAMES[codec]}", [version.point] if version.point else []))
            progress(Progress((number + 1) / len(RIVALS), NAMES[codec]))
    return versions, curves


def _sequence(looks: Looks, paths: Sequence[Path], codec: str, background: tuple[float, float, float]) -> Version:
    """A file a frame, as players of splats take it."""
    clouds = [read_splats(path) for path in paths]

    def see(moment: Moment) -> Pixels:
        return picture(clouds[moment.frame], moment.camera, background)

    size_bytes = sum(path.stat().st_size for path in paths)
    return _version(f"{len(paths)} files of {NAMES[codec]}", codec, looks, size_bytes, see)


def _write_film(path: Path, frames: Sequence[Pixels], frames_per_second: float) -> None:
    height, width = frames[0].shape[:2]
    with ClipWriter(path, width, height, frames_per_second) as writer:
        for frame in frames:
            writer.write(frame)
