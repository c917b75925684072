# SPDX-License-Identifier: Apache-2.0
"""A video a camera, beside poses: N3DV's cam00.mp4, ... with poses_bounds.npy, or with a COLMAP model of frame 0.

Source of the layout: facebookresearch/Neural_3D_Video, README.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from lamina.data.captures.picture_files import PictureSize
from lamina.data.captures.timed.numbered import numbered_pictures, shared_length
from lamina.data.captures.timed.rig import has_poses, may_be_rig, read_rig
from lamina.data.captures.timed.source import Recording, Request, TimedSource
from lamina.data.captures.timed.tracks import mask_folder
from lamina.data.captures.timed.video_index import VideoIndex, dropped_frame, index_of
from lamina.data.captures.timed.video_track import VideoTrack
from lamina.data.captures.transforms import has_transforms
from lamina.data.container import open_container
from lamina.data.folder import natural_key
from lamina.errors import SignalError

VIDEO_SUFFIXES = {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"}
ABOVE_VIDEOS = ("", "videos")
"""Folders in which videos are looked for, in this order; the first is the capture's own."""

LEAST_CAMERAS = 2
DRIFT_FRAMES = 0.5
"""Rates that come apart by more over the length of the capture are of cameras that were not synchronised."""
ORIENTED = 1
"""Rotation that a video says is applied on decoding, so none is left."""


def camera_videos(root: Path) -> dict[str, Path]:
    """Cameras by name, in natural order, each with its video; none where there are fewer than two.

    Raises:
        SignalError: two videos are of the same name but for the suffix.
    """
    for above in ABOVE_VIDEOS:
        files = (path for path in (root / above).glob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
        ordered = sorted(
            (path for path in files if not path.name.startswith(".")), key=lambda path: natural_key(path.name)
        )
        if len(ordered) < LEAST_CAMERAS:
            continue
        twice = next((pair for pair in pairwise(ordered) if pair[0].stem == pair[1].stem), None)
        if twice is not None:
            raise SignalError(f"{root}: {twice[0].name} and {twice[1].name} are of one camera; expected one of them")
        return {path.stem: path for path in ordered}
    return {}


def are_camera_videos(root: Path) -> bool:
    """Whether `read_camera_videos` takes this: the poses are of these cameras, or nothing else there has pictures.

    Videos also lie beside the still scenes that were reconstructed from them.
    """
    if not root.is_dir() or not has_poses(root):
        return False
    try:
        names = list(camera_videos(root))
    except SignalError:
        return True
    if not names:
        return False
    has_stills = has_transforms(root) or any(path.is_dir() for path in root.glob("images*"))
    return not has_stills or may_be_rig(root, names)


def read_camera_videos(root: Path, request: Request) -> TimedSource:
    """Cameras by the poses beside them, frames by their order in the videos.

    Raises:
        SignalError: videos are damaged, of different lengths or rates, or cameras are in one of the two places only.
    """
    if request.follow:
        raise SignalError(f"{root}: videos cannot be followed while they are written; expected a picture file a frame")
    videos = camera_videos(root)
    rig = read_rig(root, list(videos))
    indices = {name: index_of(path) for name, path in videos.items()}
    notes: list[str] = []
    frame_count = shared_length({name: index.count for name, index in indices.items()}, request.frames, root, notes)
    rate = _shared_rate(videos, indices, request, notes)
    recordings: list[Recording] = []
    for name, path in videos.items():
        clip = open_container(path)
        lens, _ = rig.cameras[name].lens_for(PictureSize(clip.width, clip.height, ORIENTED), f"{path}")
        notes += [note for note in clip.notes if note not in notes]
        track = VideoTrack(path, indices[name], clip.color, _masks_of(root, name))
        recordings.append(Recording(name, lens, rig.cameras[name].camera_from_world, track))
    return TimedSource(
        root,
        tuple(recordings),
        frame_count,
        rate,
        rig.poses.points,
        request.scale,
        rig.numbered_split(list(videos)),
        tuple(notes),
        rig.poses.depth_bounds,
    )


def _shared_rate(
    videos: dict[str, Path], indices: dict[str, VideoIndex], request: Request, notes: list[str]
) -> Fraction | None:
    """Of all cameras; who gives a rate says that frames belong together by their numbers.

    Raises:
        SignalError: a camera dropped a frame, or rates come apart.
    """
    if request.frames_per_second is not None:
        return request.frames_per_second
    for name, path in videos.items():
        late = dropped_frame(indices[name])
        if late is not None:
            raise SignalError(
                f"{path}: frame {late} comes later than frames do: one was dropped, so that cameras are not in step; "
                f"expected one rate: fill it in (ffmpeg -i {path.name} -fps_mode cfr {path.stem}_cfr.mp4), or "
                f"give --fps to pair frames by their numbers"
            )
    rates = {name: index.frames_per_second for name, index in indices.items() if index.frames_per_second is not None}
    if not rates:
        return None
    slowest, fastest = min(rates, key=lambda name: rates[name]), max(rates, key=lambda name: rates[name])
    length = max(index.count for index in indices.values())
    if length * (1 - rates[slowest] / rates[fastest]) > DRIFT_FRAMES:
        raise SignalError(
            f"{videos[slowest].parent}: cameras are not in step: {videos[slowest].name} has "
            f"{float(rates[slowest]):.6g} frames a second, {videos[fastest].name} {float(rates[fastest]):.6g}; "
            f"expected one rate, or --fps to pair frames by their numbers"
        )
    starts = {name: index.start_s for name, index in indices.items()}
    first, last = min(starts, key=lambda name: starts[name]), max(starts, key=lambda name: starts[name])
    apart = (starts[last] - starts[first]) * float(rates[fastest])
    if apart > DRIFT_FRAMES:
        notes.append(f"{last} begins {apart:.1f} frames after {first}, by their files: paired by number all the same")
    return next(iter(rates.values()))


def _masks_of(root: Path, camera: str) -> Callable[[int], Path | None] | None:
    """Frame -> the mask with its number, the first of which is of frame 0; None: the camera has none."""
    folder = mask_folder(root, camera)
    masks = numbered_pictures(folder) if folder is not None else {}
    if not masks:
        return None
    first = min(masks)
    return lambda frame: masks.get(first + frame)
