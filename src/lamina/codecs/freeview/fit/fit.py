# SPDX-License-Identifier: Apache-2.0
"""A timed capture enters, parts leave: the scene at rest, then a part a frame, as frames come. Encoder side only.

What a frame builds on is what a decoder has; so a stop costs a frame at most, and an encode that goes on decodes what
is written, from where a viewer can join. Memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import UInt8

from lamina.anchors.picturing import eight_bits
from lamina.codec import Progress, Session
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.births import Stage, born, staying
from lamina.codecs.freeview.fit.chain import (
    Chain,
    begun,
    fresh_statistics,
    model_after,
    model_of,
    resumed,
    states_after,
)
from lamina.codecs.freeview.fit.first_frame import fit_first, gains_of, signal_cube
from lamina.codecs.freeview.fit.frame import FrameInput, find_frame
from lamina.codecs.freeview.fit.rate import statistics_of
from lamina.codecs.freeview.fit.rebirth import reborn
from lamina.codecs.freeview.frame_coding import Changes, ScaleState, at_rest
from lamina.codecs.freeview.guests import moved_guests
from lamina.codecs.freeview.model import FirstPart, FrameModel, FramePart, render
from lamina.codecs.freeview.rest import Rest
from lamina.data.captures.gains import Gains, without_gains
from lamina.data.captures.hull import SeenCube
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted, SignalError
from lamina.fitting import checkpoint
from lamina.fitting.shots import Shot
from lamina.metrics.psnr import finite_db, psnr

ENDLESS_SHARE = 0.2
"""Of the progress of an encode of unknown length, what the first frame takes."""

MEASURED_VIEWS = 8
"""Views that a level's quality is measured on, at most."""


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
    chain = resumed(config, session, signal.frame_count)
    if chain is None:
        first = fit_first(signal, config, at_first(session, signal, config))
        yield first
        chain = begun(first, config, signal.frame_count)
        checkpoint.remove(session.checkpoint)
    rig = rig_of(signal, config, chain.rest)
    while signal.wait_for(chain.frame, patience(signal, session, chain.frame)):
        try:
            part, chain = coded(signal, config, session, chain, rig)
        except Interrupted:
            if signal.frame_count is None:
                return
            raise
        yield part


@dataclass(frozen=True, eq=False)
class Rig:
    """What is found once of the cameras."""

    gains: Gains
    cube: SeenCube | None
    """In which new things are looked for; None: nothing new ever comes."""


def rig_of(signal: TimedCapture, config: FreeviewConfig, rest: Rest) -> Rig:
    """Gains against what the decoded first frame shows, and the cube that the cameras stand around."""
    gains = gains_of(signal, lambda view: _seen(rest, view, signal))
    if not config.births.enabled:
        return Rig(gains, None)
    cameras = [signal.views[view].camera for view in signal.train]
    return Rig(gains, SeenCube.of(cameras, *signal_cube(signal), config.births.cube_cells))


def coded(
    signal: TimedCapture, config: FreeviewConfig, session: Session, chain: Chain, rig: Rig
) -> tuple[FramePart, Chain]:
    """One frame: what differs, what that makes, and what the next one builds on."""
    frame, rest = chain.frame, chain.rest
    changes = tuple(no_changes(state) for state in chain.states)
    if frame:
        shots, weight = shots_of(signal, frame, rig.gains), chain.pace.rate_weight
        seed = (config.seed, frame)
        earlier = shots_of(signal, frame - 1, rig.gains)
        frame_input = FrameInput(rest, chain.states, shots, earlier, config.motion, weight, chain.statistics, seed)
        changes = find_frame(frame_input, teller(session, signal, config, frame))
        if rig.cube is not None:
            changes = renewed(config, chain, changes, shots, rig.cube)
    joins = config.is_join(frame)
    before, sent = chain.states, changes
    if joins:
        before = tuple(at_rest(rest, scale) for scale in range(len(changes)))
        sent = anew(chain, changes)
    states, size_bytes = states_after(rest, chain.context, sent, before)
    quality_db = tuple(quality_of(signal, model_of(rest, frame, states[: level + 1])) for level in range(len(states)))
    group = config.group_of(frame)
    part = FramePart(rest, frame, group, not config.joins(group), chain.context, sent, before, quality_db)
    known = zip(changes, chain.statistics, strict=True)
    statistics = fresh_statistics(rest) if joins else tuple(statistics_of(own.differences, old) for own, old in known)
    return part, Chain(rest, chain.context, frame + 1, states, statistics, chain.pace.after(size_bytes))


