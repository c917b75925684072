# SPDX-License-Identifier: Apache-2.0
"""Talking heads: a head is learnt from the first part of a clip, the rest coded at several rates, decoded and compared.

In: a clip of a talking person. Out: benchmarks/results/head_<clip>_<side>.json, with x265 on the same frames beside it.

    python -m benchmarks.head CLIP --size 256x256 --learn 0:400 --frames 400:500 --kbps 3,2,1
    python -m benchmarks.head CLIP --size 512x512 --learn 0:400 --frames 400:500 --kbps 4 --preset fast
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from benchmarks.run_log import write_result

import lamina
from lamina.data import Clip, open_clip
from lamina.media.delivery import delivery_of
from lamina.metrics import find_ffmpeg, psnr, ssim

RIVAL_KBPS = (10.0, 20.0, 30.0, 60.0, 100.0)


class Clock:
    """Processor and wall seconds of a block."""

    def __enter__(self) -> Clock:
        self._began = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.cpu_s = time.monotonic() - self._began[0], time.process_time() - self._began[1]


def learnt(clip: Clip, path: Path, preset: str) -> dict[str, Any]:
    """The head alone."""
    with Clock() as clock:
        lamina.encode(clip, path, codec="head", preset=preset, model_only=True).close()
    with lamina.open(path) as media:
        delivery = delivery_of(media.stream)
        sizes = [level.once_bytes for level in delivery.levels] if delivery is not None else []
    return {"model_bytes": sizes, "cpu_s": clock.cpu_s, "wall_s": clock.wall_s, "frames": clip.frame_count}


def coded(clip: Clip, model: Path, path: Path, kbps: float, preset: str) -> dict[str, Any]:
    """A clip of the same person at a rate: bytes of frames, quality of each level, times."""
    with Clock() as coding:
        lamina.encode(clip, path, codec="head", preset=preset, model=model, bits_per_second=1000 * kbps).close()
    with lamina.open(path) as media, Clock() as decoding:
        for _ in media.frames():
            continue
    with lamina.open(path) as media:
        levels = list(lamina.compare(media, clip))
        delivery = delivery_of(media.stream)
        once = [level.once_bytes for level in delivery.levels] if delivery is not None else []
        seconds = float(media.frame_count / clip.frames_per_second)
    return {
        "kbps": [8e-3 * (level.bytes - sent) / seconds for level, sent in zip(levels, once, strict=True)],
        "psnr": [level.psnr for level in levels],
        "ssim": [level.ssim for level in levels],
        "coding_cpu_s_per_frame": coding.cpu_s / (clip.frame_count or 1),
        "decoding_cpu_s_per_frame": decoding.cpu_s / (clip.frame_count or 1),
    }


def x265(frames: Sequence[np.ndarray], rate: float, kbps: float) -> dict[str, float]:
    """x265 with zero latency on the same frames; bits of the elementary stream."""
    ffmpeg, (height, width) = find_ffmpeg("libx265"), frames[0].shape[:2]
    raw = b"".join(frame.tobytes() for frame in frames)
    size = f"{width}x{height}"
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-r", f"{rate:g}", "-i", "-"]
    coder = ["-pix_fmt", "yuv420p", "-c:v", "libx265", "-preset", "medium", "-tune", "zerolatency"]
    coder += ["-x265-params", "bframes=0:log-level=error", "-b:v", f"{kbps}k", "-f", "hevc", "-"]
    quiet = [str(ffmpeg), "-v", "error"]
    stream = subprocess.run([*quiet, *source, *coder], input=raw, capture_output=True, check=True).stdout
    back = [*quiet, "-f", "hevc", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(back, input=stream, capture_output=True, check=True).stdout
    shown = np.frombuffer(decoded, np.uint8).reshape(-1, height, width, 3)
    pairs = list(zip(frames, shown, strict=False))
    return {
        "kbps": 8e-3 * len(stream) * rate / len(frames),
        "psnr": fmean(psnr(one, other) for one, other in pairs),
        "ssim": fmean(ssim(one, np.ascontiguousarray(other)) for one, other in pairs),
    }


def span(text: str) -> tuple[int, int]:
    """``0:400`` -> (0, 400)."""
    start, stop = (int(number) for number in text.split(":"))
    return start, stop


def main() -> None:
    """Learn, code, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--learn", type=span, required=True, help="frames to learn from, A:B")
    parser.add_argument("--frames", type=span, required=True, help="frames to code, A:B")
    parser.add_argument("--kbps", default="3")
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    clip = open_clip(options.clip).reduced(width, height)
    part = clip.cut(*options.frames)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.lam"
        figures: dict[str, Any] = {"learning": learnt(clip.cut(*options.learn), model, options.preset)}
        for kbps in options.kbps.split(","):
            figures[f"{kbps} kbit/s"] = coded(part, model, Path(folder) / "part.lam", float(kbps), options.preset)
    frames = list(part.frames())
    figures["x265"] = [x265(frames, float(clip.frames_per_second), kbps) for kbps in RIVAL_KBPS]
    settings = {"clip": options.clip.name, "size": options.size, "preset": options.preset}
    settings |= {"learn": options.learn, "frames": options.frames, "threads": torch.get_num_threads()}
    print(write_result(f"head_{options.clip.stem}_{width}_{options.preset}", settings, figures))


if __name__ == "__main__":
    main()
