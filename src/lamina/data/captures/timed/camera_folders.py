# SPDX-License-Identifier: Apache-2.0
"""A folder of numbered pictures a camera, beside poses: cam00/000000.png, or cam00/images/000000.png."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from lamina.data.captures.picture_files import picture_size
from lamina.data.captures.timed.numbered import numbered_pictures
from lamina.data.captures.timed.pictures import pictures_of, tracks_of
from lamina.data.captures.timed.rig import has_poses, may_be_rig, read_rig
from lamina.data.captures.timed.source import Recording, Request, TimedSource
from lamina.data.captures.timed.tracks import MASK_FOLDERS
from lamina.data.folder import natural_key
from lamina.errors import SignalError

ABOVE_CAMERAS = ("", "images", "ims", "frames", "cameras")
"""Folders in which those of the cameras are looked for, in this order; the first is the capture's own."""

OTHER_FOLDERS = re.compile(r"images(_\d+)?|sparse|colmap|ims|frames|cameras|depths?|normals?|" + "|".join(MASK_FOLDERS))
"""Never a camera's."""

LEAST_CAMERAS = 2
LEAST_FRAMES = 2
"""A folder a camera with one picture each is a still scene."""


def camera_folders(root: Path) -> dict[str, Path]:
    """Cameras by name, in natural order, each with the folder of its pictures; none where there are fewer than two."""
    for above in ABOVE_CAMERAS:
        folders = [path for path in (root / above).glob("*") if path.is_dir() and not path.name.startswith(".")]
        found: dict[str, Path] = {}
        for folder in sorted(folders, key=lambda path: natural_key(path.name)):
            if OTHER_FOLDERS.fullmatch(folder.name):
                continue
            inner = next((place for place in (folder, folder / "images") if _has_numbered(place)), None)
            if inner is not None:
                found[folder.name] = inner
        if len(found) >= LEAST_CAMERAS:
            return found
    return {}


def are_camera_folders(root: Path, *, follow: bool) -> bool:
    """Whether `read_camera_folders` takes this: fixed cameras, and more than one frame unless others will follow."""
    if not has_poses(root):
        return False
    places = camera_folders(root)
    if not places:
        return False
    try:
        lengths = [len(numbered_pictures(place)) for place in places.values()]
    except SignalError:
        lengths = [LEAST_FRAMES]
    return (follow or max(lengths) >= LEAST_FRAMES) and may_be_rig(root, list(places))


def read_camera_folders(root: Path, request: Request) -> TimedSource:
    """Cameras by the poses beside them, pictures by the numbers in their names.

    Raises:
        SignalError: pictures are missing, cameras are of different lengths, or in one of the two places only.
    """
    places = camera_folders(root)
    rig = read_rig(root, list(places))
    notes: list[str] = []
    tracks, frame_count = tracks_of(pictures_of(root, places), request, notes)
    recordings: list[Recording] = []
    for name, track in tracks.items():
        first = track.path_of(request.first_frame)
        lens, orientation = rig.cameras[name].lens_for(picture_size(first), f"{first}")
        turned = replace(track, orientation=orientation)
        recordings.append(Recording(name, lens, rig.cameras[name].camera_from_world, turned))
    return TimedSource(
        root,
        tuple(recordings),
        frame_count,
        None,
        rig.poses.points,
        request.scale,
        rig.numbered_split(list(tracks)),
        tuple(notes),
        rig.poses.depth_bounds,
    )


def _has_numbered(folder: Path) -> bool:
    """Whether any picture with a number lies there; two with the same number are told later."""
    try:
        return folder.is_dir() and bool(numbered_pictures(folder))
    except SignalError:
        return True