def renewed(
    config: FreeviewConfig, chain: Chain, changes: tuple[Changes, ...], shots: Sequence[Shot], cube: SeenCube
) -> tuple[Changes, ...]:
    """With guests that come, and from time to time without those that show nothing."""
    rest, births = chain.rest, config.births
    if chain.frame % births.every and chain.frame % births.departures_every:
        return changes
    model = model_after(rest, chain.frame, changes, chain.states)
    stage = Stage(rest, chain.context, shots, model, cube)
    if chain.frame % births.departures_every == 0 and any(guests.count for guests in model.guests):
        changes = tuple(
            replace(own, stays=stays, guest_differences=own.guest_differences[stays > 0])
            for own, stays in zip(changes, staying(stage), strict=True)
        )
        stage = replace(stage, model=model_after(rest, chain.frame, changes, chain.states))
    if chain.frame % births.every:
        return changes
    layer, seed = 0, (config.seed, chain.frame)
    while layer < len(changes):
        new = born(stage, births, chain.pace.rate_weight, seed, layer)
        if new is None:
            break
        changes = tuple(replace(own, born=new[1]) if at == new[0] else own for at, own in enumerate(changes))
        if new[1].count < births.many:
            break
        # Somebody enters: what layer 0 has of him is coarse, and finer guests need not wait for the next frame.
        stage = replace(stage, model=model_after(rest, chain.frame, changes, chain.states))
        layer = new[0] + 1
    return changes


def no_changes(state: ScaleState) -> Changes:
    """A frame like the one before."""
    stays = np.ones(state.guests.count, np.uint8)
    return Changes(False, np.zeros_like(state.sums), stays, np.zeros_like(state.guests.sums))


def anew(chain: Chain, changes: tuple[Changes, ...]) -> tuple[Changes, ...]:
    """The same frame, from rest; guests come as they are now."""
    rest, columns = chain.rest, chain.rest.channels.count
    model = model_after(rest, chain.frame, changes, chain.states)
    nobody, nothing = np.zeros(0, np.uint8), np.zeros((0, columns), np.int32)
    return tuple(
        Changes(
            True, sums, nobody, nothing, reborn(rest, chain.context, layer, moved_guests(rest.facts, layer, guests))
        )
        for layer, (sums, guests) in enumerate(zip(model.sums, model.guests, strict=True))
    )


def shots_of(signal: TimedCapture, frame: int, gains: Gains) -> tuple[Shot, ...]:
    """What the training cameras saw, evened."""
    pixels = ((view, without_gains(signal.pixels(frame, view), gains[view])) for view in signal.train)
    return tuple(
        Shot(signal.views[view].camera, torch.from_numpy(seen.astype(np.float32) / np.float32(255.0)))
        for view, seen in pixels
    )


@torch.no_grad()
def quality_of(signal: TimedCapture, model: FrameModel) -> float:
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
    iterations = config.motion.iterations if config.networked is None else config.networked.iterations
    return steps / (steps + iterations * (signal.frame_count - 1))


def at_first(session: Session, signal: TimedCapture, config: FreeviewConfig) -> Session:
    """For the fit of the first frame, whose whole is a share of the job."""
    share, is_endless = first_share(signal, config), signal.frame_count is None

    def report(progress: Progress) -> None:
        session.report(replace(progress, done=share * progress.done, is_endless=is_endless))

    return replace(session, report=report)


def teller(session: Session, signal: TimedCapture, config: FreeviewConfig, frame: int) -> Callable[[float], None]:
    """Reports where a frame is."""
    first, count = first_share(signal, config), signal.frame_count
    of = f" of {count}" if count is not None else ""

    def tell(done: float) -> None:
        share = (frame - 1 + done) / (count - 1) if count else 0.0
        session.report(Progress(first + (1 - first) * share, f"frame {frame}{of}", is_endless=count is None))

    return tell


def patience(signal: TimedCapture, session: Session, frame: int) -> Callable[[], bool]:
    """Tells that a frame is waited for; whoever watches may raise, which ends what has no end."""

    def should_stop() -> bool:
        try:
            session.report(Progress(ENDLESS_SHARE, f"waiting for frame {frame}", is_endless=True))
        except Interrupted:
            if signal.frame_count is None:
                return True
            raise
        return False

    return should_stop
