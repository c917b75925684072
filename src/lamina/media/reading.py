# SPDX-License-Identifier: Apache-2.0
"""A file enters; models, frames and pixels of any level, view and time leave. Damage costs what it must and no more."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lamina.bitstream import Stream, read_stream
from lamina.codec import AnyCodec, Model, Size, StreamInfo, View
from lamina.codecs import codec_of_wire_id
from lamina.errors import BitstreamError, TargetError
from lamina.media.decoding import Decoding
from lamina.media.job import journal_of
from lamina.times import FrameSpan, FrameTimes, TimeSpan
from lamina.units import SeenBy

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float32, UInt8

    from lamina.cameras.camera import Camera

MAX_OUTPUT_PIXELS = 1 << 28
"""A picture of 16384 x 16384: its float pixels take 3 GB. Larger ones are refused before anything is allocated."""


def open_media(path: str | Path | bytes) -> Media:
    """Open a Lamina file (or its bytes). Only its front is read; the rest is read when it is asked for.

    Raises:
        BitstreamError: not a Lamina file, of another version, or its front is damaged; or it is not finished: then it
            says which file can be opened meanwhile.
        OSError: the file cannot be opened.
    """
    if not isinstance(path, bytes) and Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder; expected a Lamina file", str(path))
    try:
        return Media(read_stream(path))
    except FileNotFoundError:
        written = None if isinstance(path, bytes) else journal_of(Path(path))
        if written is None or not written.is_file():
            raise
        raise BitstreamError(f"not finished; what is written so far is {written}", str(path)) from None


class Media:
    """An open file: facts at once; pixels, frames and models when they are asked for. A context manager."""

    def __init__(self, stream: Stream) -> None:
        """Take an open stream; `lamina.open` is the usual way.

        Raises:
            BitstreamError: its codec is not known.
        """
        self.stream = stream
        self.codec: AnyCodec = codec_of_wire_id(stream.codec_wire_id)
        self._decoding = Decoding(stream, self.codec)

    @property
    def problems(self) -> Sequence[BitstreamError]:
        """What damage was met so far; what could be shown in spite of it was shown."""
        return self._decoding.problems

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
        return self.stream.frame_count

    @cached_property
    def times(self) -> FrameTimes | None:
        """When each frame is shown, exactly; None for stills.

        Raises:
            BitstreamError: the file's times contradict each other.
        """
        return self.stream.times()

    @property
    def times_s(self) -> tuple[float, ...]:
        """When each frame begins, seconds from the first; of a still (0.0,).

        Raises:
            BitstreamError: as `times`.
        """
        times = self.times
        return (0.0,) if times is None else tuple(float(times.time_s(frame)) for frame in range(times.frame_count))

    @property
    def duration_s(self) -> float | None:
        """Seconds from the first frame to the end of the last; None for stills.

        Raises:
            BitstreamError: as `times`.
        """
        return None if self.times is None else float(self.times.duration_s)

    @property
    def has_variable_rate(self) -> bool:
        """Frames have times of their own; otherwise they are evenly spaced."""
        return self.stream.facts.ticks_per_second is not None

    def frames_in(self, span: FrameSpan) -> tuple[int, int | None]:
        """Start and stop of frames by their numbers, or by the times that they begin at.

        Raises:
            TargetError: no frame begins then, or a still was asked for a time.
            BitstreamError: as `times`.
        """
        if not isinstance(span, TimeSpan):
            return span
        times = self.times
        if times is None:
            raise TargetError(f"{self._name}frames at {span} were asked for, but it stands still")
        start, stop = span.frames(times, times.ticks_per_second, times.frame_count)
        if start >= times.frame_count or (stop is not None and stop <= start):
            lasts = f"it lasts {float(times.duration_s):.2f} s and has {times.frame_count} frames"
            raise TargetError(f"{self._name}no frame begins in {span}; {lasts}")
        return start, stop

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return self.stream.size_bytes

    def refresh(self) -> bool:
        """See what was appended since to a file that is still being written; whether there was anything."""
        self.__dict__.pop("times", None)
        return self.stream.refresh()

    def models(self, start: int = 0, stop: int | None = None, level: int | None = None) -> Iterator[Model]:
        """The best model of each frame start...stop-1, up to `level`. Only the groups needed are read.

        A frame whose base layer is lost has no model and is left out; see `problems`.

        Raises:
            BitstreamError: the header unit of the stream is damaged.
            TargetError: there is no such level or frame.
        """
        return self._decoding.models(self._checked_level(level), self._checked_frames(start, stop))

    def model(self, frame: int = 0, level: int | None = None) -> Model:
        """The model of one frame: a dataclass of tensors, such as `lamina.codecs.planar.model.PlanarModel`.

        Raises:
            BitstreamError: the frame is lost.
            TargetError: there is no such frame or level.
        """
        for model in self.models(frame, frame + 1, level):
            return model
        raise self._nothing_left(f"frame {frame}")

    def cameras(self) -> Sequence[Camera]:
        """Views of the capture that the file keeps for viewers: may be none.

        Raises:
            BitstreamError: nothing is left of the first frame.
        """
        has_cameras = self.info.seen_by == SeenBy.CAMERA or self.info.has_cameras
        return self.model(level=0).cameras if has_cameras else ()

    def render(
        self, view: View | None = None, *, frame: int = 0, level: int | None = None, model: Model | None = None
    ) -> UInt8[np.ndarray, "h w 3"]:
        """What is seen from a view (a camera, or a `lamina.Size`), 8-bit sRGB; None: the model's own view.

        `model` (of `media.model(...)`) spares decoding it again.

        Raises:
            BitstreamError: nothing is left of the frame.
            TargetError: there is no such level, frame or size, or a size is no view of it, or a camera is none.
        """
        self._check_view(view)
        model = self.model(frame, level) if model is None else model
        shown = model.view if view is None or view == Size() else view
        self._check_pixels(shown.width, shown.height)
        return self._pixels(model, shown)

    def frames(
        self,
        start: int = 0,
        stop: int | None = None,
        level: int | None = None,
        size: tuple[int, int] | None = None,
        stage: Callable[[Model], Model] | None = None,
    ) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        """Pixels of frames start...stop-1 (to the end if None), 8-bit sRGB, all of one size.

        `size` is (width, height); None is the level's own. A frame that damage has lost shows the one before it.
        `stage` makes of each model the one that is rendered (`backdrops.standing_before`).

        Raises:
            BitstreamError: no frame is left.
            TargetError: there is no such level, frame or size, or only a camera sees it.
        """
        self._check_view(Size())
        wanted = self._checked_frames(start, stop)
        if size is not None:
            self._check_pixels(*size)
        expected, pixels = wanted.start, None
        for model in self.models(wanted.start, wanted.stop, level):
            staged = model if stage is None else stage(model)
            shown = self.render(Size(*size) if size else None, model=staged)
            size = (shown.shape[1], shown.shape[0])
            for _ in range(model.frame - expected):
                yield shown if pixels is None else pixels
            pixels, expected = shown, model.frame + 1
            yield pixels
        if pixels is None:
            raise self._nothing_left(f"frames {wanted.start}...{wanted.stop - 1}")
        for _ in range(wanted.stop - expected):
            yield pixels

    def decode(
        self, level: int | None = None, size: tuple[int, int] | None = None
    ) -> UInt8[np.ndarray, "h w 3"] | UInt8[np.ndarray, "t h w 3"]:
        """All pixels of a level, 8-bit sRGB: (h, w, 3) for a still, (t, h, w, 3) for a clip.

        `level` None is the best; `size` (width, height) None is the level's own. Long clips: use `frames`.

        Raises:
            BitstreamError: nothing is left of it.
            TargetError: there is no such level, the size is absurd, or only a camera sees it.
        """
        import numpy as np

        frames = list(self.frames(level=level, size=size))
        return np.stack(frames) if self.info.is_timed else frames[0]

    def close(self) -> None:
        """Close the file."""
        self.stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        info = self.info
        frames = f", {self.frame_count} frame{'s' if self.frame_count != 1 else ''}" if info.is_timed else ""
        return (
            f"<lamina.Media {self.stream.name or 'in memory'}: {info.kind} {info.width}x{info.height}{frames}, "
            f"{self.level_count} levels, {self.size_bytes} bytes>"
        )

    def _pixels(self, model: Model, view: View) -> UInt8[np.ndarray, "h w 3"]:
        import numpy as np

        try:
            pixels = _rendered(self.codec, model, view) if self.codec.show is None else self.codec.show(model, view)
        except ValueError as error:
            # Only splats that nobody would have sent make more pairs with tiles than memory holds.
            raise BitstreamError(f"what it holds cannot be rendered: {error}", path=self.stream.name) from error
        levels = pixels * np.float32(255.0)
        np.clip(np.rint(levels, out=levels), 0, 255, out=levels)
        with np.errstate(invalid="ignore"):
            return levels.astype(np.uint8)

    def _check_view(self, view: View | None) -> None:
        by_camera = self.info.seen_by == SeenBy.CAMERA
        if view is None or isinstance(view, Size) != by_camera or (self.info.has_cameras and not by_camera):
            return
        if by_camera:
            raise TargetError(
                f"{self._name}a {self.info.kind} has no pixels of its own: look at it with a camera (lamina render, "
                f"media.render)"
            )
        raise TargetError(f"{self._name}this is a {self.info.kind}, which no camera looks at: use decode")

    def _check_pixels(self, width: int | None, height: int | None) -> None:
        if width is None or height is None:
            return
        if min(width, height) < 1 or width * height > MAX_OUTPUT_PIXELS:
            raise TargetError(
                f"{self._name}{width}x{height} pixels cannot be made: expected at least 1x1 and at most "
                f"{MAX_OUTPUT_PIXELS / 1e6:.0f} megapixels; choose another size"
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

    @property
    def _name(self) -> str:
        return f"{self.stream.name}: " if self.stream.name else ""

    def _nothing_left(self, what: str) -> BitstreamError:
        if self.problems:
            first = self.problems[0]
            return replace(first, problem=f"{first.problem}; nothing of what was asked for is left, get the file anew")
        return BitstreamError("no unit of these frames is in the file", what, path=self.stream.name)


def _rendered(codec: AnyCodec, model: Model, view: View) -> Float32[np.ndarray, "h w 3"]:
    """What a codec renders to tensors, as an array."""
    import torch

    with torch.inference_mode():
        return codec.render(model, view).float().cpu().numpy()
