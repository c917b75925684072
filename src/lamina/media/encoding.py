# SPDX-License-Identifier: Apache-2.0
"""A source enters, a file leaves.

Units are written as they are finished: memory does not grow with length, and an encode that was stopped, whose disk was
full or whose process was killed goes on from there when it is called again. How, is the codec's own business.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lamina.arriving import is_passing
from lamina.atomic import replacing_path, write_errors
from lamina.codec import AnyCodec, Choices, Progress, Session, Signal, ignore
from lamina.codecs import codec_for
from lamina.errors import Interrupted
from lamina.media.configuring import configured, target_of
from lamina.media.job import JobJournal, PartFolder, job_key, opened_part
from lamina.media.reading import Media, open_media
from lamina.media.sources import Source, SourceOptions, signal_of
from lamina.units import HEADER_LAYER, Unit

ProgressCallback = Callable[[Progress], None]
"""Called a few times a second; may raise `Interrupted` to stop."""


def encode(
    source: Source,
    path: str | Path,
    *,
    codec: str | None = None,
    preset: str = "default",
    bits_per_pixel: float | None = None,
    size_bytes: float | None = None,
    bits_per_second: float | None = None,
    psnr_db: float | None = None,
    splats: float | None = None,
    rate_weight: float | None = None,
    layers: int | None = None,
    config: Any = None,
    source_options: SourceOptions | None = None,
    progress: ProgressCallback | None = None,
    **fields: Any,
) -> Media:
    """Code a picture, a clip or a capture into a layered file, and open it.

    `source` is a path (picture, clip, folder of pictures, folder of a capture), uint8 pixels (h, w, 3) or (t, h, w, 3),
    a list of frames, or a signal (`lamina.Picture`, `Clip`, `Capture`, `TimedCapture`). At most one of
    `bits_per_pixel`, `size_bytes`, `bits_per_second`, `psnr_db`, `splats` and `rate_weight` (lambda) says what the top
    level should cost or reach. Any other keyword is a field of the codec's configuration (``seed=3``,
    ``group_frames=32``; None: the preset's); `config` is a whole one, instead of all options before it. A stopped
    encode goes on when it is called again.

        >>> import numpy as np, lamina
        >>> pixels = np.full((16, 24, 3), 90, np.uint8)
        >>> media = lamina.encode(pixels, "flat.lam", preset="fast", layers=2, seed=3)
        >>> media.decode().shape
        (16, 24, 3)

    Raises:
        SignalError: the source is missing, malformed, or of a kind that we do not read.
        TargetError: the target is out of reach.
        ValueError: no such codec, preset, target or field, or a value out of range.
        WriteError: the disk is full or the place not writable, or another encode writes there; what was there before is
            untouched.
        Interrupted: `progress` raised it; what is finished is kept in `<path>.part`.
    """
    signal = signal_of(source, source_options)
    chosen = codec_for(signal.medium, codec)
    if config is None:
        target = target_of(
            bits_per_pixel=bits_per_pixel, size_bytes=size_bytes, bits_per_second=bits_per_second, psnr_db=psnr_db,
            splats=splats, rate_weight=rate_weight,
        )  # fmt: skip
        config = configured(chosen, Choices(preset, target, layers), fields)
    return encode_signal(signal, Path(path), chosen, config, progress)


def encode_signal(
    signal: Signal, path: Path, codec: AnyCodec, config: Any, progress: ProgressCallback | None = None
) -> Media:
    """Code a signal by a configuration of a codec; see `encode`."""
    with opened_part(path, job_key(codec, signal, config)) as part:
        try:
            with part.open_journal(codec, signal) as journal:
                session = Session(progress or ignore, part.checkpoint, part.key, journal)
                append_all(codec, signal, config, session, journal.append)
                finished = _finished(journal, path)
        except Interrupted as stopped:
            raise _explained(stopped, part, path, codec, signal) from stopped
        except Exception:
            # What is finished may be worth hours: the same command goes on when there is room, or time, or memory.
            if not part.holds_anything():
                part.remove()
            raise
        part.remove()
    return open_media(path) if finished is None else open_media(finished)


def _finished(journal: JobJournal, path: Path) -> bytes | None:
    """The file at its place; its bytes, where it has gone down a pipe and cannot be read again."""
    if not is_passing(path):
        journal.finish(path)
        return None
    with tempfile.TemporaryDirectory(prefix="lamina-") as folder:
        whole = Path(folder) / "stream.lam"
        journal.finish(whole)
        data = whole.read_bytes()
    with write_errors(path), replacing_path(path) as temporary:
        temporary.write_bytes(data)
    return data


def append_all(
    codec: AnyCodec, signal: Signal, config: Any, session: Session, append: Callable[[list[Unit]], None]
) -> None:
    """Fit and encode; units are appended part by part, all that there are before the fit goes on."""
    made: list[Unit] = []

    def flush() -> None:
        if made:
            append(list(made))
            made.clear()

    def parts() -> Iterator[Any]:
        for part in codec.fit(signal, config, session):
            yield part
            flush()

    for unit in codec.encode(parts()):
        made.append(unit)
    flush()


def _explained(stopped: Interrupted, part: PartFolder, path: Path, codec: AnyCodec, signal: Signal) -> Interrupted:
    """What was kept, and how to go on."""
    with part.open_journal(codec, signal) as journal:
        frames = len({key.frame for key in journal.keys if key.layer != HEADER_LAYER})
    if frames:
        kept = f"{frames} frame{'s' if frames > 1 else ''} of it {'are' if frames > 1 else 'is'} in {part.journal}, "
        kept += "which plays as it is"
    elif part.checkpoint.is_file():
        kept = f"the fit so far is in {part.path}"
    else:
        part.remove()
        return Interrupted(f"{path}: stopped before anything was finished; nothing was written")
    return Interrupted(f"{path}: stopped; {kept}; the same command goes on from there ({stopped})")
