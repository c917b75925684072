# SPDX-License-Identifier: Apache-2.0
"""Pictures enter; rate-quality curves of JPEG 2000 in three layers, JPEG, AVIF and JPEG XL leave (all through Pillow).

    python benchmarks/rivals/stills.py                     # what is missing of benchmarks/results/rivals_stills.json
    python benchmarks/rivals/stills.py --pictures kodim08

JPEG is the better of 4:2:0 and 4:4:4 at each size, progressive, with optimized tables. AVIF is 4:4:4. JPEG XL is tuned
for the eye, not for PSNR, and halves the resolution at its lowest qualities by itself: the step in its curves.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pillow_jxl  # noqa: F401 - teaches Pillow JPEG XL
from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.rivals.curves import (
    Pixels,
    RatePoint,
    best_points,
    envelope,
    measured,
    points_from_json,
    points_to_json,
)
from benchmarks.rivals.jpeg2000 import encode_three_layers
from PIL import Image

from lamina.data import read_image

RESULT_NAME = "rivals_stills"

LOWEST_BPP, HIGHEST_BPP = 0.08, 1.6
"""Points outside are left out: the comparison is about 0.1 to 1.2 bits per pixel."""

JPEG2000_BPP = (0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.19, 0.24, 0.3, 0.36, 0.42, 0.5, 0.58, 0.66, 0.75, 0.9, 1.2)
"""Down to what a base layer costs: lower levels are compared at their own bytes."""
JPEG_QUALITIES = (2, 4, 6, 8, 11, 14, 18, 22, 27, 33, 40, 48, 57, 66, 75, 82)
AVIF_QUALITIES = (8, 14, 20, 26, 31, 36, 41, 46, 51, 56, 61, 66, 72, 78)
JPEG_XL_QUALITIES = (1, 6, 11, 16, 21, 26, 32, 40, 48, 56, 64, 72, 79, 85, 89)
AVIF_SPEED = 4
"""0 (slowest)...10; smaller files than the default 6 for about a second a picture."""
JPEG_XL_EFFORT = 7
"""The reference encoder's default."""

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "jpeg2000": "OpenJPEG, raw code-stream, irreversible, mct=1, rates 4r 2r r; lower levels are cuts",
        "jpeg": "best of 4:2:0 and 4:4:4, progressive, optimize",
        "avif": f"4:4:4, speed {AVIF_SPEED}, one thread",
        "jpeg_xl": f"libjxl, VarDCT, effort {JPEG_XL_EFFORT}, one thread",
        "protocol": "whole file; 8-bit RGB; whole picture",
    }
)


def encode_jpeg(pixels: Pixels, quality: int, subsampling: str = "4:4:4") -> bytes:
    """Progressive JPEG with optimized tables; quality 1...100."""
    return _saved(pixels, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)


def encode_avif(pixels: Pixels, quality: int) -> bytes:
    """AVIF 4:4:4, quality 0...100."""
    return _saved(pixels, "AVIF", quality=quality, subsampling="4:4:4", speed=AVIF_SPEED, max_threads=1)


def encode_jpeg_xl(pixels: Pixels, quality: int) -> bytes:
    """JPEG XL, lossy, quality 1...99."""
    return _saved(pixels, "JXL", quality=quality, effort=JPEG_XL_EFFORT, num_threads=1, lossless=False)


def decode(file: bytes) -> Pixels:
    """8-bit RGB pixels of a file of any of these codecs."""
    with Image.open(io.BytesIO(file)) as image:
        return np.asarray(image.convert("RGB"))


def jpeg_curve(pixels: Pixels) -> dict[str, list[RatePoint]]:
    """The better of both chroma formats at each size."""
    curves = [
        [
            _point(pixels, f"quality={quality} {subsampling}", encode_jpeg(pixels, quality, subsampling))
            for quality in JPEG_QUALITIES
        ]
        for subsampling in ("4:2:0", "4:4:4")
    ]
    return {"jpeg": _in_range(envelope(curves))}


