# SPDX-License-Identifier: Apache-2.0
"""The photograph: coded, each level decoded from the file and measured, beside JPEG 2000 in layers, JPEG and AVIF."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.measure_lamina import level_files
from benchmarks.rivals.curves import Pixels, RatePoint, best_points, measured
from benchmarks.rivals.jpeg2000 import encode_three_layers
from benchmarks.rivals.stills import decode, encode_avif, encode_jpeg

import lamina
from demo.exhibits import HERE, NAMES, OUTPUT, Curve, Exhibit, Version, open_summary, step
from lamina.data import read_image, write_image

SOURCE = HERE / "lighthouse.png"
NOTE = "Kodak PhotoCD sampler, picture 21: 768 x 512 pixels, released by Kodak for unrestricted use"
CURVE_SHARES = (0.2, 0.4, 0.7, 1.0, 1.3)
"""Where rivals' curves are measured, as shares of the size of Lamina's file."""
QUALITIES = (0, 96)
"""Of JPEG and AVIF; the search stays between them."""
SIZE_TOLERANCE = 0.02
"""A file so close in size is as large as the other."""


def make_exhibit(preset: str) -> Exhibit:
    """Code, decode, measure."""
    pixels = read_image(SOURCE).pixels
    file = OUTPUT / "lighthouse.lam"
    started_s = time.monotonic()
    with step("photograph: Lamina") as progress:
        lamina.encode(SOURCE, file, preset=preset, progress=progress).close()
    encode_s = time.monotonic() - started_s
    levels = list(_levels(pixels, file))
    whole_bytes = file.stat().st_size
    curves = [
        Curve("lamina", "Lamina, levels of one file", [version.point for version in levels if version.point], True)
    ]
    others = []
    with step("photograph: JPEG 2000 in three layers, JPEG, AVIF"):
        layered = _jpeg2000(pixels, whole_bytes)
        others.append(layered[-1])
        points = [version.point for version in layered if version.point]
        curves.append(Curve("jpeg2000", "JPEG 2000, layers of one file", points, True))
        for codec, encode in (("jpeg", encode_jpeg), ("avif", encode_avif)):
            points, version = _single_layer(pixels, codec, encode, whole_bytes)
            curves.append(Curve(codec, NAMES[codec], points))
            others.append(version)
    for version in levels:
        write_image(OUTPUT / f"lighthouse_level{version.level}.png", version.frames[0])
    return Exhibit(
        title="A photograph",
        note=NOTE,
        source=SOURCE,
        file=file,
        command="lamina encode demo/lighthouse.png demo_output/lighthouse.lam",
        encode_s=encode_s,
        frames_per_second=None,
        versions=[Version("Source", "", [pixels], None), *levels, *others],
        curves=curves,
        summary=open_summary(file),
    )


def _levels(pixels: Pixels, file: Path) -> Iterator[Version]:
    """Every level, decoded from the file cut there."""
    height, width = pixels.shape[:2]
    for level, cut in level_files(file):
        with lamina.open(cut) as media:
            decoded = media.decode(size=(width, height))
        point = measured(f"level {level}", len(cut), [pixels], [decoded])
        yield Version(f"Level {level}", "lamina", [decoded], point, level)


def _jpeg2000(pixels: Pixels, size_bytes: int) -> list[Version]:
    """Three layers in one file of the size of Lamina's."""
    versions = []
    for layer, file in enumerate(encode_three_layers(pixels, 8 * size_bytes / (pixels.shape[0] * pixels.shape[1]))):
        decoded = decode(file)
        point = measured(f"layer {layer} of one file", len(file), [pixels], [decoded])
        versions.append(Version("JPEG 2000", "jpeg2000", [decoded], point))
    return versions


def _single_layer(
    pixels: Pixels, codec: str, encode: Callable[[Pixels, int], bytes], size_bytes: int
) -> tuple[list[RatePoint], Version]:
    """A curve of files, and the file that is as large as Lamina's."""
    files: dict[int, bytes] = {}
    qualities = [_quality_for(lambda q: encode(pixels, q), round(share * size_bytes), files) for share in CURVE_SHARES]
    shown = qualities[CURVE_SHARES.index(1.0)]
    points = {
        quality: measured(f"quality {quality}", len(files[quality]), [pixels], [decode(files[quality])])
        for quality in qualities
    }
    return best_points(points.values()), Version(NAMES[codec], codec, [decode(files[shown])], points[shown])


def _quality_for(encode: Callable[[int], bytes], size_bytes: int, files: dict[int, bytes]) -> int:
    """The quality whose file is closest to a size; `files` keeps what was encoded on the way."""
    low, high = QUALITIES
    while high - low > 1:
        middle = (low + high) // 2
        if middle not in files:
            files[middle] = encode(middle)
        if abs(len(files[middle]) / size_bytes - 1) < SIZE_TOLERANCE:
            break
        low, high = (middle, high) if len(files[middle]) < size_bytes else (low, middle)
    return min(files, key=lambda quality: abs(len(files[quality]) - size_bytes))
