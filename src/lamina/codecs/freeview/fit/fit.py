# SPDX-License-Identifier: Apache-2.0
"""A timed capture enters, parts leave: the scene at rest, then a part a frame, as frames come. Encoder side only.

What a frame builds on is what a decoder has; so a stop costs a frame at most, and an encode that goes on decodes what
is written, from where a viewer can join. Memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from lamina.codec import Progress, Session
from lamina.codecs.freeview.coding import Decoder, decode_states, no_cells, pack_scale
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.first_frame import fit_first, gains_of
from lamina.codecs.freeview.fit.frame import FrameInput, find_frame
from lamina.codecs.freeview.fit.pace import Pace
from lamina.codecs.freeview.fit.rate import Statistics, first_statistics, statistics_of
from lamina.codecs.freeview.model import FirstPart, FramePart, FreeviewModel, render
from lamina.codecs.freeview.motion import Sums, added
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.walk import Memory, fresh_memory
from lamina.data.captures.timed import TimedCapture
from lamina.errors import SignalError
from lamina.fitting import checkpoint
from lamina.fitting.gains import Gains, without_gains
from lamina.metrics.psnr import finite_db, psnr
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

FIRST_SHARE = 0.2
"""Of the progress of an encode of unknown length, what the first frame takes."""

MEASURED_VIEWS = 8
"""Views that a level's quality is measured on, at most."""


@dataclass(frozen=True, eq=False)
class Chain:
    """What the next frame builds on."""

    rest: Rest
    frame: int
    """Number of the next frame."""
    sums: tuple[Sums, ...]
    memories: tuple[Memory, ...]
    statistics: tuple[Statistics, ...]
    pace: Pace


def fit(signal: TimedCapture, config: FreeviewConfig, session: Session) -> Iterator[FirstPart | FramePart]:
    """Fits the first frame, then each that comes; yields a part for each.

    Raises:
        SignalError: the capture has no view to fit to, or a picture cannot be decoded.
        BackendUnavailable: CUDA was asked for and is not there.
        Interrupted: the session raised it; frames that were yielded are done, a first frame is in the checkpoint.
    """
    if not signal.train:
        raise SignalError(f"{signal.name}: all cameras are held out, none is left to fit to")
    chain = resumed(config, session)
    if chain is None:
        first = fit_first(signal, config, session)
        yield first
        chain = begun(first, config)
        checkpoint.remove(session.checkpoint)
    gains = gains_of(signal, lambda view: _seen(chain.rest, view, signal))
    while signal.wait_for(chain.frame, _patience(session, chain)):
        part, chain = coded(signal, config, session, chain, gains)
        yield part


def begun(first: FirstPart, config: FreeviewConfig) -> Chain:
    """Before the first frame."""
    rest = Rest(first.facts, first.heads, first.layers, first.cameras)
    cells = [rest.hierarchy(scale).scales[scale].count for scale in range(first.facts.anchors.layers)]
    columns = rest.channels.count
    return Chain(
        rest,
        0,
        tuple(np.zeros((count, columns), np.int32) for count in cells),
        tuple(fresh_memory(count, rest.channels) for count in cells),
        tuple(first_statistics(columns) for _ in cells),
        Pace.of(config, rest.facts),
    )


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
        if not statistics:
            statistics = [first_statistics(found.rest.channels.count) for _ in range(config.level_count)]
        if state is not None and not _is_join(config, unit.key.frame):
            statistics[unit.key.layer] = statistics_of(state.differences, statistics[unit.key.layer])
    assert decoder is not None
    pace = Pace.of(config, decoder.facts)
    for frame in range(last + 1):
        pace = pace.after(sizes[frame])
    if last < 0:
        first = FirstPart(decoder.facts, decoder.rest.heads, decoder.context, decoder.rest.layers, decoder.rest.cameras)
        return begun(first, config)
    # A stream that was cut short leaves frames in writing order: each of the chain has come.
    states = [decoder.states[scale][last] for scale in range(config.level_count)]
    rest = decoder.rest
    sums, memories = tuple(state.sums for state in states), tuple(state.memory for state in states)
    return Chain(rest, last + 1, sums, memories, tuple(statistics), pace)


