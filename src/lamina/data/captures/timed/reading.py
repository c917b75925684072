# SPDX-License-Identifier: Apache-2.0
"""A folder of synchronised cameras of any kind that we read enters, a `TimedCapture` leaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from lamina.data.captures.capture import Pixels
from lamina.data.captures.photograph_notes import wide_notes
from lamina.data.captures.photographs import pinhole_of, straightened
from lamina.data.captures.reading import (
    BLACK,
    BORDER_PICTURES,
    LEAST_VIEWS,
    LONGEST_PX,
    border_color,
    edges_of,
    ratio_of,
    scaled_to,
    split_of,
)
from lamina.data.captures.timed.camera_folders import are_camera_folders, read_camera_folders
from lamina.data.captures.timed.camera_videos import are_camera_videos, read_camera_videos
from lamina.data.captures.timed.capture import Foreground, Mask, TimedCapture, TimedView
from lamina.data.captures.timed.frame_cache import CACHE_BYTES, MASK_SHARE, FrameCache
from lamina.data.captures.timed.frame_folders import frame_folders, read_frame_folders
from lamina.data.captures.timed.growing import Arrivals
from lamina.data.captures.timed.panoptic import is_panoptic, read_panoptic
from lamina.data.captures.timed.source import Request, TimedSource
from lamina.data.image import WHITE
from lamina.errors import SignalError

Reader = Callable[[Path, Request], TimedSource]

FRAMES_PER_SECOND = Fraction(30)
"""Of pictures whose folder does not say: all published captures of this kind have it."""

TIMED_LAYOUTS = (
    "train_meta.json with ims/ (Panoptic), cam00.mp4, cam01.mp4, ... or a folder of numbered pictures a camera beside "
    "poses_bounds.npy, a COLMAP model or transforms.json, or frame000000/images with sparse/0"
)
"""What a timed capture looks like."""

MIDDLE_LEVEL = 128
"""A pixel of a resized mask is foreground where half of it is."""


def is_timed_capture(path: str | Path, *, follow: bool = False) -> bool:
    """Whether `read_timed_capture` takes this; with `follow` a folder in which only the first frame has come, too."""
    return _reader(Path(path), follow=follow) is not None


def read_timed_capture(
    path: str | Path,
    *,
    scale: Fraction | float | None = None,
    view_size: tuple[int, int] | None = None,
    test_every: int = 8,
    background: tuple[int, int, int] | None = None,
    frames: tuple[int, int | None] | None = None,
    frames_per_second: Fraction | float | None = None,
    follow: bool = False,
    cache_bytes: int = CACHE_BYTES,
) -> TimedCapture:
    """Cameras, points and split of a folder; pictures of its frames are decoded when they are asked for.

    `scale`, `view_size`, `test_every` and `background` are those of `read_capture`; a rig that calls its cameras cam00,
    cam01, ... holds out cam00. `frames` (start, stop; None: the end) leaves out the others, which may then be missing.
    `follow` reads a folder of pictures that is still being written: its first frame must be there, others are waited
    for (`TimedCapture.wait_for`), until a file called ``capture.ended`` lies in the folder.

    Raises:
        SignalError: not a timed capture, or something in it is missing, damaged or not supported; says what and where.
        ValueError: a scale outside (0, 1], or `test_every` is 1 or negative.
    """
    path = Path(path)
    rate = None if frames_per_second is None else Fraction(frames_per_second).limit_denominator(1 << 16)

    def read(ratio: Fraction, *, reduce: bool = False) -> TimedCapture:
        request = Request(ratio, frames, follow, rate)
        source = _source_of(path, request, reduce=reduce)
        return _capture_of(source, test_every, background, request, cache_bytes)

    def sized(ratio: Fraction) -> tuple[TimedCapture, tuple[int, int]]:
        capture = read(ratio)
        camera = capture.views[0].camera
        return capture, (camera.width, camera.height)

    if view_size is not None:
        return scaled_to(path, view_size, sized)
    return read(ratio_of(scale), reduce=scale is None)


def _source_of(path: Path, request: Request, *, reduce: bool) -> TimedSource:
    if not path.exists():
        raise SignalError(f"{path}: no such folder; expected a timed capture")
    reader = _reader(path, follow=request.follow)
    if reader is None:
        raise SignalError(f"{path}: no timed capture; expected {TIMED_LAYOUTS}")
    source = reader(path, request)
    if reduce:
        sides = (max(recording.lens.width, recording.lens.height) for recording in source.recordings)
        longest = math.ceil(max(sides, default=0) * source.picture_scale)
        if longest > LONGEST_PX:
            factor = -(-longest // LONGEST_PX)
            source = reader(path, replace(request, scale=Fraction(1, factor)))
            note = f"pictures of {longest} pixels are read at 1/{factor}; --scale 1 takes them as they are"
            source = replace(source, notes=(*source.notes, note))
    if len(source.recordings) < LEAST_VIEWS:
        raise SignalError(f"{path}: {len(source.recordings)} camera; expected at least {LEAST_VIEWS}")
    return source


def _capture_of(
    source: TimedSource,
    test_every: int,
    background: tuple[int, int, int] | None,
    request: Request,
    cache_bytes: int,
) -> TimedCapture:
    views = tuple(
        TimedView(
            recording.name,
            pinhole_of(recording.lens, recording.camera_from_world, source.picture_scale, f"{recording.track.place}"),
        )
        for recording in source.recordings
    )
    train, test = source.split or split_of([view.name for view in views], test_every)
    if not train:
        raise SignalError(f"{source.root}: all {len(views)} views are held out; expected some to fit to")
    if background is None:
        background = _background_of(source, request.first_frame)
    load = FrameCache(_decoder(source, background), cache_bytes)
    load_mask = None
    if any(recording.track.has_masks for recording in source.recordings):
        load_mask = FrameCache(_mask_decoder(source), int(cache_bytes * MASK_SHARE))
    notes = (*source.notes, *wide_notes([recording.lens for recording in source.recordings]))
    rate = request.frames_per_second or source.frames_per_second
    if rate is None:
        rate = FRAMES_PER_SECOND
        notes = (*notes, f"no frame rate: taken as {rate}; --fps says another")

    capture = TimedCapture(
        source.root.resolve().name,
        views,
        train,
        test,
        source.frame_count,
        rate,
        source.points.positions,
        source.points.colors,
        background,
        load,
        load_mask,
        load_foreground=None if load_mask is None else _foreground_decoder(source),
        notes=notes,
        depth_bounds=source.depth_bounds,
        arrival=None if source.frame_count is not None else _arrivals(source, load, load_mask),
    )
    return capture if request.frames is None else capture.cut(*request.frames)


def _arrivals(source: TimedSource, load: FrameCache[Pixels], load_mask: FrameCache[Mask | None] | None) -> Arrivals:
    """What is decoded to see whether it is whole stays in the caches, where who waited for it finds it."""

    def decode(frame: int, view: int) -> None:
        load(frame, view)
        if load_mask is not None:
            load_mask(frame, view)

    return Arrivals(source.root, source.picture_tracks, decode)


def _decoder(source: TimedSource, background: tuple[int, int, int]) -> Callable[[int, int], Pixels]:
    """Frame, view -> pixels: decoded, over `background`, undistorted, averaged to size."""

    def decode(frame: int, view: int) -> Pixels:
        recording = source.recordings[view]
        pixels = recording.track.pixels(frame, background)
        if pixels.shape != (recording.lens.height, recording.lens.width, 3):
            raise SignalError(
                f"{recording.track.place}: frame {frame} is {pixels.shape[1]}x{pixels.shape[0]}, the first was "
                f"{recording.lens.width}x{recording.lens.height}; expected one size for all frames of a camera"
            )
        return straightened(pixels, recording.lens, source.picture_scale)

    return decode


def _mask_decoder(source: TimedSource) -> Callable[[int, int], Mask | None]:
    """Frame, view -> mask, undistorted and averaged to the size of the pixels, or None."""

    def decode(frame: int, view: int) -> Mask | None:
        mask = _whole_mask(source, frame, view)
        if mask is None:
            return None
        return (_share_of(source, view, mask) >= MIDDLE_LEVEL).astype(np.uint8)

    return decode


def _foreground_decoder(source: TimedSource) -> Callable[[int, int], Foreground | None]:
    """Frame, view -> pixels cut out by the mask, then undistorted and averaged to size, or None."""

    def decode(frame: int, view: int) -> Foreground | None:
        recording = source.recordings[view]
        mask = _whole_mask(source, frame, view)
        if mask is None:
            return None
        pixels = recording.track.pixels(frame, BLACK)
        if pixels.shape[:2] != mask.shape:
            raise SignalError(f"{recording.track.place}: frame {frame} and its mask differ in size; expected one size")
        cut = straightened(pixels * (mask > 0)[:, :, None], recording.lens, source.picture_scale)
        return Foreground(cut, _share_of(source, view, mask))

    return decode


def _share_of(source: TimedSource, view: int, mask: Mask) -> Mask:
    """Of each pixel of the view's size, 0...255."""
    levels = np.repeat((mask > 0)[:, :, None] * np.uint8(255), 3, axis=2)
    return straightened(levels, source.recordings[view].lens, source.picture_scale)[:, :, 0]


