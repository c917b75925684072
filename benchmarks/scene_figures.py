# SPDX-License-Identifier: Apache-2.0
"""Result files about scenes enter, what belongs together leaves: a scene's files, its rivals, sizes at equal PSNR.

    scenes_<preset>.json                     scenes.py: levels of each capture at each lambda
    scenes_<preset>_one_level.json           the same code as HAC: one level, no parent
    scenes_<preset>_lower_levels_free.json   no coarse-to-fine loss, no InfoNCE
    plain_gaussians.json                     plain_gaussians.py: no anchors, no rate
    scaffold_gaussians.json                  scaffold_gaussians.py: anchors, no rate
    rivals_splat_files.json                  splat_files.py: a scene's Gaussians in the formats of others

Any of them may be missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.compare_curves import rising
from benchmarks.result_files import read_figures

SCENE_PRESETS = ("fast", "default", "paper")
SPLAT_FILES_RESULT = "rivals_splat_files"
PLAIN_RESULT = "plain_gaussians"
SCAFFOLD_RESULT = "scaffold_gaussians"
SCAFFOLD_KINDS = {"scaffold": "Scaffold-GS", "no_rate": "the preset, lambda 0"}

SAME_GAUSSIANS = 0.1
"""Exported Gaussians are at most so many fewer than a scene's (those too faint to be seen are left out); where the
difference is larger, what was exported was another scene of the same name."""


@dataclass(frozen=True)
class SceneFile:
    """What `scenes.measure` found about one file."""

    capture: str
    rate_weight: float
    """Lambda."""
    figures: Mapping[str, Any]

    @property
    def levels(self) -> Sequence[Mapping[str, Any]]:
        """Of the file cut at each, coarsest first."""
        return self.figures["levels"]

    @property
    def top(self) -> Mapping[str, Any]:
        """The whole file."""
        return self.levels[-1]


@dataclass(frozen=True)
class UncodedScene:
    """A fit without a rate, never quantised."""

    kind: str
    """As people call it."""
    steps: int
    gaussians: int
    """Offsets, where there are anchors."""
    figures: Mapping[str, Any]


def scene_files(preset: str, variant: str = "") -> list[SceneFile]:
    """All that were measured, by capture and lambda; none where there is no such result."""
    name = "_".join(["scenes", preset, *([variant] if variant else [])])
    files = [
        SceneFile(capture, float(setting.removeprefix("lambda=")), figures)
        for capture, settings in read_figures(name).items()
        for setting, figures in settings.items()
    ]
    return sorted(files, key=lambda file: (file.capture, file.rate_weight))


def by_capture(files: Iterable[SceneFile]) -> dict[str, list[SceneFile]]:
    """Grouped, in their order."""
    groups: dict[str, list[SceneFile]] = {}
    for file in files:
        groups.setdefault(file.capture, []).append(file)
    return groups


def middle_file(files: Sequence[SceneFile]) -> SceneFile:
    """Of the middle lambda; the larger one of two."""
    ordered = sorted(files, key=lambda file: file.rate_weight)
    return ordered[len(ordered) // 2]


def top_curve(files: Iterable[SceneFile]) -> list[tuple[float, float]]:
    """(bytes, PSNR in dB) of whole files, smallest first."""
    return sorted((float(file.top["bytes"]), float(file.top["psnr"])) for file in files)


def size_at_psnr(curve: Sequence[tuple[float, float]], psnr_db: float) -> float | None:
    """Bytes at which a curve of (bytes, dB) has a PSNR, linear in log(bytes); None outside of it."""
    points = rising(curve)
    if not points or not points[0][1] <= psnr_db <= points[-1][1]:
        return None
    sizes, qualities = zip(*points, strict=True)
    return float(np.exp(np.interp(psnr_db, qualities, np.log(sizes))))


def uncoded_scenes(capture: str, preset: str) -> list[UncodedScene]:
    """Plain Gaussians, those fits with the most steps that were measured, fewest first; then anchors of the preset."""
    found = []
    for setting, figures in read_figures(PLAIN_RESULT).get(capture, {}).items():
        steps = int(dict(part.split("=") for part in setting.split(","))["steps"])
        found.append(UncodedScene("plain 3DGS", steps, figures["gaussians"], figures))
    most = max((scene.steps for scene in found), default=0)
    plain = sorted((scene for scene in found if scene.steps == most), key=lambda scene: scene.gaussians)
    anchors = [
        UncodedScene(SCAFFOLD_KINDS[kind], figures["steps"], figures["offsets"], figures)
        for setting, figures in read_figures(SCAFFOLD_RESULT).get(capture, {}).items()
        if (kind := setting.partition(",")[0]) in SCAFFOLD_KINDS and f"preset={preset}," in setting
    ]
    return plain + anchors


def splat_files_of(file: SceneFile, preset: str) -> Mapping[str, Any] | None:
    """The scene's Gaussians in other formats, where they were measured against its capture.

    Subjects are named ``bonsai_lambda=0.004`` (preset fast, as `scenes.py` names its files) or, with any preset,
    ``bonsai_default_lambda=0.004``.
    """
    setting = f"lambda={file.rate_weight:g}"
    names = [f"{file.capture}_{preset}_{setting}"]
    if preset == "fast":
        names.insert(0, f"{file.capture}_{setting}")
    measured = {name.replace("=", "_"): figures for name, figures in read_figures(SPLAT_FILES_RESULT).items()}
    return next((found for name in names if (found := measured.get(name.replace("=", "_")))), None)


def is_same_scene(file: SceneFile, splat_files: Mapping[str, Any]) -> bool:
    """Whether the Gaussians can be those of the file as it is now, by their number."""
    return abs(splat_files["gaussians"] / file.top["gaussians"] - 1) <= SAME_GAUSSIANS
