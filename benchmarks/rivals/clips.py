# SPDX-License-Identifier: Apache-2.0
"""Clips enter; rate-quality curves of x264, x265 (default and low delay) and SVT-AV1 leave.

    python benchmarks/rivals/clips.py                     # what is missing of benchmarks/results/rivals_clips.json
    python benchmarks/rivals/clips.py --clips akiyo --codecs x265

Encoders get 4:2:0 of the same frames that Lamina gets; quality is measured against the RGB frames. They are tuned for
the eye by default, which costs them PSNR: read VMAF beside it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.result_files import add_figures, data_folder, read_figures
from benchmarks.rivals.curves import (
    RatePoint,
    measured_clip,
    points_from_json,
    points_to_json,
)
from benchmarks.rivals.ffmpeg_codecs import (
    VIDEO_CODECS,
    bits_by_type,
    decode_video,
    encode_video,
    source_color,
    write_source,
)

from lamina.data import Clip, open_clip

RESULT_NAME = "rivals_clips"

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "codecs": {name: " ".join(codec.options) for name, codec in VIDEO_CODECS.items()},
        "protocol": "bare streams, whole file; 8-bit RGB, whole frame, all frames; one thread",
    }
)


@dataclass(frozen=True, slots=True)
class ClipChoice:
    """Which frames of which file are coded."""

    file: str
    """Under ``clips/`` of the development data."""
    frame_count: int
    """From the first."""


CLIPS: Mapping[str, ClipChoice] = MappingProxyType(
    {
        "akiyo": ClipChoice("akiyo_cif.mp4", 60),
        "park_joy": ClipChoice("park_joy_480x270_10f.y4m", 10),
        "bunny_720p": ClipChoice("bunny_720p_lossless_32f.mkv", 32),
        "intel_person": ClipChoice("intel_person.mp4", 60),
    }
)


def open_choice(name: str) -> Clip:
    """One of `CLIPS`.

    Raises:
        FileNotFoundError: no development data.
    """
    choice = CLIPS[name]
    return open_clip(data_folder() / "clips" / choice.file, frame_range=(0, choice.frame_count))


def video_curve(clip: Clip, codec_name: str, crf: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Points of one encoder as JSON, each with its command, seconds and bits a frame by picture type."""
    codec = VIDEO_CODECS[codec_name]
    points = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.y4m"
        write_source(clip, source)
        for value in crf or codec.crf:
            coded = encode_video(source, codec, value, Path(folder))
            decoded = decode_video(coded.path, clip.width, clip.height, source_color(clip))
            point = measured_clip(f"crf={value}", coded.size_bytes, list(clip), list(decoded))
            facts = {"encode_s": round(coded.encode_s, 2), "frame_bits": bits_by_type(coded.path)}
            points.append({**points_to_json([point])[0], **facts, "command": coded.command})
    return points


def read_clip_curves(clip: str) -> dict[str, list[RatePoint]]:
    """Measured curves of a clip; empty when it was not measured."""
    curves = read_figures(RESULT_NAME).get(clip, {})
    return {name: points_from_json(points) for name, points in curves.items()}


def measure_missing(clips: Iterable[str], codecs: Iterable[str]) -> None:
    """Measure what the result file lacks, saving after each curve."""
    codecs = list(codecs)
    for name in clips:
        for codec in codecs:
            if codec not in read_figures(RESULT_NAME).get(name, {}):
                add_figures(RESULT_NAME, SETTINGS, name, {codec: video_curve(open_choice(name), codec)})
                print(f"{name}: {codec}", flush=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="*", default=list(CLIPS), choices=list(CLIPS))
    parser.add_argument("--codecs", nargs="*", default=list(VIDEO_CODECS), choices=list(VIDEO_CODECS))
    options = parser.parse_args()
    os.nice(19)
    measure_missing(options.clips, options.codecs)


if __name__ == "__main__":
    main()