def _whole_mask(source: TimedSource, frame: int, view: int) -> Mask | None:
    """As the picture has it."""
    recording = source.recordings[view]
    mask = recording.track.mask(frame)
    if mask is not None and mask.shape != (recording.lens.height, recording.lens.width):
        raise SignalError(
            f"{recording.track.place}: the mask of frame {frame} is {mask.shape[1]}x{mask.shape[0]}, its picture "
            f"{recording.lens.width}x{recording.lens.height}; expected masks of the pictures' size"
        )
    return mask


def _background_of(source: TimedSource, frame: int) -> tuple[int, int, int]:
    """White behind transparency, the color of most borders of some first pictures, otherwise black: as for stills."""
    decode = _decoder(source, BLACK)
    edges: list[UInt8[np.ndarray, "n 3"]] = []
    count = len(source.recordings)
    for view in np.linspace(0, count - 1, min(BORDER_PICTURES, count)).astype(int):
        if source.recordings[view].track.is_transparent(frame):
            return WHITE
        edges += edges_of(decode(frame, int(view)))
    return border_color(edges) or BLACK


def _reader(path: Path, *, follow: bool) -> Reader | None:
    """The reader for what lies there; None: nothing that is a timed capture."""
    if is_panoptic(path):
        return read_panoptic
    if frame_folders(path):
        return read_frame_folders
    if are_camera_videos(path):
        return read_camera_videos
    return read_camera_folders if are_camera_folders(path, follow=follow) else None
