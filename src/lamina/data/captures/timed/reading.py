# SPDX-License-Identifier: Apache-2.0
"""A folder of synchronised cameras of any kind that we read enters, a `TimedCapture` leaves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lamina.data.captures.capture import CACHE_BYTES, PixelCache, Pixels
from lamina.data.captures.photographs import pinhole_of, straightened, target_size
from lamina.data.captures.reading import BLACK, BORDER_PICTURES, border_color, edges_of, ratio_of, scaled_to, split_of
from lamina.data.captures.timed.capture import Arrival, TimedCapture, TimedView
from lamina.data.captures.timed.panoptic import is_panoptic, read_panoptic
from lamina.data.captures.timed.playing import Player
from lamina.data.captures.timed.rigs import rig_reader
from lamina.data.captures.timed.source import RigCamera, TimedSource
from lamina.data.image import opened
from lamina.data.pixel_formats import to_rgb8
from lamina.errors import SignalError

LEAST_CAMERAS = 2
"""Fewer show no depth."""


def is_timed_capture(path: str | Path) -> bool:
    """Whether `read_timed_capture` takes this: train_meta.json (Panoptic), or what `rigs` lists."""
    path = Path(path)
    return path.is_dir() and (is_panoptic(path) or rig_reader(path) is not None)


def read_timed_capture(
    path: str | Path,
    *,
    scale: Fraction | float | None = None,
    view_size: tuple[int, int] | None = None,
    test_every: int = 8,
    background: tuple[int, int, int] | None = None,
    frames_per_second: Fraction | None = None,
    follow: bool = False,
    cache_bytes: int = CACHE_BYTES,
) -> TimedCapture:
    """Cameras, points, frames and split of a folder; its pictures are decoded when they are asked for.

    `scale` (0...1] is of the pictures there. `view_size` (width, height) asks for the scale at which the first camera
    has so many pixels instead. Every `test_every`-th camera by name is held out (0: none) where the folder has no split
    of its own. With `follow` the folder is still being written: pictures that it names come later, and the capture has
    no count of frames.

    Raises:
        SignalError: not a timed capture, or something in it is missing, damaged or not supported; says what and where.
        ValueError: a scale outside (0, 1], or `test_every` is 1 or negative.
    """
    path = Path(path)
    if view_size is not None:

        def read(ratio: Fraction) -> tuple[TimedCapture, tuple[int, int]]:
            capture = read_timed_capture(
                path, scale=ratio, test_every=test_every, background=background, frames_per_second=frames_per_second,
                cache_bytes=cache_bytes,
            )  # fmt: skip
            return capture, (capture.views[0].camera.width, capture.views[0].camera.height)

        return scaled_to(path, view_size, read)
    ratio = ratio_of(scale)
    if not is_timed_capture(path):
        raise SignalError(
            f"{path}: no timed capture; expected train_meta.json beside ims/, a video or folder of pictures a camera "
            f"beside poses_bounds.npy, transforms.json or sparse/0, or folders frame000000, ..."
        )
    source = _source_of(path, follow)
    capture = _capture_of(source, path, ratio, test_every, background or BLACK, cache_bytes)
    if background is None and not follow:
        capture = replace(capture, background=_background_of(capture))
    if frames_per_second is not None:
        capture = replace(capture, frames_per_second=frames_per_second)
    return replace(capture, frame_count=None, arrival=_arrival_of(source)) if follow else capture


def _source_of(path: Path, follow: bool) -> TimedSource:
    reader = rig_reader(path)
    if is_panoptic(path) or reader is None:
        return read_panoptic(path, is_growing=follow)
    source = reader(path)
    if follow and any(camera.clip is not None for camera in source.cameras):
        raise SignalError(f"{path}: videos that grow cannot be followed; expected pictures: leave out --follow")
    return source


def _capture_of(
    source: TimedSource,
    path: Path,
    ratio: Fraction,
    test_every: int,
    background: tuple[int, int, int],
    cache_bytes: int,
) -> TimedCapture:
    """Views, split and frames of what was found; pictures stay where they are."""
    count, cameras = frame_count_of(source, path), source.cameras
    views = tuple(
        TimedView(camera.name, pinhole_of(camera.lens, camera.camera_from_world, ratio, f"{path}, {camera.name}"))
        for camera in cameras
    )
    if len(views) < LEAST_CAMERAS:
        raise SignalError(f"{path}: {len(views)} camera; expected at least {LEAST_CAMERAS}")
    train, test = source.split or split_of([view.name for view in views], test_every)
    if not train:
        raise SignalError(f"{path}: all {len(views)} cameras are held out; expected some to fit to")

    def load_mask(frame: int, view: int) -> UInt8[np.ndarray, "h w"] | None:
        return _mask(cameras[view], frame, ratio) if cameras[view].masks else None

    return TimedCapture(
        name=path.resolve().name,
        views=views,
        train=train,
        test=test,
        frame_count=count,
        frames_per_second=source.frames_per_second,
        points=source.points.positions,
        point_colors=source.points.colors,
        background=background,
        load=_decoder(source, ratio, background, cache_bytes),
        load_mask=load_mask if any(camera.masks for camera in cameras) else None,
        notes=source.notes,
    )


def _background_of(capture: TimedCapture) -> tuple[int, int, int]:
    """The color of most borders in the first frame, as of a studio; otherwise black."""
    views = range(0, len(capture), -(-len(capture) // BORDER_PICTURES))
    return border_color([edge for view in views for edge in edges_of(capture.pixels(0, view))]) or BLACK


def _arrival_of(source: TimedSource) -> Callable[[int], Arrival]:
    """Where a frame is: here once all its pictures are there and decode whole."""
    count = min(len(camera.pictures) for camera in source.cameras)
    known: set[int] = set()

    def arrival(frame: int) -> Arrival:
        if frame >= count:
            return Arrival.NEVER
        if frame not in known and not all(_is_whole(camera.pictures[frame]) for camera in source.cameras):
            return Arrival.COMING
        known.add(frame)
        return Arrival.HERE

    return arrival


def _is_whole(picture: Path) -> bool:
    """Whether a picture is there and can be decoded to its end."""
    if not picture.is_file():
        return False
    try:
        with opened(picture) as image:
            image.load()
    except (SignalError, OSError):
        return False
    return True


def frame_count_of(source: TimedSource, path: Path) -> int:
    """Frames of all cameras.

    Raises:
        SignalError: cameras have different numbers of them, or none.
    """
    counts = {camera.name: _length_of(camera) for camera in source.cameras}
    fewest, most = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    if counts[fewest] != counts[most]:
        raise SignalError(
            f"{path}: camera {fewest} has {counts[fewest]} frames, camera {most} has {counts[most]}; expected as many "
            f"of each"
        )
    if not counts[fewest]:
        raise SignalError(f"{path}: no camera has a picture")
    return counts[fewest]


def _length_of(camera: RigCamera) -> int:
    """Frames of a camera; of footage that does not say, they are counted once."""
    return camera.frame_count or sum(1 for _ in camera.clip or ())


def _decoder(
    source: TimedSource, ratio: Fraction, background: tuple[int, int, int], cache_bytes: int
) -> Callable[[int, int], Pixels]:
    """Frame, view -> pixels, through a bounded cache."""
    cameras = source.cameras
    players = [None if camera.clip is None else Player(camera.clip) for camera in cameras]

    def decode(number: int) -> Pixels:
        frame, view = divmod(number, len(cameras))
        camera, lens, player = cameras[view], cameras[view].lens, players[view]
        if player is not None:
            return straightened(player(frame), lens, ratio)
        path = camera.pictures[frame]
        with opened(path) as image:
            pixels, _ = to_rgb8(image, path, background, [])
        if pixels.shape != (lens.height, lens.width, 3):
            raise SignalError(
                f"{path}: {pixels.shape[1]}x{pixels.shape[0]}, expected {lens.width}x{lens.height} as its camera says"
            )
        return straightened(pixels, lens, ratio)

    cache = PixelCache(decode, cache_bytes)
    return lambda frame, view: cache(frame * len(cameras) + view)


def _mask(camera: RigCamera, frame: int, ratio: Fraction) -> UInt8[np.ndarray, "h w"]:
    """1 where most of a pixel is foreground.

    Raises:
        SignalError: it is not of its picture's size.
    """
    path, lens = camera.masks[frame], camera.lens
    with opened(path) as image:
        mask = np.asarray(image.convert("L")) > 0
    if mask.shape != (lens.height, lens.width):
        raise SignalError(
            f"{path}: {mask.shape[1]}x{mask.shape[0]}, expected {lens.width}x{lens.height} as its picture"
        )
    width, height = target_size(lens.width, lens.height, ratio)
    if (height, width) == mask.shape:
        return mask.astype(np.uint8)
    smaller = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
    return (np.asarray(smaller) > 127).astype(np.uint8)
