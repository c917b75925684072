# SPDX-License-Identifier: Apache-2.0
"""The picture files of all cameras, found or expected, enter; a track for each camera and the count of frames leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lamina.data.captures.timed.numbered import Found, Frames, common_frames, numbered_pictures, pattern_of
from lamina.data.captures.timed.source import Request
from lamina.data.captures.timed.tracks import PictureTrack, mask_folder
from lamina.errors import SignalError


@dataclass(frozen=True)
class Pictures:
    """Files of all cameras by their numbers in the source."""

    root: Path
    places: dict[str, Path]
    """Where each camera's pictures lie."""
    found: Found
    expected: Callable[[str, int], Path]
    """Camera, number -> the file that there should be."""
    masks_found: Found
    """Cameras without masks are left out."""
    mask_expected: Callable[[str, int], Path]


def pictures_of(root: Path, places: dict[str, Path]) -> Pictures:
    """Pictures in a folder a camera; masks in a folder a camera beside (`mask_folder`).

    Raises:
        SignalError: two pictures have the same number.
    """
    found = {name: numbered_pictures(place) for name, place in places.items()}
    mask_places = {name: place for name in places if (place := mask_folder(root, name)) is not None}
    masks = {name: numbered_pictures(place) for name, place in mask_places.items()}
    return Pictures(
        root, places, found, _named_alike(places, found), masks, _named_alike(mask_places, masks)
    )  # fmt: skip


def _named_alike(places: dict[str, Path], found: Found) -> Callable[[str, int], Path]:
    """Camera, number -> the file in its folder, named as its first is, or as the first of another."""
    firsts = {name: pictures[min(pictures)].name for name, pictures in found.items() if pictures}

    def expected(name: str, number: int) -> Path:
        parsed = pattern_of(firsts.get(name) or next(iter(firsts.values()), "000000.jpg"))
        assert parsed is not None
        return places[name] / parsed[0].name(number)

    return expected


def tracks_of(pictures: Pictures, request: Request, notes: list[str]) -> tuple[dict[str, PictureTrack], int | None]:
    """A track for each camera, and how many frames they have in common; None where they are still being written.

    Raises:
        SignalError: pictures are missing, or cameras are of different lengths; of a folder that is still being written:
            its first frame is not there.
    """
    if request.follow:
        first = _first_number(pictures)
        return {name: _growing_track(pictures, name, first) for name in pictures.found}, None
    frames = common_frames(pictures.found, pictures.expected, request.frames, pictures.root, notes)
    tracks: dict[str, PictureTrack] = {}
    missing = 0
    for name, found in pictures.found.items():
        masks = pictures.masks_found.get(name)
        mask_path_of = partial(_mask_at, masks, frames) if masks else None
        tracks[name] = PictureTrack(pictures.places[name], partial(_found_at, found, frames), mask_path_of)
        missing += sum(frames.number(frame) not in masks for frame in range(frames.count)) if masks else 0
    if missing:
        notes.append(f"{missing} masks are missing of cameras that have others: those pictures have none")
    return tracks, frames.count


def _first_number(pictures: Pictures) -> int:
    """Of the frame that a capture began with.

    Raises:
        SignalError: it is not there in all cameras.
    """
    first = min((number for found in pictures.found.values() for number in found), default=0)
    late = next((name for name, found in pictures.found.items() if first not in found), None)
    if late is not None:
        raise SignalError(
            f"{pictures.expected(late, first)}: not there yet; expected the first frame of all cameras before it is "
            f"followed: start again when it is there"
        )
    return first


def _growing_track(pictures: Pictures, name: str, first: int) -> PictureTrack:
    masks = pictures.masks_found.get(name, {})

    def path_of(frame: int) -> Path:
        return pictures.expected(name, first + frame)

    def mask_path_of(frame: int) -> Path:
        return pictures.mask_expected(name, first + frame)

    # Masks come with the pictures from the first frame on, or not at all.
    return PictureTrack(pictures.places[name], path_of, mask_path_of if first in masks else None)


def _found_at(found: Mapping[int, Path], frames: Frames, frame: int) -> Path:
    return found[frames.number(frame)]


def _mask_at(found: Mapping[int, Path], frames: Frames, frame: int) -> Path | None:
    return found.get(frames.number(frame))
