# SPDX-License-Identifier: Apache-2.0
"""A source enters, a file leaves.

Units are written as they are finished: memory does not grow with the length of a clip, and an encode that was stopped
goes on at the next group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lamina.bitstream import StreamJournal
from lamina.bitstream.container import STREAM_HEADER
from lamina.codec import Choices, Codec, Progress, Unit, UnitKey
from lamina.data import Clip
from lamina.errors import Interrupted, WriteError
from lamina.media.job import PartFolder, RestartPoint, fingerprint_of, open_part, restart_point
from lamina.media.reading import Media, open_media
from lamina.media.sources import Signal, Source, SourceOptions, codec_of_signal, signal_of

ProgressCallback = Callable[[Progress], None]
"""Called a few times a second; may raise `Interrupted` to stop."""


def encode(
    source: Source,
    path: str | Path,
    *,
    preset: str = "default",
    bits_per_pixel: float | None = None,
    size_bytes: int | None = None,
    psnr_db: float | None = None,
    splats: int | None = None,
    rate_weight: float | None = None,
    layers: int | None = None,
    scalability: str | None = None,
    device: str | None = None,
    config: Any = None,
    source_options: SourceOptions | None = None,
    progress: ProgressCallback | None = None,
) -> Media:
    """Code a picture, a clip or a scene into a layered file, and open it.

    `source` is a path (picture, clip, folder of pictures, folder of a capture), uint8 pixels (h, w, 3) or (t, h, w, 3),
    a list of frames, or a `Capture`. At most one of `bits_per_pixel`, `size_bytes`, `psnr_db`, `splats` (pictures and
    clips) and `rate_weight` (lambda, scenes) says what the top level should cost or reach.
    `config` sets every knob of the codec, instead of the options before it. A stopped encode goes on when it is called
    again.

        >>> import numpy as np, lamina
        >>> pixels = np.full((16, 24, 3), 90, np.uint8)
        >>> media = lamina.encode(pixels, "flat.lam", preset="fast", layers=2)
        >>> media.decode().shape
        (16, 24, 3)

    Raises:
        SignalError: the source is missing, malformed, or of a kind that we do not read.
        TargetError: the target is out of reach.
        WriteError: the disk is full or the place not writable; what was there before is untouched.
        Interrupted: `progress` raised it; what is finished is kept in `<path>.part`.
    """
    signal = signal_of(source, source_options)
    if config is None:
        choices = Choices(
            preset, bits_per_pixel, size_bytes, psnr_db, splats, rate_weight, layers, scalability, device=device
        )
        config = codec_of_signal(signal).configure(choices)
    return encode_signal(signal, Path(path), config, progress)


def encode_signal(signal: Signal, path: Path, config: Any, progress: ProgressCallback | None = None) -> Media:
    """Code a signal by a configuration of its codec; see `encode`."""
    codec = codec_of_signal(signal)
    part = open_part(path, fingerprint_of(signal, config))
    try:
        try:
            _append_all(codec, signal, config, part, progress)
        except _HeaderChangedError:
            part.clear()
            _append_all(codec, signal, config, part, progress)
        with StreamJournal(part.journal, codec.wire_id) as journal:
            journal.finish(path)
    except Interrupted as stopped:
        raise _explained(stopped, part, path, codec) from stopped
    except WriteError:
        # What is finished may be worth hours; the same command goes on when there is room.
        if not _frames_in(part, codec):
            part.remove()
        raise
    except Exception:
        part.remove()
        raise
    part.remove()
    return open_media(path)


def _append_all(
    codec: Codec[Any, Any, Any, Any],
    signal: Signal,
    config: Any,
    part: PartFolder,
    progress: ProgressCallback | None,
) -> None:
    """Fit what is not in the journal yet, and append its units."""
    monitor = _JobMonitor(part.checkpoint, progress)
    with StreamJournal(part.journal, codec.wire_id) as journal:
        header = next((unit.payload for unit in journal.units() if unit.key == STREAM_HEADER), None)
        point = restart_point(journal, codec.inspect(header).level_count if header else 0)
        if isinstance(signal, Clip) and point.frame:
            if next(signal.frames(point.frame, point.frame + 1), None) is None:
                return
            monitor.go_on(point, signal.frame_count, header)
            signal = signal.cut(point.frame, None)
            config = _for_the_rest(config, point)
        for unit in codec.encode(codec.fit(signal, config, monitor)):
            if unit.key != STREAM_HEADER:
                journal.append(_moved(unit, point))
            elif header is None:
                journal.append(unit)
            elif header != unit.payload:
                raise _HeaderChangedError


class _HeaderChangedError(Exception):
    """The rest of a clip wants another header than its beginning has: the whole is coded anew."""


def _for_the_rest(config: Any, point: RestartPoint) -> Any:
    """The configuration with the bytes that are left."""
    if config.target.size_bytes is None:
        return config
    left = max(config.target.size_bytes - point.spent_bytes, 1)
    return replace(config, target=replace(config.target, size_bytes=left))


def _moved(unit: Unit, point: RestartPoint) -> Unit:
    """A unit of the rest of a clip, at its place in the whole."""
    group, layer, frame = unit.key
    return replace(unit, key=UnitKey(group + point.group, layer, frame + point.frame))


@dataclass
class _JobMonitor:
    """Between a fit and the user: shares of the rest of a clip become shares of the whole."""

    checkpoint: Path | None
    callback: ProgressCallback | None
    done_before: float = 0.0
    header: bytes | None = None
    """Payload of the stream's header unit, when a clip goes on in its middle: the fit must keep to it."""

    def go_on(self, point: RestartPoint, frame_count: int | None, header: bytes | None) -> None:
        """Note what is done already."""
        self.done_before = point.frame / frame_count if frame_count else 0.0
        self.header = header

    def report(self, progress: Progress) -> None:
        """Pass on."""
        if self.callback is not None:
            done = self.done_before + (1 - self.done_before) * progress.done
            self.callback(replace(progress, done=done))


def _frames_in(part: PartFolder, codec: Codec[Any, Any, Any, Any]) -> int:
    """Frames that the journal holds whole."""
    if not part.journal.is_file():
        return 0
    with StreamJournal(part.journal, codec.wire_id) as journal:
        frames: Iterator[int] = (entry.key.frame for entry in journal.entries if entry.key.layer >= 0)
        return len(set(frames))


def _explained(stopped: Interrupted, part: PartFolder, path: Path, codec: Codec[Any, Any, Any, Any]) -> Interrupted:
    """What was kept, and how to go on."""
    frames = _frames_in(part, codec)
    if frames:
        kept = f"{frames} frames are in {part.journal}, which plays as it is"
    elif part.checkpoint.is_file():
        kept = f"the fit so far is in {part.path}"
    else:
        part.remove()
        return Interrupted(f"{path}: stopped before anything was finished; nothing was written")
    return Interrupted(f"{path}: stopped; {kept}; the same command goes on from there ({stopped})")
