# SPDX-License-Identifier: Apache-2.0
"""Clips of talking people enter; points of x265, SVT-AV1 and VVenC at a few kilobits a second leave.

Encoders are asked for a rate, not a quality. What a stream takes is what its bare file has: at 1 kbit/s the frames of
a container would count for more than what they hold.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Any

from benchmarks.rivals.ffmpeg_codecs import (
    VideoCodec,
    decode_video,
    encode_at_rate,
    source_color,
    write_source,
)

from lamina.data import Clip
from lamina.metrics import psnr, ssim

X265 = "info=0:pools=none:frame-threads=1:log-level=error:bframes=0"

LOW_RATE_CODECS: Mapping[str, VideoCodec] = MappingProxyType(
    {
        "x265 as in the paper": VideoCodec(".265", ("-c:v", "libx265", "-x265-params", X265), ()),
        "x265 zerolatency": VideoCodec(
            ".265", ("-c:v", "libx265", "-tune", "zerolatency", "-x265-params", X265), ()
        ),
        "SVT-AV1": VideoCodec(".obu", ("-c:v", "libsvtav1", "-preset", "6", "-svtav1-params", "lp=1"), ()),
        "VVenC": VideoCodec(".266", ("-c:v", "libvvenc", "-preset", "fast", "-threads", "1"), ()),
    }
)  # fmt: skip
"""The paper's command is `-x265-params bframes=0 -b:v`, which looks ahead; zerolatency does not. SVT-AV1 and VVenC
look ahead and back: they are no rivals for a call, but the best that is known for files."""


def low_rate_points(clip: Clip, name: str, rates_kbps: Iterable[float]) -> list[dict[str, Any]]:
    """What an encoder makes of a clip at each rate that it can be asked for."""
    codec, points = LOW_RATE_CODECS[name], []
    frames = list(clip.frames())
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.y4m"
        write_source(clip, source)
        for asked in rates_kbps:
            coded = encode_at_rate(source, codec, asked, Path(folder))
            shown = list(decode_video(coded.path, clip.width, clip.height, source_color(clip)))
            if len(shown) != len(frames):
                raise ValueError(f"{name} at {asked} kbit/s: {len(shown)} frames came back of {len(frames)}")
            points.append(
                {
                    "asked_kbps": asked,
                    "kbps": 8e-3 * coded.size_bytes * float(clip.frames_per_second) / len(frames),
                    "psnr": fmean(psnr(one, other) for one, other in zip(frames, shown, strict=True)),
                    "ssim": fmean(ssim(one, other) for one, other in zip(frames, shown, strict=True)),
                    "encode_s": round(coded.encode_s, 2),
                    "command": coded.command,
                }
            )
    return points
