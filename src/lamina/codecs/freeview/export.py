# SPDX-License-Identifier: Apache-2.0
"""A frame leaves as Gaussians for every 3DGS viewer: see `lamina.anchors.exporting`.

Frames of a sequence are exported apart, without a fit unless one is asked for: means over cameras do not flicker.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lamina.anchors.exporting.files import write_gaussians
from lamina.anchors.exporting.subject import Subject
from lamina.codecs.freeview.model import FrameModel


def subject_of(model: FrameModel) -> Subject:
    """The anchors of a frame."""
    unit = model.rest.facts.anchors.distance_unit
    viewpoints = np.stack([camera.position_world for camera in model.cameras or (model.view,)])
    return Subject(model.anchors, model.rest.networks, model.background, model.cameras, unit, viewpoints)


def write(model: FrameModel, path: Path, fit_steps: int, report: Callable[[float], None]) -> str:
    """Write the Gaussians of a frame to a file of other tools; what was written, in a few words.

    Raises:
        SignalError: no format has the suffix.
        WriteError: the disk is full or the place not writable.
    """
    return write_gaussians(subject_of(model), path, fit_steps, report)
