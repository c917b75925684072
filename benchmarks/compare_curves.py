# SPDX-License-Identifier: Apache-2.0
"""Measured curves of Lamina and of its rivals enter, the figures that people ask for leave: BD-rates, gains, means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmarks.rivals.curves import RatePoint, points_from_json, quality_at, quality_of

from lamina.errors import SignalError
from lamina.metrics import bd_rate

Figures = Mapping[str, Mapping[str, Any]]
"""Of a result file: subject -> target -> what `measure_lamina` found."""

STILL_RIVALS = ("jpeg2000", "jpeg", "avif", "jpeg_xl")
CLIP_RIVALS = ("x264", "x264_low_delay", "x265", "x265_low_delay", "svt_av1")

COMPARED_BPP = (0.15, 0.75)
"""Targets within count to the BD-rates of stills: 0.19 to 0.66 bits per pixel."""


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """One target, mean over all subjects that were coded at it."""

    target: str
    count: int
    """Subjects."""
    encode_s: float
    decode_ms: float
    """Top level; for clips per frame."""
    levels: tuple[Mapping[str, float], ...]
    """Mean bytes, bpp, psnr, ssim, ms_ssim (and vmaf) of each level, base first."""


def target_summaries(figures: Figures) -> list[TargetSummary]:
    """Means at each target, smallest first."""
    targets = sorted({target for results in figures.values() for target in results}, key=_target_order)
    return [
        _summary_of(target, [results[target] for results in figures.values() if target in results])
        for target in targets
    ]


def level_curves(results: Mapping[str, Any], limits_bpp: tuple[float, float] | None = None) -> list[list[RatePoint]]:
    """A subject's curve of each level over its ``bpp=`` targets, base first."""
    wanted = [target for target in sorted(results, key=_target_order) if _in_limits(target, limits_bpp)]
    files = [points_from_json(results[target]["levels"]) for target in wanted]
    count = min((len(file) for file in files), default=0)
    return [sorted((file[level] for file in files), key=lambda point: point.bytes) for level in range(count)]


def bd_rates(
    subject_results: Mapping[str, Any],
    rivals: Mapping[str, Sequence[RatePoint]],
    limits_bpp: tuple[float, float] | None = COMPARED_BPP,
    metric: str = "psnr",
) -> dict[str, float]:
    """Rate of the top level against each rival at equal quality, percent; negative: Lamina needs less.

    Rivals that share no quality with Lamina are left out. Quality is `quality_of`.
    """
    curves = level_curves(subject_results, limits_bpp)
    found = {name: _bd_rate(curve, curves[-1], metric) for name, curve in rivals.items()} if curves else {}
    return {name: value for name, value in found.items() if value is not None}


def mean_bd_rates(per_subject: Iterable[Mapping[str, float]]) -> dict[str, tuple[float, int]]:
    """Mean over the subjects that have a figure, and how many those are."""
    collected: dict[str, list[float]] = {}
    for rates in per_subject:
        for name, value in rates.items():
            collected.setdefault(name, []).append(value)
    return {name: (fmean(values), len(values)) for name, values in collected.items()}


def level_gains_db(
    figures: Figures, rivals: Mapping[str, Sequence[RatePoint]], metric: str = "psnr"
) -> dict[str, list[float]]:
    """DB of each level over a rival's curve (by subject) at the level's own bytes, mean over subjects, by target."""
    gains: dict[str, dict[int, list[float]]] = {}
    for subject, results in figures.items():
        for target, result in results.items():
            for level, point in enumerate(points_from_json(result["levels"])):
                rival = quality_at(rivals.get(subject, ()), point.bytes, metric)
                if rival is not None:
                    gain = quality_of(point, metric) - rival
                    gains.setdefault(target, {}).setdefault(level, []).append(gain)
    return {target: [fmean(by_level[level]) for level in sorted(by_level)] for target, by_level in gains.items()}


def scalability_costs(layered: Figures, single: Figures) -> dict[str, float]:
    """What layers cost, by subject: the levels of all its files against single-layer files, BD-rate in percent.

    The curve of one layered file is its levels' points; the mean over the files of a subject is given.
    """
    costs: dict[str, float] = {}
    for subject in layered.keys() & single.keys():
        anchor = level_curves(single[subject])
        files = [
            points_from_json(result["levels"]) for target, result in layered[subject].items() if target[:3] == "bpp"
        ]
        found = [_bd_rate(anchor[-1], file, "psnr") for file in files] if anchor else []
        if known := [value for value in found if value is not None]:
            costs[subject] = fmean(known)
    return dict(sorted(costs.items()))


def known_bd_rate(anchor: Sequence[tuple[float, float]], test: Sequence[tuple[float, float]]) -> float | None:
    """BD-rate of two curves of (rate, quality); None where they are too short or share no quality."""
    try:
        return bd_rate(rising(anchor), rising(test))
    except SignalError:
        return None


def rising(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """(rate, quality) by rate, without what a smaller file beats: interpolation needs curves that rise."""
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(points):
        if not kept or (quality > kept[-1][1] and rate > kept[-1][0]):
            kept.append((rate, quality))
    return kept


def _summary_of(target: str, results: Sequence[Mapping[str, Any]]) -> TargetSummary:
    level_count = min(len(result["levels"]) for result in results)
    levels = []
    for level in range(level_count):
        points = [result["levels"][level] for result in results]
        names = [name for name in ("bytes", "bpp", "psnr", "ssim", "ms_ssim", "vmaf") if name in points[0]]
        levels.append({name: fmean(point[name] for point in points) for name in names})
    tops = [result["levels"][-1] for result in results]
    decode_ms = [top["decode_ms"] if "decode_ms" in top else 1000 / top["decode_fps"] for top in tops]
    encode_s = fmean(result["encode_s"] for result in results)
    return TargetSummary(target, len(results), encode_s, fmean(decode_ms), tuple(levels))


def _bd_rate(anchor: Sequence[RatePoint], test: Sequence[RatePoint], metric: str) -> float | None:
    return known_bd_rate(_rates(anchor, metric), _rates(test, metric))


def _rates(points: Sequence[RatePoint], metric: str) -> list[tuple[float, float]]:
    return [(float(point.bytes), quality_of(point, metric)) for point in points]


def _target_order(target: str) -> tuple[str, float]:
    kind, value = target.split("=")
    return kind, float(value)


def _in_limits(target: str, limits_bpp: tuple[float, float] | None) -> bool:
    kind, value = _target_order(target)
    return kind == "bpp" and (limits_bpp is None or limits_bpp[0] <= value <= limits_bpp[1])
