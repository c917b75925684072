# SPDX-License-Identifier: Apache-2.0
"""A scene leaves as Gaussians for every 3DGS viewer: see `lamina.anchors.exporting`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lamina.anchors.exporting.files import write_gaussians
from lamina.anchors.exporting.subject import Subject
from lamina.codecs.scene.model import SceneModel


def subject_of(model: SceneModel) -> Subject:
    """All anchors of a model."""
    unit = model.facts.anchors.distance_unit
    return Subject(model.anchors(), model.heads, model.background, model.cameras, unit, model.viewpoints)


def write(model: SceneModel, path: Path, fit_steps: int, report: Callable[[float], None]) -> str:
    """Write the Gaussians of a model to a file of other tools; what was written, in a few words.

    Raises:
        SignalError: no format has the suffix.
        WriteError: the disk is full or the place not writable.
    """
    return write_gaussians(subject_of(model), path, fit_steps, report)
