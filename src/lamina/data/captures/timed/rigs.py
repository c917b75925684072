# SPDX-License-Identifier: Apache-2.0
"""Cameras that each have a video or a folder of pictures, beside their poses; and folders of frames: enter as a source.

poses_bounds.npy      a video a row, by name (N3DV: cam00.mp4, ...)
transforms.json       a frame a camera; its file_path is a video, a folder of pictures, or a picture in such a folder
sparse/0              an image a camera, named as its video or its folder (without suffix), or lying in that folder
frame000000/, ...     a folder a frame, the first one a capture of any kind that we read (3DGStream, iFVC)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from lamina.data.captures import llff, transforms
from lamina.data.captures.colmap_folder import find_model, read_cloud, read_colmap, read_model
from lamina.data.captures.photographs import PICTURE_SUFFIXES, PictureSize, fit_lens
from lamina.data.captures.point_cloud import PointCloud
from lamina.data.captures.source import Source
from lamina.data.captures.timed.source import RigCamera, TimedSource
from lamina.data.opening import open_clip
from lamina.errors import SignalError

VIDEO_SUFFIXES = {".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v", ".y4m"}
FRAME_FOLDER = re.compile(r"frame_?(\d+)$")
RATE = Fraction(30)
"""Of folders of pictures, which say none; videos do."""
RATE_NOTE = f"{RATE} frames per second, since pictures say none; --fps says another"


def rig_reader(path: Path) -> Callable[[Path], TimedSource] | None:
    """The reader for what lies there; None: nothing of these."""
    if len(_frame_folders(path)) > 1:
        return read_frame_folders
    if (path / llff.FILE_NAME).is_file() and _videos(path):
        return read_videos_of_rows
    if (path / transforms.WHOLE).is_file() and _transforms_footage(path):
        return read_transforms_rig
    if find_model(path) is not None and _model_footage(path):
        return read_model_rig
    return None


def read_videos_of_rows(path: Path) -> TimedSource:
    """N3DV: a video for each row of poses_bounds.npy.

    Raises:
        SignalError: there are more or fewer videos than rows, or one cannot be read.
    """
    rows, videos = llff.read_rows(path / llff.FILE_NAME), _videos(path)
    if len(rows) != len(videos):
        raise SignalError(f"{path}: {len(videos)} videos, but {llff.FILE_NAME} has {len(rows)} rows; expected as many")
    cameras: list[RigCamera] = []
    for row, video in zip(rows, videos, strict=True):
        clip = open_clip(video)
        place = f"{video}"
        lens, _ = fit_lens(llff.lens_of_row(row, place), PictureSize(clip.width, clip.height, 1), place)
        cameras.append(RigCamera(video.stem, lens, llff.pose_of_row(row, place), clip=clip))
    return _source(path, cameras, points=llff.points_beside(path))


def read_transforms_rig(path: Path) -> TimedSource:
    """A frame of transforms.json is a camera.

    Raises:
        SignalError: a field is wrong, or footage cannot be read.
    """
    fields = transforms.read_fields(path / transforms.WHOLE)
    cameras: list[RigCamera] = []
    for number, (frame, footage) in enumerate(zip(fields["frames"], _transforms_footage(path), strict=True)):
        place, clip = f"{path / transforms.WHOLE}: frame {number}", open_clip(footage)
        size = PictureSize(clip.width, clip.height, 1)
        lens, _ = transforms.lens_of_fields({**fields, **frame}, size, place)
        pose = transforms.pose_of_matrix(frame.get("transform_matrix"), place)
        cameras.append(RigCamera(footage.stem, lens, pose, clip=clip))
    return _source(path, cameras, points=transforms.named_points(fields, path))


def read_model_rig(path: Path) -> TimedSource:
    """An image of a COLMAP model is a camera.

    Raises:
        SignalError: the model is damaged, or footage cannot be read.
    """
    folder = find_model(path)
    assert folder is not None
    model = read_model(folder)
    cameras: list[RigCamera] = []
    for image, footage in zip(model.images, _model_footage(path), strict=True):
        clip = open_clip(footage)
        size = PictureSize(clip.width, clip.height, 1)
        lens, _ = fit_lens(model.cameras[image.camera_id], size, f"{footage}")
        cameras.append(RigCamera(footage.stem, lens, image.camera_from_world, clip=clip))
    return _source(path, cameras, points=read_cloud(path))


def read_frame_folders(path: Path) -> TimedSource:
    """Pictures of the first folder are cameras; the others hold pictures of the same names.

    Raises:
        SignalError: the first is no capture, or a picture is missing.
    """
    folders = _frame_folders(path)
    first = _first_source(folders[0])
    cameras: list[RigCamera] = []
    for photograph in first.photographs:
        name = photograph.path.relative_to(folders[0])
        pictures = tuple(folder / name for folder in folders)
        missing = next((picture for picture in pictures if not picture.is_file()), None)
        if missing is not None:
            raise SignalError(f"{missing}: no such picture; expected one of camera {name.stem} in each frame's folder")
        cameras.append(RigCamera(name.stem, photograph.lens, photograph.camera_from_world, pictures))
    return TimedSource(tuple(cameras), first.points, RATE, (*first.notes, RATE_NOTE), first.split)


def _source(path: Path, cameras: list[RigCamera], points: PointCloud) -> TimedSource:
    """In order of names, of one rate.

    Raises:
        SignalError: rates differ, or two cameras have one name.
    """
    clips = [camera.clip for camera in cameras if camera.clip is not None]
    rates = {clip.frames_per_second for clip in clips}
    if len(rates) > 1:
        raise SignalError(
            f"{path}: footage of {', '.join(f'{float(rate):g}' for rate in sorted(rates))} frames per second; expected "
            f"one rate: synchronise the cameras first"
        )
    names = [camera.name for camera in cameras]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SignalError(f"{path}: {twice} is there more than once; expected one video or folder a camera")
    is_video = all(clip.path is not None and clip.path.suffix.lower() in VIDEO_SUFFIXES for clip in clips)
    ordered = tuple(sorted(cameras, key=lambda camera: camera.name))
    return TimedSource(ordered, points, rates.pop() if is_video else RATE, () if is_video else (RATE_NOTE,))


def _first_source(folder: Path) -> Source:
    if find_model(folder) is not None:
        return read_colmap(folder, Fraction(1))
    if transforms.has_transforms(folder):
        return transforms.read_transforms(folder, Fraction(1))
    if (folder / llff.FILE_NAME).is_file():
        return llff.read_llff(folder, Fraction(1))
    raise SignalError(f"{folder}: no capture; expected a COLMAP model, transforms.json or {llff.FILE_NAME} of frame 0")


def _frame_folders(path: Path) -> list[Path]:
    """In order of their numbers."""
    found = [
        (match, folder) for folder in _entries(path) if folder.is_dir() and (match := FRAME_FOLDER.match(folder.name))
    ]
    return [folder for _, folder in sorted(found, key=lambda pair: int(pair[0][1]))]


def _videos(path: Path) -> list[Path]:
    return sorted(file for file in _entries(path) if file.suffix.lower() in VIDEO_SUFFIXES and file.is_file())


def _entries(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if not entry.name.startswith(".")] if path.is_dir() else []


def _transforms_footage(path: Path) -> list[Path]:
    """Of each frame, its video or folder; none at all where the frames are photographs."""
    try:
        fields = transforms.read_fields(path / transforms.WHOLE)
    except SignalError:
        return []
    return _footage_of([path / transforms.clean_name(frame["file_path"]) for frame in fields["frames"]])


def _model_footage(path: Path) -> list[Path]:
    """The same of each image of a COLMAP model."""
    folder = find_model(path)
    try:
        images = read_model(folder).images if folder is not None else ()
    except SignalError:
        return []
    beside = {entry.stem: entry for entry in _entries(path) if _is_footage(entry)}
    named = [beside.get(Path(image.name).stem) for image in images]
    if named and all(named):
        return [entry for entry in named if entry is not None]
    return _footage_of([path / "images" / image.name for image in images])


def _footage_of(paths: list[Path]) -> list[Path]:
    if paths and all(_is_footage(path) for path in paths):
        return paths
    parents = [path.parent for path in paths]
    apart = len(set(parents)) == len(parents)
    return parents if len(parents) > 1 and apart and all(_is_footage(parent) for parent in parents) else []


def _is_footage(path: Path) -> bool:
    """A video, or a folder of several pictures."""
    if path.is_file():
        return path.suffix.lower() in VIDEO_SUFFIXES
    return sum(entry.suffix.lower() in PICTURE_SUFFIXES for entry in _entries(path)) > 1
