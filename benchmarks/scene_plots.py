# SPDX-License-Identifier: Apache-2.0
"""Figures of scenes enter, rate-quality plots of each capture leave as SVG; without figures there are none."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.rate_plots import LAMINA_WIDTH
from benchmarks.scene_figures import (
    SCENE_PRESETS,
    SceneFile,
    by_capture,
    is_same_scene,
    scene_files,
    splat_files_of,
    top_curve,
    uncoded_scenes,
)
from benchmarks.scene_tables import SPLAT_KINDS
from benchmarks.svg_plot import Curve, Panel, draw

DRAWN_KINDS = ("spz", "sog")
"""Of `SPLAT_KINDS`: a .ply is so large that the rest would shrink beside it."""
ROOM = 1.12
"""Factor by which the axis of bytes goes on beyond the points: fits without a rate have no size, their line crosses the
plot."""


def scene_plots() -> dict[str, str]:
    """PSNR over kB of every capture that was measured with any preset: all levels, and the whole files alone."""
    measured = {preset: by_capture(scene_files(preset)) for preset in SCENE_PRESETS}
    one_level = {preset: by_capture(scene_files(preset, "one_level")) for preset in SCENE_PRESETS}
    plots = {}
    for capture in sorted({capture for groups in measured.values() for capture in groups}):
        files = {preset: groups.get(capture, []) for preset, groups in measured.items()}
        levels = [curve for preset, found in files.items() for curve in _level_curves(preset, found)]
        whole: list[Curve] = []
        for preset, found in files.items():
            whole += _rival_curves(preset, found, one_level[preset].get(capture, [])) + _whole_curves(preset, found)
        panels = [
            _panel(f"{capture}, every level", capture, [*levels, *whole]),
            _panel(f"{capture}, whole files", capture, whole),
        ]
        plots[f"scene_{capture}"] = draw(panels, len(panels))
    return plots


def _panel(title: str, capture: str, curves: Sequence[Curve]) -> Panel:
    sizes_kb = [x for curve in curves for x, _ in curve.points]
    limits_kb = (min(sizes_kb) / ROOM, max(sizes_kb) * ROOM)
    return Panel(title, "kB", "PSNR, dB", [*_uncoded_lines(capture, limits_kb), *curves], x_limits=limits_kb)


def _uncoded_lines(capture: str, limits_kb: tuple[float, float]) -> list[Curve]:
    """What fits without a rate reach whatever their size, across the plot; dashed but for the first."""
    return [
        Curve(
            "plain_gaussians" if scene.kind.startswith("plain") else "scaffold_gaussians",
            f"{scene.kind}, {scene.gaussians:,} Gaussians",
            [(x, scene.figures["psnr"]) for x in limits_kb],
            is_dashed=number > 0,
            has_markers=False,
        )
        for number, scene in enumerate(uncoded_scenes(capture, SCENE_PRESETS[0]))
    ]


def _rival_curves(preset: str, files: Sequence[SceneFile], alone: Sequence[SceneFile]) -> list[Curve]:
    """One level without parent, and the Gaussians of the files in other formats."""
    is_dashed = preset != SCENE_PRESETS[0]
    curves = [Curve("one_level", f"one level (HAC), {preset}", _tops(alone), is_dashed)] if alone else []
    measured = [(file, splat_files) for file in files if (splat_files := splat_files_of(file, preset))]
    found = [splat_files for file, splat_files in measured if is_same_scene(file, splat_files)]
    for kind in DRAWN_KINDS:
        points = [(one[kind]["bytes"] / 1000, one[kind]["psnr"]) for one in found if kind in one]
        if points:
            curves.append(Curve(kind, f"as {SPLAT_KINDS[kind]}, {preset}", points, is_dashed))
    return curves


def _level_curves(preset: str, files: Sequence[SceneFile]) -> list[Curve]:
    label = f"Lamina {preset}, levels of one file"
    return [
        Curve(
            f"scene_{preset}", label, [(level["bytes"] / 1000, level["psnr"]) for level in file.levels], is_dashed=True
        )
        for file in files
    ]


def _whole_curves(preset: str, files: Sequence[SceneFile]) -> list[Curve]:
    return (
        [Curve(f"scene_{preset}", f"Lamina {preset}, whole files", _tops(files), width=LAMINA_WIDTH)] if files else []
    )


def _tops(files: Sequence[SceneFile]) -> list[tuple[float, float]]:
    return [(size_bytes / 1000, psnr_db) for size_bytes, psnr_db in top_curve(files)]
