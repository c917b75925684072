# SPDX-License-Identifier: Apache-2.0
"""A source and what a file decodes to enter, points of a rate-quality curve leave; curves as JSON and back.

Protocol (DESIGN.md, 5.10): whole files; 8-bit RGB pixels; whole frame; all frames; the quality of a clip is the mean
over its frames; 1 kB = 1000 bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lamina.metrics import finite_db, ms_ssim, psnr, ssim, vmaf

Pixels = UInt8[np.ndarray, "h w 3"]

SMALLEST_DISSIMILARITY = 1e-6
"""1 - SSIM of pictures that are as good as identical: 60 dB."""


@dataclass(frozen=True, slots=True)
class RatePoint:
    """One file: what it costs and what it is worth. The names are those of the JSON."""

    setting: str
    """What was asked of the encoder: ``quality=30``."""
    bytes: int
    """Whole file."""
    bpp: float
    """Bits per pixel, for clips per pixel and frame."""
    psnr: float
    """dB."""
    ssim: float
    ms_ssim: float
    vmaf: float | None = None
    """0...100; None for stills."""


def measured(setting: str, size_bytes: int, references: Iterable[Pixels], decoded: Iterable[Pixels]) -> RatePoint:
    """Measure one file, or one level of one, frame by frame.

    Raises:
        ValueError: the frames differ in number or size, or there are none.
    """
    scores: list[tuple[float, float, float]] = []
    pixel_count = 0
    for reference, frame in zip(references, decoded, strict=True):
        pixel_count += reference.shape[0] * reference.shape[1]
        scores.append((finite_db(psnr(reference, frame)), ssim(reference, frame), ms_ssim(reference, frame)))
    if not scores:
        raise ValueError(f"{setting}: no frames to measure")
    means = [round(float(mean), 5) for mean in np.mean(scores, axis=0)]
    return RatePoint(setting, size_bytes, round(8 * size_bytes / pixel_count, 6), *means)


def measured_clip(setting: str, size_bytes: int, references: Sequence[Pixels], decoded: Sequence[Pixels]) -> RatePoint:
    """`measured`, with VMAF."""
    point = measured(setting, size_bytes, references, decoded)
    return replace(point, vmaf=round(vmaf(references, decoded, threads=1).mean, 3))


def best_points(points: Iterable[RatePoint]) -> list[RatePoint]:
    """The points that no smaller or equal file beats in PSNR, smallest first: a curve that rises."""
    best: list[RatePoint] = []
    for point in sorted(points, key=lambda point: (point.bytes, -point.psnr)):
        if not best or point.psnr > best[-1].psnr:
            best.append(point)
    return best


def envelope(curves: Sequence[Sequence[RatePoint]]) -> list[RatePoint]:
    """The best of several settings at each size: points that lie under no other curve."""

    def is_best(point: RatePoint, own: int) -> bool:
        others = (quality_at(curve, point.bytes) for number, curve in enumerate(curves) if number != own)
        return all(other is None or point.psnr >= other for other in others)

    kept = (point for number, curve in enumerate(curves) for point in curve if is_best(point, number))
    return best_points(kept)


def quality_of(point: RatePoint, metric: str) -> float:
    """PSNR and VMAF as they are; SSIM and MS-SSIM in dB, -10 log10(1 - value), where differences are comparable."""
    value = getattr(point, metric)
    return value if metric in ("psnr", "vmaf") else float(-10 * np.log10(max(1 - value, SMALLEST_DISSIMILARITY)))


def quality_at(points: Sequence[RatePoint], size_bytes: float, metric: str = "psnr") -> float | None:
    """The curve's quality (`quality_of`) at a size, linear in log(bytes) between its points; None outside of them."""
    ordered = sorted(points, key=lambda point: point.bytes)
    if not ordered or not ordered[0].bytes <= size_bytes <= ordered[-1].bytes:
        return None
    rates = np.log([point.bytes for point in ordered])
    return float(np.interp(np.log(size_bytes), rates, [quality_of(point, metric) for point in ordered]))


def points_to_json(points: Iterable[RatePoint]) -> list[dict[str, Any]]:
    """Points as JSON objects, without what was not measured."""
    return [{name: value for name, value in asdict(point).items() if value is not None} for point in points]


def points_from_json(objects: Iterable[Mapping[str, Any]]) -> list[RatePoint]:
    """Opposite of `points_to_json`; facts that are no field of `RatePoint` are left out."""
    names = RatePoint.__slots__
    return [RatePoint(**{name: value[name] for name in names if name in value}) for value in objects]
