# SPDX-License-Identifier: Apache-2.0
"""A folder a frame enters, as 3DGStream and iFVC have it: frame000000/images and, in the first, the cameras.

The first frame is a capture of a still scene of any kind that we read; the others hold the same pictures under the same
names. Source: SJoJoK/3DGStream, README; Pomelomm/iFVC, README.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lamina.data.captures.reading import is_capture, reader_of
from lamina.data.captures.source import Source
from lamina.data.captures.timed.numbered import pattern_of
from lamina.data.captures.timed.pictures import Pictures, tracks_of
from lamina.data.captures.timed.source import Recording, Request, TimedSource
from lamina.data.captures.timed.tracks import MASK_FOLDERS
from lamina.errors import SignalError

FRAME_FOLDER = re.compile(r"frame[_-]?\d+", re.IGNORECASE)


def frame_folders(root: Path) -> dict[int, Path]:
    """Folders of frames by number; none where their first holds no cameras."""
    if not root.is_dir():
        return {}
    found: dict[int, Path] = {}
    for path in sorted(root.iterdir()):
        parsed = pattern_of(path.name) if FRAME_FOLDER.fullmatch(path.name) and path.is_dir() else None
        if parsed is not None:
            found.setdefault(parsed[1], path)
    return found if found and is_capture(found[min(found)]) else {}


def read_frame_folders(root: Path, request: Request) -> TimedSource:
    """Cameras, points and split of the first frame's folder; pictures of all.

    Raises:
        SignalError: the first frame is no capture, or pictures are missing in others.
    """
    folders = frame_folders(root)
    first = folders[min(folders)]
    reader = reader_of(first)
    assert reader is not None
    still = reader(first, request.scale)
    notes = list(still.notes)
    outside = next((one.path for one in still.photographs if not one.path.is_relative_to(first)), None)
    if outside is not None:
        raise SignalError(f"{outside}: a picture of the first frame that is not in {first}; expected all frames alike")
    names = _names(still)
    inner = {
        name: photograph.path.relative_to(first) for name, photograph in zip(names, still.photographs, strict=True)
    }
    tracks, frame_count = tracks_of(_pictures_of(root, folders, inner), request, notes)
    recordings = tuple(
        Recording(
            name,
            photograph.lens,
            photograph.camera_from_world,
            replace(tracks[name], orientation=photograph.orientation),
        )
        for name, photograph in zip(names, still.photographs, strict=True)
    )
    return TimedSource(
        root,
        recordings,
        frame_count,
        None,
        still.points,
        still.picture_scale,
        still.split,
        tuple(notes),
        still.depth_bounds,
    )


def _names(still: Source) -> list[str]:
    """Of the cameras: of their pictures, without folder and suffix where that tells them apart."""
    stems = [PurePosixPath(photograph.name).stem for photograph in still.photographs]
    return stems if len(set(stems)) == len(stems) else [photograph.name for photograph in still.photographs]


def _pictures_of(root: Path, folders: dict[int, Path], inner: dict[str, Path]) -> Pictures:
    """`inner`: camera -> its picture's path in the folder of a frame."""
    parsed = pattern_of(folders[min(folders)].name)
    assert parsed is not None
    pattern = parsed[0]
    masks: dict[str, dict[int, Path]] = {}
    mask_inner: dict[str, Path] = {}
    for name, path in inner.items():
        beside = [Path(folder) / f"{path.stem}.png" for folder in MASK_FOLDERS]
        mask_inner[name] = next((mask for mask in beside if (folders[min(folders)] / mask).is_file()), beside[0])
        found = {number: mask for number, folder in folders.items() if (mask := folder / mask_inner[name]).is_file()}
        masks |= {name: found} if found else {}

    def folder_of(number: int) -> Path:
        return folders.get(number, root / pattern.name(number))

    return Pictures(
        root,
        {name: root / "frame*" / path for name, path in inner.items()},
        {
            name: {number: folder / path for number, folder in folders.items() if (folder / path).is_file()}
            for name, path in inner.items()
        },
        lambda name, number: folder_of(number) / inner[name],
        masks,
        lambda name, number: folder_of(number) / mask_inner[name],
    )
