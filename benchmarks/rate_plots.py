# SPDX-License-Identifier: Apache-2.0
"""Figures of result files enter, rate-quality plots leave as SVG; a plot without figures is left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from benchmarks.compare_curves import CLIP_RIVALS, STILL_RIVALS, Figures, level_curves
from benchmarks.result_files import read_figures
from benchmarks.rivals import clips, stills
from benchmarks.rivals.curves import RatePoint, points_from_json, quality_at, quality_of
from benchmarks.summary_tables import NAMES
from benchmarks.svg_plot import Curve, Panel, draw

STILL_RATES_BPP = (0.03, 1.0)
"""Where mean curves of pictures are drawn."""
MEAN_CURVE_POINTS = 25
LAMINA_WIDTH = 2.4
"""Our lines are a little wider than the others."""
METRICS: Mapping[str, str] = {"psnr": "PSNR, dB", "ms_ssim": "MS-SSIM, dB: -10 log(1 - x)", "vmaf": "VMAF"}

RivalCurves = Mapping[str, Sequence[RatePoint]]


def still_plots() -> dict[str, str]:
    """Plots about pictures: their mean, and each of them."""
    layered = read_figures("stills_default")
    rivals = {picture: stills.read_curves(picture) for picture in read_figures(stills.RESULT_NAME)}
    if not rivals:
        return {}
    means = [_mean_panel(layered, rivals, metric) for metric in ("psnr", "ms_ssim")]
    each = [
        _subject_panel(picture, layered.get(picture, {}), curves, STILL_RIVALS, "psnr", STILL_RATES_BPP)
        for picture, curves in sorted(rivals.items())
    ]
    plots = {"stills_mean": draw(means, 2), "stills_each": draw(each, 4)}
    if single := read_figures("stills_default_single"):
        pictures = sorted(layered.keys() & single.keys())
        panels = [_scalability_panel(picture, layered[picture], single[picture]) for picture in pictures]
        plots["stills_scalability"] = draw(panels, 4)
    return plots


def clip_plots() -> dict[str, str]:
    """Plots about clips: PSNR and VMAF of each."""
    layered = read_figures("clips_default")
    names = [name for name in clips.CLIPS if name in read_figures(clips.RESULT_NAME)]
    if not names:
        return {}
    panels = [
        _subject_panel(name, layered.get(name, {}), clips.read_clip_curves(name), CLIP_RIVALS, metric, None)
        for metric in ("psnr", "vmaf")
        for name in names
    ]
    return {"clips_each": draw(panels, len(names))}


def _mean_panel(layered: Figures, rivals: Mapping[str, RivalCurves], metric: str) -> Panel:
    """Mean over pictures: of rivals at equal bits per pixel, of Lamina at each target."""
    rates = np.geomspace(*STILL_RATES_BPP, MEAN_CURVE_POINTS)
    curves = [
        Curve(name, NAMES[name], points, has_markers=False)
        for name in STILL_RIVALS
        if len(points := _mean_curve([found.get(name, []) for found in rivals.values()], rates, metric)) > 1
    ]
    files = _mean_levels(layered, metric)
    for levels in files:
        curves.append(Curve("lamina_levels", "Lamina, levels of one file", levels, is_dashed=True, width=1.2))
    if files:
        curves.append(Curve("lamina", "Lamina, top level", [levels[-1] for levels in files], width=LAMINA_WIDTH))
    return Panel(f"Mean of {len(rivals)} Kodak pictures", "bits per pixel", METRICS[metric], curves)


def _mean_levels(layered: Figures, metric: str) -> list[list[tuple[float, float]]]:
    """For each target that all pictures were coded at, mean rate and quality of each level."""
    targets = set.intersection(*(set(results) for results in layered.values())) if layered else set()
    means = []
    for target in sorted(target for target in targets if target.startswith("bpp=")):
        files = [points_from_json(results[target]["levels"]) for results in layered.values()]
        by_level = zip(*files, strict=True)
        means.append(
            [(fmean(p.bpp for p in points), fmean(quality_of(p, metric) for p in points)) for points in by_level]
        )
    return means


def _mean_curve(
    found: Sequence[Sequence[RatePoint]], rates: Sequence[float] | Any, metric: str
) -> list[tuple[float, float]]:
    """Mean quality at each rate that all pictures' curves reach."""
    means = []
    for rate in rates:
        values = [_quality_at_bpp(points, float(rate), metric) for points in found]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            means.append((float(rate), fmean(known)))
    return means


def _quality_at_bpp(points: Sequence[RatePoint], bpp: float, metric: str) -> float | None:
    return quality_at(points, bpp * points[0].bytes / points[0].bpp, metric) if points else None


def _subject_panel(
    name: str,
    results: Mapping[str, Any],
    rivals: RivalCurves,
    rival_names: Sequence[str],
    metric: str,
    limits_bpp: tuple[float, float] | None,
) -> Panel:
    """One picture or clip: rivals, the levels of each Lamina file, and its top levels."""

    def shown(points: Sequence[RatePoint]) -> list[tuple[float, float]]:
        low, high = limits_bpp or (0.0, float("inf"))
        return [(point.bpp, quality_of(point, metric)) for point in points if low <= point.bpp <= high]

    curves = [
        Curve(rival, NAMES[rival], shown(rivals[rival]), is_dashed=rival.endswith("low_delay"), has_markers=False)
        for rival in rival_names
        if shown(rivals.get(rival, []))
    ]
    curves += _lamina_curves(results, shown)
    return Panel(name, "bits per pixel", METRICS[metric], curves)


def _lamina_curves(
    results: Mapping[str, Any], shown: Callable[[Sequence[RatePoint]], list[tuple[float, float]]]
) -> list[Curve]:
    curves = []
    for target, result in results.items():
        levels = shown(points_from_json(result["levels"]))
        if target.startswith("bpp=") and levels:
            curves.append(Curve("lamina_levels", "Lamina, levels of one file", levels, is_dashed=True, width=1.2))
    if tops := level_curves(results):
        curves.append(Curve("lamina", "Lamina, top level", shown(tops[-1]), width=LAMINA_WIDTH))
    return [curve for curve in curves if curve.points]


def _scalability_panel(picture: str, layered: Mapping[str, Any], single: Mapping[str, Any]) -> Panel:
    """Levels of layered files against files of one layer."""

    def shown(points: Sequence[RatePoint]) -> list[tuple[float, float]]:
        return [(point.bpp, point.psnr) for point in points]

    alone = level_curves(single)
    curves = [Curve("lamina_single", "Lamina, one layer", shown(alone[-1]))] if alone else []
    return Panel(picture, "bits per pixel", METRICS["psnr"], [*curves, *_lamina_curves(layered, shown)])
