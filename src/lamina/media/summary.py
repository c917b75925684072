# SPDX-License-Identifier: Apache-2.0
"""A file enters, facts about it leave: what it is, bytes and quality of each level and group, where the bytes go.

No torch, and nothing is decoded: `lamina info` must answer at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

from lamina.bitstream import IndexEntry, Stream, codecs_string
from lamina.bitstream.cutting import size_after_cut
from lamina.codec import StreamInfo
from lamina.codecs import codec_of_wire_id
from lamina.errors import BitstreamError
from lamina.media.delivery import Delivery, delivery_of
from lamina.units import HEADER_LAYER, STREAM_GROUP, SeenBy, Unit

CONTAINER_PART = "container"
"""Magic, header, directory, records and check sums of the file."""
DAMAGED_PART = "damaged units"
"""Payloads that are not what their check sum says."""


@dataclass(frozen=True, slots=True)
class LevelSummary:
    """One level: what is reached by layers 0...level together."""

    level: int
    size_bytes: int
    """Of the file when it is cut at this level, everything counted."""
    bits_per_pixel: float | None
    """The same per pixel of full size and frame; None for what is seen by cameras, which has no pixels of its own."""
    kilobits_per_second: float | None
    """The same over the duration; None for stills."""
    quality_db: float | None
    """What the encoder measured, mean over frames; None: unknown."""


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """A part that decodes without any other group, or on top of the one before."""

    group: int
    first_frame: int
    frame_count: int
    is_chained: bool
    """It builds on the group before."""
    layer_bytes: tuple[int, ...]
    """Payloads of each layer, base first."""
    quality_db: float | None
    """Of the highest level, mean over frames."""


@dataclass(frozen=True, slots=True)
class Summary:
    """All that `lamina info` says."""

    path: str
    size_bytes: int
    codec: str
    codecs: str
    """As in a manifest or a MIME type: ``lam1.planar.1``."""
    info: StreamInfo
    frame_count: int
    duration_s: float | None
    """None for stills."""
    has_variable_rate: bool
    """Frames have times of their own; the rate is their mean."""
    stream_bytes: int
    """Payloads of what all groups need: the header unit, and a model that is sent once."""
    levels: tuple[LevelSummary, ...]
    groups: tuple[GroupSummary, ...]
    delivery: Delivery | None
    """What a viewer receives of it; None for stills."""
    parts: dict[str, int]
    """Bytes of the file by what they say; they sum to `size_bytes`."""
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        info = asdict(self.info)
        rate = self.info.frames_per_second
        info |= {
            "seen_by": self.info.seen_by.name.lower(),
            "quality_metric": self.info.quality_metric.name.lower(),
            "frames_per_second": float(rate) if rate is not None else None,
            "details": {name: str(value) for name, value in info["details"].items()},
        }
        plain = asdict(self) | info
        del plain["info"]
        return plain


def summarize(stream: Stream) -> Summary:
    """Facts about an open file.

    Raises:
        BitstreamError: its header unit is damaged or its codec unknown. Damage elsewhere is listed in `problems`.
    """
    codec = codec_of_wire_id(stream.codec_wire_id)
    header = stream.header_unit()
    info = codec.inspect(header.payload)
    by_size = info.seen_by == SeenBy.SIZE
    pixel_count = info.width * info.height * max(stream.frame_count, 1) if by_size else 0
    seconds = stream.duration_s or 0.0
    levels: list[LevelSummary] = []
    for level in range(stream.level_count):
        size_bytes = size_after_cut(stream, level)
        levels.append(
            LevelSummary(
                level,
                size_bytes,
                8 * size_bytes / pixel_count if pixel_count else None,
                8e-3 * size_bytes / seconds if seconds else None,
                _mean_quality(entry for entry in stream.entries if entry.key.layer == level),
            )
        )
    parts, problems = _parts(stream, header)
    return Summary(
        path=stream.name,
        size_bytes=stream.size_bytes,
        codec=codec.name,
        codecs=codecs_string(codec.name, codec.version),
        info=info,
        frame_count=stream.frame_count,
        duration_s=seconds or None,
        has_variable_rate=stream.facts.ticks_per_second is not None,
        stream_bytes=sum(entry.length for entry in stream.entries if entry.key.group == STREAM_GROUP),
        levels=tuple(levels),
        groups=tuple(_groups(stream)),
        delivery=delivery_of(stream),
        parts=parts,
        problems=tuple(str(problem) for problem in (*stream.problems, *problems)),
    )


def _groups(stream: Stream) -> Iterator[GroupSummary]:
    by_group: dict[int, list[IndexEntry]] = {}
    for entry in stream.entries:
        if entry.key.group != STREAM_GROUP and entry.key.layer != HEADER_LAYER:
            by_group.setdefault(entry.key.group, []).append(entry)
    for group, entries in by_group.items():
        frames = {entry.key.frame + later for entry in entries for later in range(entry.frame_count)}
        layer_bytes = Counter[int]()
        for entry in entries:
            layer_bytes[entry.key.layer] += entry.length
        top = max(layer_bytes)
        quality_db = _mean_quality(entry for entry in entries if entry.key.layer == top)
        sizes = tuple(layer_bytes[layer] for layer in range(top + 1))
        yield GroupSummary(group, min(frames), len(frames), stream.is_chained(group), sizes, quality_db)


def _parts(stream: Stream, header: Unit) -> tuple[dict[str, int], list[BitstreamError]]:
    codec = codec_of_wire_id(stream.codec_wire_id)
    parts, problems = Counter[str](), []
    for entry in stream.entries:
        try:
            parts.update(codec.breakdown(header.payload, stream.unit(entry)))
        except BitstreamError as error:
            problems.append(error)
            parts[DAMAGED_PART] += max(min(entry.stop, stream.size_bytes) - entry.offset, 0)
    parts[CONTAINER_PART] = stream.size_bytes - sum(parts.values())
    return dict(parts), problems


def _mean_quality(entries: Iterable[IndexEntry]) -> float | None:
    known = [entry.quality_db for entry in entries if entry.quality_db is not None]
    return fmean(known) if known else None
