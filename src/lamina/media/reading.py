# SPDX-License-Identifier: Apache-2.0
"""A file enters; models, frames and pixels of any level, size and time leave. Damage costs what it must and no more."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lamina.bitstream import Damage, IndexEntry, Stream, read_stream
from lamina.codec import HEADER_LAYER, Codec, StreamInfo, Unit, UnitKey
from lamina.codecs import codec_of_wire_id
from lamina.errors import BitstreamError, TargetError

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8

    from lamina.render.cameras import Camera

MAX_OUTPUT_PIXELS = 1 << 28
"""A picture of 16384 x 16384: its float pixels take 3 GB. Larger ones are refused before anything is allocated."""

SCENE = "scene"
"""`StreamInfo.kind` of what is seen through cameras."""


def open_media(path: str | Path | bytes) -> Media:
    """Open a Lamina file (or its bytes). Only its index is read; the rest is read when it is asked for.

    Raises:
        BitstreamError: not a Lamina file, of a future version, or its header or index are damaged.
        OSError: the file cannot be opened.
    """
    if not isinstance(path, bytes) and Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder; expected a Lamina file", str(path))
    return Media(read_stream(path))


class Media:
    """An open file: facts at once; pixels, frames and models when they are asked for. A context manager."""

    def __init__(self, stream: Stream) -> None:
        """Take an open stream; `lamina.open` is the usual way.

        Raises:
            BitstreamError: its codec is not known.
        """
        self.stream = stream
        self.codec: Codec[Any, Any, Any, Any] = codec_of_wire_id(stream.codec_wire_id)
        self.problems: list[BitstreamError] = list(stream.problems)
        """What damage was met so far; what could be shown in spite of it was shown."""
        self._damage = Damage()

    @cached_property
    def info(self) -> StreamInfo:
        """What it is: kind, full size, levels, rate. Needs no torch.

        Raises:
            BitstreamError: the header unit is damaged.
        """
        return self.codec.inspect(self.stream.header_unit().payload)

    @property
    def level_count(self) -> int:
        """Levels that the file reaches; level 0 is the coarsest, `level_count - 1` the best."""
        return self.stream.level_count

    @property
    def frame_count(self) -> int:
        """Frames; 1 for a still."""
        return self.stream.header.frame_count

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self.stream.size_bytes

    def models(self, start: int = 0, stop: int | None = None, level: int | None = None) -> Iterator[Any]:
        """The best model of each frame start...stop-1, up to `level`. Only the groups needed are read.

        A frame whose base layer is lost has no model and is left out; see `problems`.

        Raises:
            BitstreamError: the header unit of the stream is damaged.
            TargetError: there is no such level or frame.
        """
        level, frames = self._checked_level(level), self._checked_frames(start, stop)
        header = self.stream.header_unit()
        by_group: dict[int, list[IndexEntry]] = {}
        for entry in self.stream.select(level, None, frames):
            by_group.setdefault(entry.key.group, []).append(entry)
        for entries in by_group.values():
            yield from self._group_models(header, sorted(entries, key=_by_frame), frames)

    def model(self, frame: int = 0, level: int | None = None) -> Any:
        """The model of one frame: a dataclass of tensors, such as `lamina.codecs.planar.model.PlanarModel`.

        Raises:
            BitstreamError: the frame is lost.
            TargetError: there is no such frame or level.
        """
        for model in self.models(frame, frame + 1, level):
            return model
        raise self._nothing_left(f"frame {frame}")

    def frames(
        self, start: int = 0, stop: int | None = None, level: int | None = None, size: tuple[int, int] | None = None
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Pixels of frames start...stop-1 (to the end if None), 8-bit sRGB, all of one size.

        `size` is (width, height); None is the level's own. A frame that damage has lost shows the one before it.

        Raises:
            BitstreamError: no frame is left.
            TargetError: there is no such level, frame or size.
        """
        self._expect_scene(False)
        wanted = self._checked_frames(start, stop)
        size = self._checked_size(size)
        expected, pixels = wanted.start, None
        for model in self.models(wanted.start, wanted.stop, level):
            if model.frame < expected:
                continue
            shown = self._frame(model, size)
            size = (shown.shape[1], shown.shape[0])
            for _ in range(model.frame - expected):
                yield shown if pixels is None else pixels
            pixels, expected = shown, model.frame + 1
            yield pixels
        if pixels is None:
            raise self._nothing_left(f"frames {wanted.start}...{wanted.stop - 1}")
        for _ in range(wanted.stop - expected):
            yield pixels

    def render(self, camera: Camera, level: int | None = None, *, model: Any = None) -> UInt8[np.ndarray, "h w 3"]:
        """What a camera sees of a scene, 8-bit sRGB; `model` (of `media.model(level=...)`) spares decoding it again.

        Raises:
            BitstreamError: nothing is left of the scene.
            TargetError: there is no such level, or the file holds no scene.
        """
        self._expect_scene(True)
        self._checked_size((camera.width, camera.height))
        return self._pixels(self.model(level=level) if model is None else model, camera)

    def decode(
        self, level: int | None = None, size: tuple[int, int] | None = None
    ) -> UInt8[np.ndarray, "h w 3"] | UInt8[np.ndarray, "t h w 3"]:
        """All pixels of a level, 8-bit sRGB: (h, w, 3) for a still, (t, h, w, 3) for a clip.

        `level` None is the best; `size` (width, height) None is the level's own. Long clips: use `frames`.

        Raises:
            BitstreamError: nothing is left of it.
            TargetError: there is no such level, or the size is absurd.
        """
        import numpy as np

        frames = list(self.frames(level=level, size=size))
        return frames[0] if self.info.kind == "image" else np.stack(frames)

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self.info
        frames = "" if info.kind == "image" else f", {self.frame_count} frames"
        return (
            f"<lamina.Media {self.stream.name or 'in memory'}: {info.kind} {info.width}x{info.height}{frames}, "
            f"{self.level_count} levels, {self.size_bytes} bytes>"
        )

    def _group_models(self, header: Unit, entries: list[IndexEntry], frames: range) -> Iterator[Any]:
        """Models of one group; begins it again without the unit when a unit turns out not to follow the syntax."""
        done = frames.start - 1
        while True:
            feed = _Feed(self, header, entries)
            try:
                for model in _best_of_each_frame(self.codec.decode(feed)):
                    if model.frame in frames and model.frame > done:
                        done = model.frame
                        yield model
                return
            except BitstreamError as error:
                if feed.current is None or (feed.current.layer == HEADER_LAYER and feed.current.group == 0):
                    raise
                self._lose(feed.current, error)

    def _lose(self, key: UnitKey, error: BitstreamError) -> None:
        error.unit = error.unit or str(key)
        error.path = error.path or self.stream.name
        self.problems.append(error)
        self._damage.add(key)

    def _frame(self, model: Any, size: tuple[int, int] | None) -> UInt8[np.ndarray, "h w 3"]:
        from lamina.codecs.planar.model import View

        if size is None:
            self._checked_size((model.level_width, model.level_height))
        return self._pixels(model, View(*size) if size else None)

    def _pixels(self, model: Any, view: Any) -> UInt8[np.ndarray, "h w 3"]:
        import torch

        with torch.inference_mode():
            try:
                pixels = self.codec.render(model, view)
            except ValueError as error:
                # Only splats that nobody would have sent make more pairs with tiles than memory holds.
                raise BitstreamError(f"what it holds cannot be rendered: {error}", path=self.stream.name) from error
            return pixels.mul(255).round_().clamp_(0, 255).to(torch.uint8).cpu().numpy()

    def _expect_scene(self, wanted: bool) -> None:
        if (self.info.kind == SCENE) == wanted:
            return
        if wanted:
            raise TargetError(f"{self._name}this is a {self.info.kind}, which no camera looks at: use decode")
        raise TargetError(
            f"{self._name}a scene has no frames of its own: look at it with a camera (lamina render, media.render), or "
            f"decode its Gaussians (.ply, .spz)"
        )

    def _checked_level(self, level: int | None) -> int:
        level = self.level_count - 1 if level is None else level
        if not 0 <= level < self.level_count:
            raise TargetError(
                f"{self._name}level {level} was asked for, the file has levels 0...{self.level_count - 1}"
            )
        return level

    def _checked_frames(self, start: int, stop: int | None) -> range:
        stop = self.frame_count if stop is None else stop
        if not 0 <= start < stop <= self.frame_count:
            raise TargetError(
                f"{self._name}frames {start}:{stop} were asked for, the file has frames 0:{self.frame_count}"
            )
        return range(start, stop)

    def _checked_size(self, size: tuple[int, int] | None) -> tuple[int, int] | None:
        if size is not None and (min(size) < 1 or size[0] * size[1] > MAX_OUTPUT_PIXELS):
            raise TargetError(
                f"{self._name}{size[0]}x{size[1]} pixels cannot be made: expected at least 1x1 and at most "
                f"{MAX_OUTPUT_PIXELS / 1e6:.0f} megapixels; choose another size"
            )
        return size

    @property
    def _name(self) -> str:
        return f"{self.stream.name}: " if self.stream.name else ""

    def _nothing_left(self, what: str) -> BitstreamError:
        if self.problems:
            return self.problems[0]
        return BitstreamError("no unit of these frames is in the file", what, path=self.stream.name)


@dataclass
class _Feed:
    """Units for a decoder, in the order given, without those that damage costs; knows which one was taken last."""

    media: Media
    header: Unit
    entries: list[IndexEntry]
    current: UnitKey | None = None

    def __iter__(self) -> Iterator[Unit]:
        media = self.media
        self.current = self.header.key
        yield self.header
        for entry in self.entries:
            if entry.key == self.header.key or media._damage.costs(entry.key):
                continue
            self.current = entry.key
            try:
                unit = media.stream.unit(entry)
            except BitstreamError as error:
                media._lose(entry.key, error)
                continue
            yield unit


def _by_frame(entry: IndexEntry) -> tuple[bool, int, int]:
    """Header units first, then frame by frame: a decoder holds one frame at a time."""
    return entry.key.layer != HEADER_LAYER, entry.key.frame, entry.key.layer


def _best_of_each_frame(models: Iterator[Any]) -> Iterator[Any]:
    """Of models that get better frame by frame, the last of each frame."""
    best = None
    for model in models:
        if best is not None and model.frame != best.frame:
            yield best
        best = model
    if best is not None:
        yield best