def _is_join(config: FreeviewConfig, frame: int) -> bool:
    """Whether a viewer can join at this frame."""
    return frame % config.group_frames == 0 and config.joins(config.group_of(frame))


def coded(
    signal: TimedCapture, config: FreeviewConfig, session: Session, chain: Chain, gains: Gains
) -> tuple[FramePart, Chain]:
    """One frame: what differs, what that makes, and what the next one builds on."""
    frame, rest = chain.frame, chain.rest
    differences = tuple(np.zeros_like(sums) for sums in chain.sums)
    if frame:
        found = FrameInput(
            rest,
            chain.sums,
            [signal.views[view].camera for view in signal.train],
            [_target(signal, frame, view, gains) for view in signal.train],
            config.motion,
            chain.pace.rate_weight,
            chain.statistics,
            (config.seed, frame),
        )
        differences = find_frame(found, _teller(session, signal, frame))
    sums = tuple(added(before, own) for before, own in zip(chain.sums, differences, strict=True))
    group = config.group_of(frame)
    joins, opens = _is_join(config, frame), frame % config.group_frames == 0
    sent = sums if joins else differences
    before = tuple(fresh_memory(len(own), rest.channels) for own in sums) if joins else chain.memories
    quality_db = tuple(
        quality_of(signal, FreeviewModel(rest, frame, level, sums[: level + 1])) for level in range(len(sums))
    )
    part = FramePart(rest, frame, group, not config.joins(group), opens, joins, sent, before, quality_db)
    memories, size_bytes = _after(part)
    statistics = tuple(
        first_statistics(rest.channels.count) if joins else statistics_of(own, known)
        for own, known in zip(differences, chain.statistics, strict=True)
    )
    return part, Chain(rest, frame + 1, sums, memories, statistics, chain.pace.after(size_bytes))


def _after(part: FramePart) -> tuple[tuple[Memory, ...], int]:
    """What coders know after a frame, and its bytes."""
    above, above_flags = no_cells(part.rest)
    memories: list[Memory] = []
    size_bytes = 0
    for scale, own in enumerate(part.differences):
        payload, above_flags, memory = pack_scale(
            part.rest, scale, own, part.is_absolute, above, above_flags, part.memories[scale]
        )
        above = own
        memories.append(memory)
        size_bytes += len(payload)
    return tuple(memories), size_bytes


@torch.no_grad()
def quality_of(signal: TimedCapture, model: FreeviewModel) -> float:
    """Mean PSNR over held-out views (training views where none is), 8-bit pixels."""
    views = signal.test or signal.train
    views = views[:: -(-len(views) // MEASURED_VIEWS)]
    found = []
    for view in views:
        pixels = (render(model, signal.views[view].camera).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        found.append(finite_db(psnr(signal.pixels(model.frame, view), pixels)))
    return float(np.mean(found))


@torch.no_grad()
def _seen(rest: Rest, view: int, signal: TimedCapture) -> UInt8[np.ndarray, "h w 3"]:
    """What the scene at rest shows to a camera of the capture, 8 bits."""
    level = rest.facts.anchors.layer_count
    sums = tuple(np.zeros((scale.count, rest.channels.count), np.int32) for scale in rest.hierarchy(level).scales)
    pixels = render(FreeviewModel(rest, 0, level, sums), signal.views[view].camera)
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _target(signal: TimedCapture, frame: int, view: int, gains: Gains) -> torch.Tensor:
    return torch.from_numpy(without_gains(signal.pixels(frame, view), gains[view]).copy()).float() / 255.0


def _teller(session: Session, signal: TimedCapture, frame: int) -> Callable[[float], None]:
    """Reports where a frame is."""
    count = signal.frame_count
    of = f" of {count}" if count is not None else ""

    def tell(done: float) -> None:
        share = (frame + done) / count if count else 0.0
        session.report(Progress(FIRST_SHARE + (1 - FIRST_SHARE) * min(share, 1.0), f"frame {frame}{of}"))

    return tell


def _patience(session: Session, chain: Chain) -> Callable[[], bool]:
    """Tells that a frame is waited for; whoever watches may raise."""

    def should_stop() -> bool:
        session.report(Progress(FIRST_SHARE, f"waiting for frame {chain.frame}"))
        return False

    return should_stop
