# SPDX-License-Identifier: Apache-2.0
"""A timed capture enters, parts leave: the scene at rest, then a part a frame, as frames come. Encoder side only.

What a frame builds on is what a decoder has; so a stop costs a frame at most, and an encode that goes on decodes what
is written, from where a viewer can join. Memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import UInt8

from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.picturing import eight_bits
from lamina.codec import Progress, Session
from lamina.codecs.freeview.coding import Decoder, decode_states
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.births import Stage, born, reborn, staying
from lamina.codecs.freeview.fit.first_frame import fit_first, gains_of, signal_cube
from lamina.codecs.freeview.fit.frame import FrameInput, find_frame
from lamina.codecs.freeview.fit.rate import Statistics, first_statistics, statistics_of
from lamina.codecs.freeview.frame_coding import Changes, ScaleState, at_rest, pack_scale
from lamina.codecs.freeview.guests import moved_guests
from lamina.codecs.freeview.model import FirstPart, FramePart, FreeviewModel, render
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.data.captures.gains import Gains, without_gains
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted, SignalError
from lamina.fitting import checkpoint
from lamina.fitting.pace import Pace
from lamina.fitting.shots import Shot
from lamina.metrics.psnr import finite_db, psnr
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

ENDLESS_SHARE = 0.2
"""Of the progress of an encode of unknown length, what the first frame takes."""

MEASURED_VIEWS = 8
"""Views that a level's quality is measured on, at most."""


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


def fit(signal: TimedCapture, config: FreeviewConfig, session: Session) -> Iterator[FirstPart | FramePart]:
    """Fits the first frame, then each that comes; yields a part for each.

    Of a capture that is still being written, a stop is the end: the stream has the frames so far.

    Raises:
        SignalError: the capture has no view to fit to, or a picture cannot be decoded.
        BackendUnavailable: CUDA was asked for and is not there.
        Interrupted: the session raised it; frames that were yielded are done, a first frame is in the checkpoint.
    """
    if not signal.train:
        raise SignalError(f"{signal.name}: all cameras are held out, none is left to fit to")
    chain = resumed(config, session)
    if chain is None:
        first = fit_first(signal, config, _at_first(session, first_share(signal, config)))
        yield first
        chain = begun(first, config)
        checkpoint.remove(session.checkpoint)
    rest = chain.rest
    gains = gains_of(signal, lambda view: _seen(rest, view, signal))
    while signal.wait_for(chain.frame, _patience(signal, session, chain)):
        try:
            part, chain = coded(signal, config, session, chain, gains)
        except Interrupted:
            if signal.frame_count is None:
                return
            raise
        yield part


def begun(first: FirstPart, config: FreeviewConfig) -> Chain:
    """Before the first frame."""
    rest = Rest(first.facts, first.heads, first.layers, first.cameras)
    states = tuple(at_rest(rest, scale) for scale in range(first.facts.anchors.layers))
    statistics = fresh_statistics(rest)
    return Chain(rest, first.context, 0, states, statistics, pace_of(config, rest.facts))


def pace_of(config: FreeviewConfig, facts: FreeviewFacts) -> Pace:
    """Before the first frame."""
    rate = Fraction(facts.rate_numerator, facts.rate_denominator)
    return Pace.of(config.rate_weight, config.bits_per_second, rate)


def fresh_statistics(rest: Rest) -> tuple[Statistics, ...]:
    """Of all scales, where a viewer can join."""
    return tuple(first_statistics(rest.channels.count) for _ in range(rest.facts.anchors.layers))


def resumed(config: FreeviewConfig, session: Session) -> Chain | None:
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
    return _replayed(config, session, whole)


