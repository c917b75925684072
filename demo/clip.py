# SPDX-License-Identifier: Apache-2.0
"""The clip: coded, each level decoded from the file and measured, beside x264, x265 and SVT-AV1 on the same frames."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure_lamina import level_files
from benchmarks.rivals.curves import Pixels, RatePoint, best_points, measured_clip
from benchmarks.rivals.ffmpeg_codecs import VIDEO_CODECS, decode_video, encode_video, source_color, write_source

import lamina
from demo.exhibits import HERE, NAMES, OUTPUT, Curve, Exhibit, Version, closest, open_summary, step
from lamina.codec import Progress
from lamina.data import Clip, ClipWriter, open_clip

SOURCE = HERE / "person.mp4"
NOTE = "Intel sample videos, a fixed camera, 24 frames scaled to 384 x 216; Creative Commons Attribution 4.0"
BITS_PER_PIXEL = 0.06
"""Of the whole file, per pixel and frame: where a fixed camera is coded in practice."""
RIVALS = ("x264", "x265", "svt_av1")
CRF = {"x264": (28, 33, 38, 43, 48), "x265": (28, 33, 38, 43, 48), "svt_av1": (34, 42, 50, 57, 63)}
"""Constant rate factors, from high to low quality."""


def make_exhibit(preset: str) -> Exhibit:
    """Code, decode, measure."""
    clip = open_clip(SOURCE)
    frames = list(clip)
    file = OUTPUT / "person.lam"
    started_s = time.monotonic()
    with step("clip: Lamina") as progress:
        lamina.encode(SOURCE, file, preset=preset, bits_per_pixel=BITS_PER_PIXEL, progress=progress).close()
    encode_s = time.monotonic() - started_s
    levels = list(_levels(frames, file))
    curves = [
        Curve("lamina", "Lamina, levels of one file", [version.point for version in levels if version.point], True)
    ]
    others = []
    with step("clip: x264, x265, SVT-AV1") as progress:
        for number, codec in enumerate(RIVALS):
            points, version = _rival(clip, frames, codec, file.stat().st_size)
            curves.append(Curve(codec, NAMES[codec], points))
            others.append(version)
            progress(Progress((number + 1) / len(RIVALS), NAMES[codec]))
    for version in levels:
        with ClipWriter(
            OUTPUT / f"person_level{version.level}.mp4", clip.width, clip.height, clip.frames_per_second
        ) as writer:
            for frame in version.frames:
                writer.write(frame)
    return Exhibit(
        title="A clip",
        note=NOTE,
        source=SOURCE,
        file=file,
        command="lamina encode demo/person.mp4 demo_output/person.lam --bpp 0.06",
        encode_s=encode_s,
        frames_per_second=float(clip.frames_per_second),
        versions=[Version("Source", "", frames, None), *levels, *others],
        curves=curves,
        summary=open_summary(file),
    )


def _levels(frames: list[Pixels], file: Path) -> Iterator[Version]:
    """Every level, decoded from the file cut there."""
    height, width = frames[0].shape[:2]
    for level, cut in level_files(file):
        with lamina.open(cut) as media:
            decoded = list(media.frames(size=(width, height)))
        yield Version(
            f"Level {level}", "lamina", decoded, measured_clip(f"level {level}", len(cut), frames, decoded), level
        )


def _rival(clip: Clip, frames: list[Pixels], codec: str, size_bytes: int) -> tuple[list[RatePoint], Version]:
    """A curve of files, and the file that is closest to Lamina's in size."""
    points: list[RatePoint] = []
    decodes: list[list[Pixels]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.y4m"
        write_source(clip, source)
        for crf in CRF[codec]:
            coded = encode_video(source, VIDEO_CODECS[codec], crf, Path(folder))
            decodes.append(list(decode_video(coded.path, clip.width, clip.height, source_color(clip))))
            points.append(measured_clip(f"crf {crf}", coded.size_bytes, frames, decodes[-1]))
    shown = closest(points, size_bytes)
    return best_points(points), Version(NAMES[codec], codec, decodes[shown], points[shown])
