# SPDX-License-Identifier: Apache-2.0
"""The units of an open stream enter, the best model of each frame leaves; one decoder over all groups, past damage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lamina.bitstream import Damage, IndexEntry, Stream
from lamina.codec import AnyCodec, Model
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, Unit, UnitKey


class Decoding:
    """How a stream is decoded, and what damage was met so far."""

    def __init__(self, stream: Stream, codec: AnyCodec) -> None:
        self._stream = stream
        self._codec = codec
        self.problems: list[BitstreamError] = list(stream.problems)
        self._damage = Damage(stream.chain_of)

    def models(self, level: int, frames: range) -> Iterator[Model]:
        """The best model of each of the frames that the stream has, up to a level.

        Raises:
            BitstreamError: the header unit of the stream is damaged.
        """
        entries = sorted(self._stream.select(level, None, frames, self.lose), key=_frame_by_frame)
        done = frames.start - 1
        while True:
            feed = _Feed(self, entries)
            try:
                for model in _best_of_each_frame(self._codec.decode(iter(feed)), feed):
                    if model.frame in frames and model.frame > done:
                        done = model.frame
                        yield model
                return
            except BitstreamError as error:
                if feed.current is None or feed.current == STREAM_HEADER:
                    raise
                self.lose(feed.current, error)
                entries = self._from_the_chain_of(feed.current.group, entries)

    def unit(self, entry: IndexEntry) -> Unit | None:
        """The unit of an entry; None where damage has cost it."""
        if self._damage.costs(entry.key, entry.frame_count):
            return None
        try:
            return self._stream.unit(entry)
        except BitstreamError as error:
            if entry.key == STREAM_HEADER:
                raise
            self.lose(entry.key, error)
            return None

    def lose(self, key: UnitKey, error: BitstreamError) -> None:
        """Note that a unit is lost, and why."""
        error.unit = error.unit or str(key)
        error.path = error.path or self._stream.name
        self.problems.append(error)
        self._damage.add(key)

    def _from_the_chain_of(self, group: int, entries: list[IndexEntry]) -> list[IndexEntry]:
        """What a new decoder needs to go on at a group: the stream group, and all from the group's chain on."""
        if group == STREAM_GROUP:
            return entries
        first = self._stream.chain_of(group)
        return [entry for entry in entries if entry.key.group == STREAM_GROUP or entry.key.group >= first]


@dataclass
class _Feed:
    """Units for a decoder, in the order given, without those that damage costs; knows which one was taken last."""

    decoding: Decoding
    entries: list[IndexEntry]
    current: UnitKey | None = None

    def __iter__(self) -> Iterator[Unit]:
        for entry in self.entries:
            unit = self.decoding.unit(entry)
            if unit is not None:
                self.current = entry.key
                yield unit


def _frame_by_frame(entry: IndexEntry) -> tuple[int, bool, int, int]:
    """Group by group, in a group header units first, then frame by frame: a decoder holds one frame at a time."""
    return entry.key.group, entry.key.layer != HEADER_LAYER, entry.key.frame, entry.key.layer


def _best_of_each_frame(models: Iterator[Model], feed: _Feed) -> Iterator[Model]:
    """Of models that get better, the last of each frame: it is final when units of later frames come."""
    best: dict[int, Model] = {}
    for model in models:
        reached = feed.current.frame if feed.current is not None else 0
        for frame in sorted(frame for frame in best if frame < min(reached, model.frame)):
            yield best.pop(frame)
        best[model.frame] = model
    for frame in sorted(best):
        yield best[frame]