def avif_curve(pixels: Pixels) -> dict[str, list[RatePoint]]:
    """AVIF 4:4:4."""
    points = (_point(pixels, f"quality={quality}", encode_avif(pixels, quality)) for quality in AVIF_QUALITIES)
    return {"avif": best_points(_in_range(points))}


def jpeg_xl_curve(pixels: Pixels) -> dict[str, list[RatePoint]]:
    """JPEG XL."""
    points = (_point(pixels, f"quality={quality}", encode_jpeg_xl(pixels, quality)) for quality in JPEG_XL_QUALITIES)
    return {"jpeg_xl": best_points(_in_range(points))}


def jpeg2000_curves(pixels: Pixels) -> dict[str, list[RatePoint]]:
    """Top level (the whole file), and the two levels below it, cut from the same files."""
    names = ("jpeg2000_level0", "jpeg2000_level1", "jpeg2000")
    curves: dict[str, list[RatePoint]] = {name: [] for name in names}
    for bits_per_pixel in JPEG2000_BPP:
        for name, file in zip(names, encode_three_layers(pixels, bits_per_pixel), strict=True):
            curves[name].append(_point(pixels, f"top at {bits_per_pixel} bpp", file))
    return {name: best_points(points) for name, points in curves.items()}


CURVES: Mapping[str, Callable[[Pixels], dict[str, list[RatePoint]]]] = MappingProxyType(
    {"jpeg2000": jpeg2000_curves, "jpeg": jpeg_curve, "avif": avif_curve, "jpeg_xl": jpeg_xl_curve}
)
"""What measures each codec on one picture; quick ones first."""


def kodak_pictures(names: Iterable[str] = ()) -> dict[str, Path]:
    """Paths of the development pictures, by name; all when none is named.

    Raises:
        FileNotFoundError: a name is not there; says which are.
    """
    found = {path.stem: path for path in sorted((data_folder() / "images" / "kodak").glob("*.png"))}
    if missing := [name for name in names if name not in found]:
        raise FileNotFoundError(f"no picture {', '.join(missing)}; there are {', '.join(found)}")
    return {name: found[name] for name in names} if names else found


def read_curves(picture: str) -> dict[str, list[RatePoint]]:
    """Measured curves of a picture; empty when it was not measured."""
    curves = read_figures(RESULT_NAME).get(picture, {})
    return {name: points_from_json(points) for name, points in curves.items()}


def measure_missing(pictures: Mapping[str, Path], codecs: Iterable[str]) -> None:
    """Measure what the result file lacks, saving after each picture."""
    codecs = list(codecs)
    for picture, path in pictures.items():
        known = read_figures(RESULT_NAME).get(picture, {})
        if not (missing := [codec for codec in codecs if codec not in known]):
            continue
        pixels = read_image(path).pixels
        curves: dict[str, Any] = {}
        for codec in missing:
            curves.update((name, points_to_json(points)) for name, points in CURVES[codec](pixels).items())
        add_figures(RESULT_NAME, SETTINGS, picture, curves)
        print(f"{picture}: {', '.join(missing)}", flush=True)


def _saved(pixels: Pixels, pillow_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format=pillow_format, **options)
    return file.getvalue()


def _point(pixels: Pixels, setting: str, file: bytes) -> RatePoint:
    return measured(setting, len(file), [pixels], [decode(file)])


def _in_range(points: Iterable[RatePoint]) -> list[RatePoint]:
    return [point for point in points if LOWEST_BPP <= point.bpp <= HIGHEST_BPP]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", nargs="*", default=[], help="names such as kodim08; all when left out")
    parser.add_argument("--codecs", nargs="*", default=list(CURVES), choices=list(CURVES))
    options = parser.parse_args()
    os.nice(19)
    measure_missing(kodak_pictures(options.pictures), options.codecs)


if __name__ == "__main__":
    main()
