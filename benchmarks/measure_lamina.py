# SPDX-License-Identifier: Apache-2.0
"""A picture or clip and a target enter; a Lamina file is written, and each level is measured from the file cut there.

What leaves is JSON: the points of all levels with their bytes, quality, splats and seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rivals.curves import Pixels, measured, measured_clip, points_to_json

import lamina
from lamina.bitstream import cut_to_level, pack_stream
from lamina.codecs.planar.config import Scalability
from lamina.data import Clip, clip_from_frames
from lamina.units import HEADER_LAYER

DECODE_REPEATS = 5
"""The median of so many decodes is reported, after one that loads the kernels."""


@dataclass(frozen=True, slots=True)
class Target:
    """What an encode should cost."""

    bits_per_pixel: float | None = None
    splats: int | None = None

    def __str__(self) -> str:
        return f"bpp={self.bits_per_pixel:g}" if self.bits_per_pixel is not None else f"splats={self.splats}"


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """What is the same for all encodes of a run."""

    preset: str = "default"
    layers: int | None = None
    """None: the preset's."""
    scalability: Scalability = "quality"

    def encode(self, source: Pixels | Clip, path: Path, target: Target) -> dict[str, float]:
        """Write a file; seconds that it took on the clock and on all cores, everything but reading the source counted.

        On a machine that does other work at the same time the second is the one to trust.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        signal = clip_from_frames(list(source), source.frames_per_second) if isinstance(source, Clip) else source
        started, started_cpu = time.perf_counter(), time.process_time()
        media = lamina.encode(
            signal,
            path,
            preset=self.preset,
            bits_per_pixel=target.bits_per_pixel,
            splats=target.splats,
            layers=self.layers,
            scalability=self.scalability,
        )
        elapsed_s, cpu_s = time.perf_counter() - started, time.process_time() - started_cpu
        media.close()
        return {"encode_s": round(elapsed_s, 2), "encode_cpu_s": round(cpu_s, 2)}


def measure_still(pixels: Pixels, settings: EncoderSettings, target: Target, path: Path) -> dict[str, Any]:
    """Encode a picture and measure every level of the file."""
    seconds = settings.encode(pixels, path, target)
    levels = []
    for level, file in level_files(path):
        with lamina.open(file) as media:
            decoded = media.decode(size=_full_size(media))
            point = measured(str(target), len(file), [pixels], [decoded])
            facts = {"splats": len(media.model().gaussians), "decode_ms": round(_decode_ms(file), 2)}
        levels.append({"level": level, **points_to_json([point])[0], **facts})
    return {**seconds, "levels": levels}


def measure_clip(clip: Clip, settings: EncoderSettings, target: Target, path: Path) -> dict[str, Any]:
    """Encode a clip and measure every level of the file."""
    references = list(clip)
    seconds = settings.encode(clip, path, target)
    levels = []
    for level, file in level_files(path):
        with lamina.open(file) as media:
            decoded = list(media.frames(size=_full_size(media)))
            point = measured_clip(str(target), len(file), references, decoded)
            facts = {"frame_bits": frame_bits(media), "decode_fps": round(_decode_fps(file), 1)}
        levels.append({"level": level, **points_to_json([point])[0], **facts})
    per_frame = {f"{name}_per_frame": round(value / len(references), 3) for name, value in seconds.items()}
    return {**seconds, **per_frame, "frame_count": len(references), "levels": levels}


def level_files(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file as it is sent to each level, base first; the last is the whole file, byte for byte.

    Raises:
        BitstreamError: the file is damaged.
    """
    whole = path.read_bytes()
    with lamina.open(whole) as media:
        stream = media.stream
        for level in range(stream.level_count - 1):
            yield level, pack_stream(stream.facts, cut_to_level(stream, level))
        yield stream.level_count - 1, whole


def frame_bits(media: lamina.Media) -> dict[str, dict[str, float]]:
    """Frames, mean bits a frame and bits a splat of key frames (I, with the headers of their group) and others (P)."""
    first_of_group: dict[int, int] = {}
    for group, layer, frame in (entry.key for entry in media.stream.entries):
        if layer != HEADER_LAYER:
            first_of_group[group] = min(frame, first_of_group.get(group, frame))
    bits: dict[int, int] = {}
    for entry in media.stream.entries:
        frame = max(entry.key.frame, first_of_group.get(entry.key.group, 0))
        bits[frame] = bits.get(frame, 0) + 8 * entry.length
    splats = {model.frame: len(model.gaussians) for model in media.models()}
    by_type: dict[str, list[int]] = {}
    for frame in sorted(bits):
        by_type.setdefault("I" if frame in first_of_group.values() else "P", []).append(frame)
    return {
        kind: {
            "frames": len(frames),
            "bits_per_frame": round(sum(bits[frame] for frame in frames) / len(frames), 1),
            "splats_per_frame": round(sum(splats[frame] for frame in frames) / len(frames), 1),
            "bits_per_splat": round(sum(bits[f] for f in frames) / max(sum(splats[f] for f in frames), 1), 3),
        }
        for kind, frames in by_type.items()
    }


def _full_size(media: lamina.Media) -> tuple[int, int]:
    """Lower levels of resolution scalability are measured at full size, as the others are."""
    return media.info.width, media.info.height


def _decode_ms(file: bytes) -> float:
    """Median milliseconds from bytes to 8-bit pixels, kernels loaded."""
    times_s = []
    for _ in range(DECODE_REPEATS + 1):
        started = time.perf_counter()
        with lamina.open(file) as media:
            media.decode()
        times_s.append(time.perf_counter() - started)
    return 1000 * statistics.median(times_s[1:])


def _decode_fps(file: bytes) -> float:
    """Frames a second from bytes to 8-bit pixels, kernels loaded."""
    started = time.perf_counter()
    with lamina.open(file) as media:
        count = sum(1 for _ in media.frames())
    return count / (time.perf_counter() - started)
