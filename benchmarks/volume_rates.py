# SPDX-License-Identifier: Apache-2.0
"""Volumetric video, ways to code it side by side: whole files at several lambdas, each level's bytes and quality.

In: a timed capture with masks (panoptic_basketball of the data manifest). Out: benchmarks/results/volume_rates.json, of
each way a point a lambda; runs stop and go on.

    python -m benchmarks.volume_rates CAPTURE --hold-out 6,13,18,25 --variant default,unmoved,all_intra
    python -m benchmarks.volume_rates CAPTURE --hold-out 6,13,18,25 --variant paper --lambdas .01,.03,.1
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from benchmarks.result_files import add_figures, read_figures
from benchmarks.volume import PROTOCOL, VARIANTS

import lamina
from lamina.codecs.volume.config import PRESETS, VolumeConfig
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.media.comparison import LevelQuality, compare
from lamina.units import HEADER_LAYER, STREAM_GROUP

RESULT = "volume_rates"


def point(capture: TimedCapture, config: VolumeConfig, path: Path) -> dict[str, Any]:
    """One encode: bytes and quality of each level, over all frames and over those that are no keys."""
    start = time.process_time()
    lamina.encode(capture, path, codec="volume", config=config).close()
    spent = time.process_time() - start
    with lamina.open(path) as media:
        sizes = [[0] * media.level_count for _ in range(media.frame_count)]
        for entry in media.stream.entries:
            if entry.key.group != STREAM_GROUP:
                sizes[entry.key.frame][0 if entry.key.layer == HEADER_LAYER else entry.key.layer] += entry.length
        levels = [level_point(level) for level in compare(media, capture, over="black")]
        count = media.frame_count
    return {
        "rate_weight": config.rate_weight,
        "levels": levels,
        "frame_sizes": sizes,
        "cpu_s_a_frame": spent / count,
    }


def level_point(level: LevelQuality) -> dict[str, Any]:
    """Of one level, up to which everything is decoded."""
    assert level.over_time is not None
    frames = level.over_time.frames
    corrected = [frame.corrected_psnr for frame in frames if frame.corrected_psnr is not None]
    return {
        "frame_bytes": level.bytes / len(frames),
        "psnr": fmean(frame.psnr for frame in frames),
        "corrected_psnr": fmean(corrected) if corrected else None,
        "frame_psnr": [round(frame.psnr, 3) for frame in frames],
        "frame_corrected_psnr": [round(number, 3) for number in corrected],
    }


def measure(options: argparse.Namespace, capture: TimedCapture, variant: str, weight: float) -> None:
    """One point, kept at once; what is known is not measured again."""
    name = f"{weight:g}"
    if not options.again and name in read_figures(RESULT).get(variant, {}):
        return
    preset, change = VARIANTS[variant]
    config = replace(change(PRESETS[preset]), rate_weight=weight)
    with tempfile.TemporaryDirectory() as folder:
        found = point(capture, config, Path(folder) / "play.lam")
    settings = {"capture": capture.name, "frames": options.frames, "scale": str(options.scale)}
    settings |= {"hold_out": options.hold_out, "protocol": PROTOCOL, "threads": torch.get_num_threads()}
    add_figures(RESULT, settings, variant, {name: found})
    top = found["levels"][-1]
    print(f"{variant} {weight:g}: {top['frame_bytes']:.0f} bytes a frame, {top['psnr']:.2f} dB", flush=True)


def main() -> None:
    """Measure each variant at each lambda."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--frames", default="0:12")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--hold-out", default="", help="names of the views that are measured on, with commas")
    parser.add_argument("--variant", default="default", help=f"of {', '.join(VARIANTS)}; several with commas")
    parser.add_argument("--lambdas", default=".003,.008,.02")
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    options = parser.parse_args()
    start, stop = (int(number) for number in options.frames.split(":"))
    capture = read_timed_capture(options.capture, scale=options.scale).cut(start, stop)
    if options.hold_out:
        capture = capture.held_out(options.hold_out.split(","))
    for variant in options.variant.split(","):
        for word in options.lambdas.split(","):
            measure(options, capture, variant, float(word))


if __name__ == "__main__":
    main()
