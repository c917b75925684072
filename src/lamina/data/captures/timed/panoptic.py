# SPDX-License-Identifier: Apache-2.0
"""CMU Panoptic captures as Dynamic3DGaussians laid them out: two meta files beside ims/ and seg/, a folder a camera."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np

from lamina.data.captures.colmap_folder import POINT_SUFFIXES, read_cloud
from lamina.data.captures.photographs import fit_lens
from lamina.data.captures.picture_files import picture_size
from lamina.data.captures.point_cloud import PointCloud, empty_cloud, finite_cloud, read_ply_points
from lamina.data.captures.timed.panoptic_meta import PanopticMeta, cameras_of, read_meta
from lamina.data.captures.timed.pictures import Pictures, pictures_of, tracks_of
from lamina.data.captures.timed.source import Recording, Request, TimedSource
from lamina.data.folder import natural_key
from lamina.errors import SignalError

TRAIN, TEST, PICTURES, MASKS = "train_meta.json", "test_meta.json", "ims", "seg"

FRAMES_PER_SECOND = Fraction(30)
"""The files do not say. Source: Dynamic3DGaussians, section 4: the studio's cameras at 30 frames a second."""

POINT_FOLDERS = ("sfm_frame0/sparse", "sfm_frame0/sparse/0", "sfm_frame0", "sparse/0", "sparse")
POINT_FILES = ("sfm_frame0/points.ply", "points.ply")
DEPTH_CAMERA_POINTS = "init_pt_cld.npz"
"""Points of the studio's depth cameras: x y z, red green blue 0...1, foreground. In the published captures."""


def is_panoptic(folder: Path) -> bool:
    """Whether `read_panoptic` takes this."""
    return (folder / TRAIN).is_file() and (folder / PICTURES).is_dir()


def read_panoptic(folder: Path, request: Request) -> TimedSource:
    """Cameras of both files, their pictures and masks, and points where some are beside them.

    Raises:
        SignalError: the files are damaged or name pictures that are not there, or cameras move.
    """
    metas = [read_meta(folder / name) for name in (TRAIN, TEST) if (folder / name).is_file()]
    names = [name for meta in metas for name in meta.names]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SignalError(f"{folder}: camera {twice} is there more than once; expected it in {TRAIN} or in {TEST}")
    ordered = sorted(names, key=natural_key)
    notes: list[str] = []
    pictures = _pictures_of(folder, metas, ordered, notes, follow=request.follow)
    tracks, frame_count = tracks_of(pictures, request, notes)
    cameras = {name: camera for meta in metas for name, camera in cameras_of(meta).items()}
    recordings: list[Recording] = []
    for name in ordered:
        lens, pose = cameras[name]
        first = tracks[name].path_of(request.first_frame)
        recordings.append(Recording(name, fit_lens(lens, picture_size(first), f"{first}")[0], pose, tracks[name]))
    split = None
    if len(metas) > 1:
        train, test = (tuple(sorted(ordered.index(name) for name in meta.names)) for meta in metas)
        split = train, test
    return TimedSource(
        folder, tuple(recordings), frame_count, FRAMES_PER_SECOND, _points(folder), request.scale, split, tuple(notes)
    )


def _pictures_of(
    folder: Path, metas: list[PanopticMeta], ordered: list[str], notes: list[str], *, follow: bool
) -> Pictures:
    """The files that the metas name; of a capture that is still being written those that are named alike."""
    places = {name: folder / PICTURES / name for name in ordered}
    lacking = next((place for place in places.values() if not place.is_dir()), None)
    if lacking is not None:
        raise SignalError(f"{lacking}: no such folder; expected the pictures of camera {lacking.name}")
    if follow:
        return pictures_of(folder, places)
    lengths = [len(meta.pictures) for meta in metas]
    if min(lengths) < max(lengths):
        raise SignalError(f"{folder}: {TRAIN} has {lengths[0]} frames, {TEST} {lengths[1]}; expected as many in both")
    pictures = {
        name: [row[camera] for row in meta.pictures] for meta in metas for camera, name in enumerate(meta.names)
    }
    found = {name: _existing(folder / PICTURES, pictures[name]) for name in ordered}
    masks = {name: _existing(folder / MASKS, pictures[name], ".png") for name in ordered}
    count = max((max(paths) + 1 for paths in found.values() if paths), default=0)
    if 0 < count < lengths[0]:
        notes.append(f"{TRAIN} speaks of {lengths[0]} frames; pictures are there of the first {count}")

    def expected(name: str, number: int) -> Path:
        return folder / PICTURES / pictures[name][number]

    def mask_expected(name: str, number: int) -> Path:
        return folder / MASKS / PurePosixPath(pictures[name][number]).with_suffix(".png")

    masks = {name: paths for name, paths in masks.items() if paths}
    return Pictures(folder, places, found, expected, masks, mask_expected)


def _existing(folder: Path, names: list[str], suffix: str | None = None) -> dict[int, Path]:
    """By their places in the list, the files that are there."""
    paths = (folder / (name if suffix is None else PurePosixPath(name).with_suffix(suffix)) for name in names)
    return {frame: path for frame, path in enumerate(paths) if path.is_file()}


def _points(folder: Path) -> PointCloud:
    """Of a reconstruction of the first frame, or of the studio's depth cameras; none where there are none."""
    for name in POINT_FOLDERS:
        if any((folder / name / f"points3D{suffix}").is_file() for suffix in POINT_SUFFIXES):
            return read_cloud(folder / name)
    for name in POINT_FILES:
        if (folder / name).is_file():
            return read_ply_points(folder / name)
    if (folder / DEPTH_CAMERA_POINTS).is_file():
        return _depth_camera_points(folder / DEPTH_CAMERA_POINTS)
    return empty_cloud()


def _depth_camera_points(path: Path) -> PointCloud:
    try:
        # Pickled arrays run code; numpy refuses them here.
        with np.load(path, allow_pickle=False) as arrays:
            rows = np.array(arrays["data"], np.float64)
    except (OSError, ValueError, EOFError, KeyError, SyntaxError, TypeError) as error:
        raise SignalError(f"{path}: not an archive of NumPy with an array called data: {error}") from error
    if rows.ndim != 2 or rows.shape[1] < 6:
        raise SignalError(f"{path}: data: shape {rows.shape}; expected (points, 7): x y z, red green blue, foreground")
    colors = np.rint(np.clip(np.nan_to_num(rows[:, 3:6]), 0, 1) * 255).astype(np.uint8)
    return finite_cloud(np.arange(len(rows)), np.ascontiguousarray(rows[:, :3]), colors)
