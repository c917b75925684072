# SPDX-License-Identifier: Apache-2.0
"""A timed capture enters, parts of the paper's method leave: the scene at rest, then a part a frame as frames come.

Source: HPC (arXiv 2602.00671). The first frame of a group has an I-frame's networks (T_GOP); anchors always build on
the frame before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lamina.anchors.picturing import eight_bits
from lamina.codec import Session
from lamina.codecs.freeview.coding import Decoder, decode_states
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.chain import pace_of, stream_bytes
from lamina.codecs.freeview.fit.first_frame import fit_first, gains_of
from lamina.codecs.freeview.fit.fit import at_first, patience, quality_of, shots_of, teller
from lamina.codecs.freeview.fit.networked_frame import NetworkedInput, find_networked_frame
from lamina.codecs.freeview.model import FirstPart, NetworkedModel, NetworkedPart, render
from lamina.codecs.freeview.networked.frame_coding import NetworkedChanges, pack_frame
from lamina.codecs.freeview.networked.frames import Ground, NetworkedFrames, NetworkedState, after
from lamina.codecs.freeview.networked.syntax import FLOAT_BITS
from lamina.codecs.freeview.rest import Rest
from lamina.data.captures.gains import Gains
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted, SignalError
from lamina.fitting import checkpoint
from lamina.fitting.pace import Pace
from lamina.units import STREAM_GROUP


@dataclass(frozen=True, eq=False)
class Chain:
    """What the next frame builds on."""

    ground: Ground
    frame: int
    """Number of the next frame."""
    state: NetworkedState
    pace: Pace


def fit(signal: TimedCapture, config: FreeviewConfig, session: Session) -> Iterator[FirstPart | NetworkedPart]:
    """Fits the first frame, then each that comes. Raises as `encoder.fit`."""
    if not signal.train:
        raise SignalError(f"{signal.name}: all cameras are held out, none is left to fit to")
    chain = resumed(config, session, signal.frame_count)
    if chain is None:
        first = fit_first(signal, config, at_first(session, signal, config))
        yield first
        chain = begun(first, config, signal.frame_count)
        checkpoint.remove(session.checkpoint)
    gains = _gains(signal, chain.ground)
    while signal.wait_for(chain.frame, patience(signal, session, chain.frame)):
        try:
            part, chain = coded(signal, config, session, chain, gains)
        except Interrupted:
            if signal.frame_count is None:
                return
            raise
        yield part


def begun(first: FirstPart, config: FreeviewConfig, frame_count: int | None) -> Chain:
    """Before the first frame."""
    assert first.facts.networks is not None
    ground = Ground(first.facts.networks, Rest(first.facts, first.heads, first.layers, first.cameras))
    return Chain(
        ground, 0, NetworkedState(ground.anchors), pace_of(config, first.facts, stream_bytes(first), frame_count)
    )


def resumed(config: FreeviewConfig, session: Session, frame_count: int | None) -> Chain | None:
    """What the session's stream is at after its last frame; None: there is nothing to go on."""
    keys = session.written.keys
    stream_units = sum(key.group == STREAM_GROUP for key in keys)
    if stream_units < config.level_count + 1:
        session.written.keep(0)
        return None
    decoder: Decoder | None = None
    sizes: list[int] = []
    first_bytes = 0
    for unit, found, state in decode_states(session.written.units()):
        decoder = found
        if state is not None:
            sizes.append(len(unit.payload))
        else:
            first_bytes += len(unit.payload)
    assert decoder is not None
    rest = decoder.rest
    if not sizes:
        first = FirstPart(decoder.facts, rest.heads, decoder.context, rest.layers, rest.cameras)
        return begun(first, config, frame_count)
    frames = decoder.frames
    assert isinstance(frames, NetworkedFrames)
    assert frames.ground is not None
    assert frames.state is not None
    pace = pace_of(config, decoder.facts, first_bytes, frame_count)
    for size_bytes in sizes:
        pace = pace.after(size_bytes)
    return Chain(frames.ground, frames.frame + 1, frames.state, pace)


def coded(
    signal: TimedCapture, config: FreeviewConfig, session: Session, chain: Chain, gains: Gains
) -> tuple[NetworkedPart, Chain]:
    """One frame: what differs, and what the next one builds on."""
    assert config.networked is not None
    frame, ground = chain.frame, chain.ground
    changes = NetworkedChanges(is_rest=True)
    if frame:
        is_whole = not config.networked.temporal_reference or config.networked.network_bits == FLOAT_BITS
        is_intra = is_whole or not chain.state.vectors or frame % config.group_frames == 0
        found = NetworkedInput(
            ground,
            chain.state,
            shots_of(signal, frame, gains),
            config.networked,
            chain.pace.rate_weight,
            is_intra,
            (config.seed, frame),
        )
        changes = find_networked_frame(found, teller(session, signal, config, frame))
    state = after(ground, chain.state, changes)
    quality_db = quality_of(signal, NetworkedModel(ground.rest, frame, 0, state.anchors))
    part = NetworkedPart(ground.facts, frame, config.group_of(frame), changes, quality_db)
    size_bytes = len(pack_frame(ground.facts, changes))
    return part, Chain(ground, frame + 1, state, chain.pace.after(size_bytes))


@torch.no_grad()
def _gains(signal: TimedCapture, ground: Ground) -> Gains:
    """Of the training cameras against what the decoded first frame shows."""
    model = NetworkedModel(ground.rest, 0, 0, ground.anchors)
    return gains_of(signal, lambda view: eight_bits(render(model, signal.views[view].camera)))
