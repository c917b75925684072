# SPDX-License-Identifier: Apache-2.0
r"""Talking heads: a head is learnt from one part of a clip, another coded at several rates, decoded and compared.

In: a clip of a talking person. Out: benchmarks/results/head_<clip>_<side>.json, one subject a variant.

    python -m benchmarks.head CLIP --size 256x256 --learn 0:400 --frames 400:500 --scales 1,2,4
    python -m benchmarks.head CLIP --size 256x256 --learn 0:400 --frames 400:500 --preset paper --bits 8
    python -m benchmarks.head CLIP --size 256x256 --learn 0:400 --frames 400:500 --name 'dimensions 30' \
        --set motion.dimensions=30 learning.steps=3000
    python -m benchmarks.head CLIP --size 256x256 --frames 400:500 --rivals

A head is learnt once for a variant; the frames are coded once for each of `--scales` (of all steps) or `--kbps`.
"""

from __future__ import annotations

import argparse
import ast
import tempfile
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks.result_files import add_figures
from benchmarks.rivals.low_rates import LOW_RATE_CODECS, low_rate_points

import lamina
from lamina.codecs.head import CODEC
from lamina.codecs.head.networked.syntax import NetworkHead
from lamina.codecs.head.syntax import HeadFacts, LayerHead
from lamina.data import Clip, open_clip
from lamina.media.delivery import delivery_of
from lamina.units import STREAM_GROUP, STREAM_HEADER, Unit

RIVAL_KBPS = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0, 100.0)


class Clock:
    """Processor and wall seconds of a block."""

    def __enter__(self) -> Clock:
        self._began = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.cpu_s = time.monotonic() - self._began[0], time.process_time() - self._began[1]


def learnt(clip: Clip, path: Path, preset: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The head alone: what is sent once at each level, by part, and what learning took."""
    with Clock() as clock:
        lamina.encode(clip, path, codec="head", preset=preset, model_only=True, **fields).close()
    return {**sent_once(path), "cpu_s": clock.cpu_s, "wall_s": clock.wall_s, "frames": clip.frame_count}


def sent_once(path: Path) -> dict[str, Any]:
    """Bytes of the head at each level, and of each part."""
    with lamina.open(path) as media:
        units = [unit for unit in media.stream.units() if unit.key.group == STREAM_GROUP]
        delivery = delivery_of(media.stream)
    header = next(unit.payload for unit in units if unit.key == STREAM_HEADER)
    parts: dict[str, int] = {}
    for unit in units:
        for name, size in CODEC.breakdown(header, unit).items():
            parts[name] = parts.get(name, 0) + size
    sizes = [level.once_bytes for level in delivery.levels] if delivery is not None else []
    return {"model_bytes": sizes, "parts_bytes": parts, **inflated(header, units)}


def inflated(header: bytes, units: Sequence[Unit]) -> dict[str, Any]:
    """Of the paper's head: bytes of both sections before they were deflated."""
    if not HeadFacts.unpack_whole(header).has_network:
        return {}
    payload = next(unit.payload for unit in units if unit.key.layer == 0)
    network = NetworkHead.unpack(payload, LayerHead.unpack(payload)[1])[0]
    if not network.network_deflated:
        return {}
    sections = {"on the head": network.attributes, "network": network.network}
    return {"inflated_bytes": {name: len(zlib.decompress(data)) for name, data in sections.items()}}


def coded(clip: Clip, model: Path, path: Path, preset: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A clip of the same person: bytes of frames, quality of each level, times."""
    with Clock() as coding:
        lamina.encode(clip, path, codec="head", preset=preset, model=model, **fields).close()
    with lamina.open(path) as media, Clock() as decoding:
        shown = sum(1 for _ in media.frames())
    with lamina.open(path) as media:
        levels = list(lamina.compare(media, clip))
        delivery = delivery_of(media.stream)
        once = [level.once_bytes for level in delivery.levels] if delivery is not None else []
    seconds = float(shown / clip.frames_per_second)
    return {
        "kbps": [8e-3 * (level.bytes - sent) / seconds for level, sent in zip(levels, once, strict=True)],
        "psnr": [level.psnr for level in levels],
        "ssim": [level.ssim for level in levels],
        "coding_cpu_s_per_frame": coding.cpu_s / shown,
        "showing_cpu_s_per_frame": decoding.cpu_s / shown,
    }


def measured(clip: Clip, options: argparse.Namespace) -> dict[str, Any]:
    """A variant: its head, then its frames at each rate."""
    fields, points = dict(options.set or ()), {}
    part = clip.cut(*options.frames)
    scale = fields.pop("motion.scale", 1.0)
    with tempfile.TemporaryDirectory() as folder:
        model, path = Path(folder) / "model.lam", Path(folder) / "part.lam"
        head = learnt(clip.cut(*options.learn), model, options.preset, fields)
        print(head, flush=True)
        for kbps in numbers(options.kbps):
            points[f"{kbps:g} kbit/s"] = coded(
                part, model, path, options.preset, {**fields, "bits_per_second": 1000 * kbps}
            )
            path.unlink()
        for factor in numbers(options.scales):
            own = {**fields, "motion.scale": scale * factor}
            points[f"steps x {factor:g}"] = coded(part, model, path, options.preset, own)
            print(points, flush=True)
            path.unlink()
        for bits in numbers(options.bits):
            own = {**fields, "network.parameter_bits": int(bits)}
            points[f"{bits:g} bits"] = coded(part, model, path, options.preset, own)
            path.unlink()
    return {"learning": head, "points": points, "preset": options.preset, "fields": fields}


def numbers(text: str) -> list[float]:
    """``3,2`` -> [3.0, 2.0]."""
    return [float(word) for word in text.split(",") if word]


def span(text: str) -> tuple[int, int]:
    """``0:400`` -> (0, 400)."""
    start, stop = (int(number) for number in text.split(":"))
    return start, stop


def field(text: str) -> tuple[str, Any]:
    """``motion.dimensions=30`` -> its name and value."""
    name, value = text.split("=", 1)
    return name, ast.literal_eval(value)


def main() -> None:
    """Learn, code, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--size", default="256x256")
    parser.add_argument("--learn", type=span, default=(0, 400), help="frames to learn from, A:B")
    parser.add_argument("--frames", type=span, required=True, help="frames to code, A:B")
    parser.add_argument("--kbps", default="", help="rates, kbit/s")
    parser.add_argument("--scales", default="1", help="factors of all steps")
    parser.add_argument("--bits", default="", help="of a parameter, in the paper's method")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--name", help="of the variant in the result; else the preset's")
    parser.add_argument("--set", type=field, nargs="*", help="fields of the configuration, NAME=VALUE")
    parser.add_argument("--rivals", nargs="*", choices=list(LOW_RATE_CODECS), help="other encoders, and no head")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    clip = open_clip(options.clip).reduced(width, height)
    name = f"head_{options.clip.stem}_{width}"
    settings = {"clip": options.clip.name, "size": options.size, "learn": options.learn, "frames": options.frames}
    settings |= {"threads": torch.get_num_threads(), "protocol": "decoded from files, 8-bit RGB, whole frame"}
    if options.rivals is not None:
        for rival in options.rivals or LOW_RATE_CODECS:
            points = low_rate_points(clip.cut(*options.frames), rival, RIVAL_KBPS)
            add_figures(name, settings, "rivals", {rival: points})
            print(rival, [(round(point["kbps"], 1), round(point["psnr"], 2)) for point in points], flush=True)
        return
    add_figures(name, settings, options.name or options.preset, measured(clip, options))


if __name__ == "__main__":
    main()
