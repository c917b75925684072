# SPDX-License-Identifier: Apache-2.0
"""What the next frame builds on: a first frame enters, or what is written so far; the state that a decoder has leaves.

With it goes what only the encoder knows: statistics of differences, and the pace.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from lamina.anchors.context.fixed import FixedContext
from lamina.codec import Session
from lamina.codecs.freeview.coding import CellFrames, Decoder, decode_states, encode_first
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.rate import Statistics, first_statistics, statistics_of
from lamina.codecs.freeview.frame_coding import Changes, ScaleState, applied, at_rest, pack_scale
from lamina.codecs.freeview.model import FirstPart, FreeviewModel
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.errors import TargetError
from lamina.fitting.pace import Pace
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

UNIT_BYTES = 5
"""That a container takes for a unit, about."""


@dataclass(frozen=True, eq=False)
class Chain:
    """What the next frame builds on."""

    rest: Rest
    context: FixedContext
    frame: int
    """Number of the next frame."""
    states: tuple[ScaleState, ...]
    statistics: tuple[Statistics, ...]
    pace: Pace


def begun(first: FirstPart, config: FreeviewConfig, frame_count: int | None) -> Chain:
    """Before the first frame."""
    rest = Rest(first.facts, first.heads, first.layers, first.cameras)
    states = tuple(at_rest(rest, scale) for scale in range(first.facts.anchors.layers))
    pace = pace_of(config, rest.facts, stream_bytes(first), frame_count)
    return Chain(rest, first.context, 0, states, fresh_statistics(rest), pace)


def stream_bytes(first: FirstPart) -> int:
    """Of the units that are sent once, which decides what is left for frames."""
    return sum(len(unit.payload) for unit in encode_first(first))


def pace_of(config: FreeviewConfig, facts: FreeviewFacts, first_bytes: int, frame_count: int | None) -> Pace:
    """Before the first frame, whose scene took so many bytes.

    Raises:
        TargetError: a size was asked for that this scene alone takes, or of a capture without an end.
    """
    rate, bits_per_second = Fraction(facts.rate_numerator, facts.rate_denominator), config.bits_per_second
    if config.size_bytes is not None:
        if frame_count is None:
            raise TargetError("a size was asked for of a capture that has no end yet: ask for kbit/s, or for frames")
        left = config.size_bytes - first_bytes - UNIT_BYTES * facts.anchors.layers * frame_count
        if frame_count > 1:
            if left <= 0:
                raise TargetError(
                    f"{config.size_bytes} bytes were asked for, the first frame alone takes {first_bytes}: ask for "
                    "more, or encode smaller pictures"
                )
            bits_per_second = 8 * left * float(rate) / (frame_count - 1)
    return Pace.of(config.rate_weight, bits_per_second, rate)


def fresh_statistics(rest: Rest) -> tuple[Statistics, ...]:
    """Of all scales, where a viewer can join."""
    return tuple(first_statistics(rest.channels.count) for _ in range(rest.facts.anchors.layers))


def resumed(config: FreeviewConfig, session: Session, frame_count: int | None) -> Chain | None:
    """What the session's stream is at after its last whole frame, the rest of it forgotten; None: nothing to go on."""
    keys = session.written.keys
    frames: dict[int, int] = {}
    for key in keys:
        if key.group != STREAM_GROUP and key.layer != HEADER_LAYER:
            frames[key.frame] = frames.get(key.frame, 0) + 1
    whole = -1
    while frames.get(whole + 1, 0) == config.level_count:
        whole += 1
    stream_units = sum(key.group == STREAM_GROUP for key in keys)
    if stream_units < config.level_count + 1:
        session.written.keep(0)
        return None
    session.written.keep(stream_units + (whole + 1) * config.level_count)
    return _replayed(config, session, whole, frame_count)


def _replayed(config: FreeviewConfig, session: Session, last: int, frame_count: int | None) -> Chain:
    """The decoder's state after frame `last`; sizes of all frames before tell the pace."""
    group = config.group_of(max(last, 0))
    while not config.joins(group):
        group -= 1
    decoder: Decoder | None = None
    sizes: dict[int, int] = {}
    statistics: list[Statistics] = []

    once = 0

    def wanted() -> Iterator[Unit]:
        nonlocal once
        for unit in session.written.units():
            if unit.key.group == STREAM_GROUP:
                once += len(unit.payload)
            else:
                sizes[unit.key.frame] = sizes.get(unit.key.frame, 0) + len(unit.payload)
            if unit.key.group == STREAM_GROUP or unit.key.group >= group:
                yield unit

    for unit, found, state in decode_states(wanted()):
        decoder = found
        statistics = statistics or list(fresh_statistics(found.rest)) if state is not None else statistics
        if isinstance(state, ScaleState) and not config.is_join(unit.key.frame):
            statistics[unit.key.layer] = statistics_of(state.differences, statistics[unit.key.layer])
    assert decoder is not None
    if last < 0:
        rest = decoder.rest
        first = FirstPart(decoder.facts, rest.heads, decoder.context, rest.layers, rest.cameras)
        return begun(first, config, frame_count)
    pace = pace_of(config, decoder.facts, once, frame_count)
    for frame in range(last + 1):
        pace = pace.after(sizes[frame])
    assert isinstance(decoder.frames, CellFrames)
    states = tuple(decoder.frames.states[scale][last] for scale in range(config.level_count))
    return Chain(decoder.rest, decoder.context, last + 1, states, tuple(statistics), pace)


def states_after(
    rest: Rest, context: FixedContext, changes: Sequence[Changes], before: Sequence[ScaleState]
) -> tuple[tuple[ScaleState, ...], int]:
    """States of all scales after a frame, and the bytes of its units."""
    states: list[ScaleState] = []
    size_bytes = 0
    for scale, (own, known) in enumerate(zip(changes, before, strict=True)):
        payload, state = pack_scale(rest, context, scale, own, known, states[-1] if states else None)
        states.append(state)
        size_bytes += len(payload)
    return tuple(states), size_bytes


def model_after(rest: Rest, frame: int, changes: Sequence[Changes], before: Sequence[ScaleState]) -> FreeviewModel:
    """What a decoder will show, nothing coded."""
    shown = [applied(own, known) for own, known in zip(changes, before, strict=True)]
    return FreeviewModel(
        rest, frame, len(shown) - 1, tuple(sums for sums, _ in shown), tuple(guests for _, guests in shown)
    )


def model_of(rest: Rest, frame: int, states: Sequence[ScaleState]) -> FreeviewModel:
    """What a decoder shows."""
    sums, guests = (state.sums for state in states), (state.guests for state in states)
    return FreeviewModel(rest, frame, len(states) - 1, tuple(sums), tuple(guests))