def _replayed(config: FreeviewConfig, session: Session, last: int) -> Chain:
    """The decoder's state after frame `last`; sizes of all frames before tell the pace."""
    group = config.group_of(max(last, 0))
    while not config.joins(group):
        group -= 1
    decoder: Decoder | None = None
    sizes: dict[int, int] = {}
    statistics: list[Statistics] = []

    def wanted() -> Iterator[Unit]:
        for unit in session.written.units():
            if unit.key.group != STREAM_GROUP:
                sizes[unit.key.frame] = sizes.get(unit.key.frame, 0) + len(unit.payload)
            if unit.key.group == STREAM_GROUP or unit.key.group >= group:
                yield unit

    for unit, found, state in decode_states(wanted()):
        decoder = found
        statistics = statistics or list(fresh_statistics(found.rest)) if state is not None else statistics
        if state is not None and not _is_join(config, unit.key.frame):
            statistics[unit.key.layer] = statistics_of(state.differences, statistics[unit.key.layer])
    assert decoder is not None
    if last < 0:
        rest = decoder.rest
        return begun(FirstPart(decoder.facts, rest.heads, decoder.context, rest.layers, rest.cameras), config)
    pace = pace_of(config, decoder.facts)
    for frame in range(last + 1):
        pace = pace.after(sizes[frame])
    states = tuple(decoder.states[scale][last] for scale in range(config.level_count))
    return Chain(decoder.rest, decoder.context, last + 1, states, tuple(statistics), pace)


def _is_join(config: FreeviewConfig, frame: int) -> bool:
    """Whether a viewer can join at this frame."""
    return frame % config.group_frames == 0 and config.joins(config.group_of(frame))


def coded(
    signal: TimedCapture, config: FreeviewConfig, session: Session, chain: Chain, gains: Gains
) -> tuple[FramePart, Chain]:
    """One frame: what differs, what that makes, and what the next one builds on."""
    frame, rest = chain.frame, chain.rest
    changes = tuple(no_changes(state) for state in chain.states)
    if frame:
        shots, weight = shots_of(signal, frame, gains), chain.pace.rate_weight
        seed = (config.seed, frame)
        earlier = shots_of(signal, frame - 1, gains)
        found = FrameInput(rest, chain.states, shots, earlier, config.motion, weight, chain.statistics, seed)
        changes = find_frame(found, _teller(session, signal, config, frame))
        if config.births.enabled:
            changes = renewed(signal, config, chain, changes, shots)
    joins = _is_join(config, frame)
    before, sent = chain.states, changes
    if joins:
        before = tuple(at_rest(rest, scale) for scale in range(len(changes)))
        sent = anew(chain, changes)
    states, size_bytes = after(rest, chain.context, sent, before)
    quality_db = tuple(quality_of(signal, model_of(rest, frame, states[: level + 1])) for level in range(len(states)))
    group = config.group_of(frame)
    part = FramePart(rest, frame, group, not config.joins(group), chain.context, sent, before, quality_db)
    known = zip(changes, chain.statistics, strict=True)
    statistics = fresh_statistics(rest) if joins else tuple(statistics_of(own.differences, old) for own, old in known)
    return part, Chain(rest, chain.context, frame + 1, states, statistics, chain.pace.after(size_bytes))


def renewed(
    signal: TimedCapture, config: FreeviewConfig, chain: Chain, changes: tuple[Changes, ...], shots: Sequence[Shot]
) -> tuple[Changes, ...]:
    """With guests that come, and from time to time without those that show nothing."""
    rest, births = chain.rest, config.births
    states, _ = after(rest, chain.context, changes, chain.states)
    stage = Stage(rest, chain.context, shots, model_of(rest, chain.frame, states), *signal_cube(signal))
    if chain.frame % births.departures_every == 0 and any(state.guests.count for state in states):
        changes = tuple(
            replace(own, stays=stays, guest_differences=own.guest_differences[stays > 0])
            for own, stays in zip(changes, staying(stage, states), strict=True)
        )
        states, _ = after(rest, chain.context, changes, chain.states)
        stage = replace(stage, model=model_of(rest, chain.frame, states))
    new = born(stage, births, chain.pace.rate_weight, (config.seed, chain.frame))
    if new is None:
        return changes
    return tuple(replace(own, born=new[1]) if layer == new[0] else own for layer, own in enumerate(changes))


