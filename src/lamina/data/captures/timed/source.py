# SPDX-License-Identifier: Apache-2.0
"""What the reader of one kind of folder hands over: cameras with lens and pose, a picture for each frame, points."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.clip import Clip


@dataclass(frozen=True, eq=False)
class RigCamera:
    """One camera, and its files."""

    name: str
    lens: Lens
    """For pictures as they lie in their files."""
    camera_from_world: Float64[np.ndarray, "4 4"]
    pictures: tuple[Path, ...] = ()
    """One a frame; none where there is a clip."""
    masks: tuple[Path, ...] = ()
    """One a frame; none at all where there is none."""
    clip: Clip | None = None
    """A video, or a folder of pictures."""

    @property
    def frame_count(self) -> int | None:
        """None: the clip does not say."""
        return self.clip.frame_count if self.clip is not None else len(self.pictures)


@dataclass(frozen=True, eq=False)
class TimedSource:
    """A timed capture before its pictures are undistorted and resized."""

    cameras: tuple[RigCamera, ...]
    points: PointCloud
    frames_per_second: Fraction
    notes: tuple[str, ...] = ()
    split: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Cameras to fit to and cameras held out, where the folder itself says."""
