# SPDX-License-Identifier: Apache-2.0
"""What the reader of one kind of folder is asked for and hands over: cameras, what they recorded, points, a split."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from lamina.data.captures.lens import Lens
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.timed.tracks import PictureTrack, Track


@dataclass(frozen=True)
class Request:
    """What a reader must know beside the folder."""

    scale: Fraction
    frames: tuple[int, int | None] | None = None
    """Start and stop of what will be used; None: all. Frames outside may be missing."""
    follow: bool = False
    """The folder is still being written."""
    frames_per_second: Fraction | None = None
    """Overrides what the source says."""

    @property
    def first_frame(self) -> int:
        """The first that will be looked at, so that its pictures are there."""
        return self.frames[0] if self.frames and not self.follow else 0


@dataclass(frozen=True, eq=False)
class Recording:
    """One camera: where it stands, what it sees through, what it saw."""

    name: str
    lens: Lens
    """For its pictures as they lie in the files."""
    camera_from_world: Float64[np.ndarray, "4 4"]
    track: Track


@dataclass(frozen=True, eq=False)
class TimedSource:
    """A timed capture before its views are undistorted and split."""

    root: Path
    recordings: tuple[Recording, ...]
    """In the order of the views."""
    frame_count: int | None
    """None: it is still being written, and all tracks are pictures."""
    frames_per_second: Fraction | None
    """None: nothing says."""
    points: PointCloud
    picture_scale: Fraction
    """What is left to apply to these pictures: the folder may hold the wanted size already."""
    split: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    """Views to fit to and views held out, where the folder itself says."""
    notes: tuple[str, ...] = ()
    depth_bounds: tuple[float, float] | None = None
    """World units along the axis between which views see things, where the format says."""

    @property
    def picture_tracks(self) -> tuple[PictureTrack, ...]:
        """Of a capture that is still being written."""
        tracks = tuple(recording.track for recording in self.recordings)
        assert all(isinstance(track, PictureTrack) for track in tracks)
        return tracks  # pyright: ignore[reportReturnType]
