# SPDX-License-Identifier: Apache-2.0
"""A capture as codecs see it: pinhole cameras, points, a split, and pixels that are decoded when they are asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.cameras.camera import Camera
from lamina.codec import Look, Medium
from lamina.data.fingerprint import fingerprint_of

Pixels = UInt8[np.ndarray, "h w 3"]

EXTENT_MARGIN = 1.1
"""Over the distance of the furthest camera. Source: 3DGS, scene/dataset_readers.py, getNerfppNorm."""

LEAST_EXTENT = 0.05
"""Of the median distance of the points: less is a camera that turns where it stands."""

CACHE_BYTES = 1 << 30
"""Pixels kept decoded: 1 GiB is all of 2500 views of 400x267, 700 of 800x533, or 200 of 1600x1067."""


@dataclass(frozen=True)
class View:
    """One photograph of the capture."""

    name: str
    """Unique in the capture; the file's name as the reconstruction wrote it."""
    camera: Camera
    """The pinhole of its pixels: undistorted, at the capture's scale."""
    path: Path | None = None
    """Of its file; None: no file holds this picture alone."""


class PixelCache:
    """Decoded views up to a number of bytes, and always the last one. Safe to use from several threads."""

    def __init__(self, decode: Callable[[int], Pixels], limit_bytes: int) -> None:
        self._decode = decode
        self._limit_bytes = limit_bytes
        self._kept: dict[int, Pixels] = {}
        self._kept_bytes = 0
        self._last: tuple[int, Pixels] | None = None
        self._lock = threading.Lock()

    @property
    def size_bytes(self) -> int:
        """What is held now, the last view included."""
        with self._lock:
            last = self._last
            return self._kept_bytes + (last[1].nbytes if last is not None and last[0] not in self._kept else 0)

    def __call__(self, number: int) -> Pixels:
        """Pixels of a view; not to be written to.

        Views are visited in sweeps, in which the oldest view is the one that is wanted next: so what is in stays in.
        """
        with self._lock:
            if number in self._kept:
                return self._kept[number]
            if self._last is not None and self._last[0] == number:
                return self._last[1]
        pixels = self._decode(number)
        pixels.setflags(write=False)
        with self._lock:
            if number not in self._kept and self._kept_bytes + pixels.nbytes <= self._limit_bytes:
                self._kept[number] = pixels
                self._kept_bytes += pixels.nbytes
            self._last = (number, pixels)
        return pixels


@dataclass(frozen=True, eq=False)
class Capture:
    """Calibrated photographs of a still scene; memory does not grow with their number (see `CACHE_BYTES`)."""

    name: str
    """Of the folder."""
    views: tuple[View, ...]
    train: tuple[int, ...]
    """Numbers of the views that a model may be fitted to."""
    test: tuple[int, ...]
    """Numbers of the views held out; may be empty."""
    points: Float64[np.ndarray, "p 3"]
    """World positions that the reconstruction found; none if it gave none."""
    point_colors: UInt8[np.ndarray, "p 3"]
    background: tuple[int, int, int]
    """8-bit sRGB under transparent pixels."""
    load: Callable[[int], Pixels] = field(repr=False)
    """View number -> its pixels: undistorted, resized, over the background."""
    notes: tuple[str, ...] = ()
    """What was skipped, assumed or changed, for people."""
    depth_bounds: tuple[float, float] | None = None
    """World units along the axis between which views see things, where the format says."""

    def __post_init__(self) -> None:
        if self.points.ndim != 2 or self.points.shape[1] != 3 or self.points.shape != self.point_colors.shape:
            raise ValueError(f"expected points and colours (p, 3), got {self.points.shape}, {self.point_colors.shape}")
        if set(self.train) & set(self.test) or not set(self.train) | set(self.test) <= set(range(len(self.views))):
            raise ValueError(f"train and test must be apart and among {len(self.views)} views")

    def __len__(self) -> int:
        return len(self.views)

    @property
    def medium(self) -> Medium:
        """Photographs with cameras."""
        return "capture"

    @property
    def frame_count(self) -> int:
        """It stands still."""
        return 1

    def fingerprint(self) -> str:
        """SHA-256 of its views, points and background, and of its first photograph."""
        views = [(view.name, *view.camera.to_json().values()) for view in self.views]
        points = np.ascontiguousarray(self.points).view(np.uint8)
        return fingerprint_of((views, self.train, self.background), points, self.pixels(self.train[0]))

    def looks(self) -> Iterator[Look]:
        """The views that were held out; all of them where none were."""
        for number in self.test or range(len(self)):
            yield Look(0, self.views[number].camera, self.pixels(number))

    def pixels(self, view_index: int) -> Pixels:
        """What the camera of a view saw, as a pinhole would have; read-only. Views asked for again come from memory.

        Raises:
            SignalError: the picture cannot be decoded, or is not of the size that its header said.
            IndexError: there is no such view.
        """
        if not 0 <= view_index < len(self.views):
            raise IndexError(f"view {view_index} of {len(self.views)}")
        return self.load(view_index)

    @cached_property
    def camera_extent(self) -> float:
        """See `camera_extent_of`; of the training cameras."""
        return camera_extent_of([self.views[number].camera for number in self.train], self.points)


def camera_extent_of(cameras: Sequence[Camera], points: Float64[np.ndarray, "p 3"]) -> float:
    """1.1 times the distance of the furthest camera from the middle of all; world units.

    Cameras that stand in one place have an extent by what they see, so that it is above 0 in any capture.
    """
    positions = np.stack([camera.position_world for camera in cameras])
    middle = positions.mean(axis=0)
    extent = EXTENT_MARGIN * float(np.linalg.norm(positions - middle, axis=1).max())
    seen = float(np.median(np.linalg.norm(points - middle, axis=1))) if len(points) else 0.0
    return max(extent, LEAST_EXTENT * seen) or 1.0


def held_out(names: Sequence[str], test_every: int) -> tuple[int, ...]:
    """Numbers of the views to test on, among names in order: each `test_every`-th from the first; none for 0.

    A rig of cameras named cam00, cam01, ... (N3DV) holds out cam00, as everybody who reports on it does.

    Raises:
        ValueError: `test_every` is 1 or negative, so that nothing would be left to fit.
    """
    if test_every < 0 or test_every == 1:
        raise ValueError(f"expected 0 (no test views) or at least 2, got test_every={test_every}")
    if test_every == 0:
        return ()
    stems = [Path(name).stem for name in names]
    if len(stems) > 1 and all(stem.startswith("cam") and stem[3:].isdecimal() for stem in stems):
        return (stems.index(min(stems)),) if "cam00" in stems else tuple(range(0, len(stems), test_every))
    return tuple(range(0, len(stems), test_every))
