# SPDX-License-Identifier: Apache-2.0
"""Anchors to export enter, a file of Gaussians for other tools leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lamina.anchors.exporting.clouds import export_cloud
from lamina.anchors.exporting.subject import Subject
from lamina.data.splats import write_splats


def write_gaussians(subject: Subject, path: Path, fit_steps: int, report: Callable[[float], None]) -> str:
    """Write the Gaussians of a subject to a file; what was written, in a few words.

    Raises:
        SignalError: no format has the suffix.
        WriteError: the disk is full or the place not writable.
    """
    cloud = export_cloud(subject, fit_steps=fit_steps, report=report)
    write_splats(path, cloud)
    count = f"{len(cloud):,}".replace(",", " ")
    return f"{count} Gaussians, harmonics of degree {cloud.degree}"