def no_changes(state: ScaleState) -> Changes:
    """A frame like the one before."""
    stays = np.ones(state.guests.count, np.uint8)
    return Changes(False, np.zeros_like(state.sums), stays, np.zeros_like(state.guests.sums))


def anew(chain: Chain, changes: tuple[Changes, ...]) -> tuple[Changes, ...]:
    """The same frame, from rest; guests come as they are now."""
    rest, columns = chain.rest, chain.rest.channels.count
    states, _ = after(rest, chain.context, changes, chain.states)
    nobody, nothing = np.zeros(0, np.uint8), np.zeros((0, columns), np.int32)
    return tuple(
        Changes(
            True,
            state.sums,
            nobody,
            nothing,
            reborn(rest, chain.context, layer, moved_guests(rest.facts, layer, state.guests)),
        )
        for layer, state in enumerate(states)
    )


def after(
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


def model_of(rest: Rest, frame: int, states: Sequence[ScaleState]) -> FreeviewModel:
    """What a decoder shows."""
    sums, guests = (state.sums for state in states), (state.guests for state in states)
    return FreeviewModel(rest, frame, len(states) - 1, tuple(sums), tuple(guests))


def shots_of(signal: TimedCapture, frame: int, gains: Gains) -> tuple[Shot, ...]:
    """What the training cameras saw, evened."""
    pixels = ((view, without_gains(signal.pixels(frame, view), gains[view])) for view in signal.train)
    return tuple(
        Shot(signal.views[view].camera, torch.from_numpy(seen.astype(np.float32) / np.float32(255.0)))
        for view, seen in pixels
    )


@torch.no_grad()
def quality_of(signal: TimedCapture, model: FreeviewModel) -> float:
    """Mean PSNR over held-out views (training views where none is), 8-bit pixels."""
    views = signal.test or signal.train
    views = views[:: -(-len(views) // MEASURED_VIEWS)]
    found = []
    for view in views:
        pixels = eight_bits(render(model, signal.views[view].camera))
        found.append(finite_db(psnr(signal.pixels(model.frame, view), pixels)))
    return float(np.mean(found))


@torch.no_grad()
def _seen(rest: Rest, view: int, signal: TimedCapture) -> UInt8[np.ndarray, "h w 3"]:
    """What the scene at rest shows to a camera of the capture, 8 bits."""
    states = [at_rest(rest, scale) for scale in range(rest.facts.anchors.layers)]
    return eight_bits(render(model_of(rest, 0, states), signal.views[view].camera))


def first_share(signal: TimedCapture, config: FreeviewConfig) -> float:
    """Of the whole job, what the first frame takes: its steps and those of the others take about as long each."""
    if signal.frame_count is None:
        return ENDLESS_SHARE
    steps = config.first.schedule.steps
    return steps / (steps + config.motion.iterations * (signal.frame_count - 1))


def _at_first(session: Session, share: float) -> Session:
    """For the fit of the first frame, whose whole is so much of the job."""
    return replace(session, report=lambda progress: session.report(replace(progress, done=share * progress.done)))


def _teller(session: Session, signal: TimedCapture, config: FreeviewConfig, frame: int) -> Callable[[float], None]:
    """Reports where a frame is."""
    first, count = first_share(signal, config), signal.frame_count
    of = f" of {count}" if count is not None else ""

    def tell(done: float) -> None:
        share = (frame - 1 + done) / (count - 1) if count else 0.0
        session.report(Progress(first + (1 - first) * share, f"frame {frame}{of}"))

    return tell


def _patience(signal: TimedCapture, session: Session, chain: Chain) -> Callable[[], bool]:
    """Tells that a frame is waited for; whoever watches may raise, which ends what has no end."""

    def should_stop() -> bool:
        try:
            session.report(Progress(ENDLESS_SHARE, f"waiting for frame {chain.frame}"))
        except Interrupted:
            if signal.frame_count is None:
                return True
            raise
        return False

    return should_stop
