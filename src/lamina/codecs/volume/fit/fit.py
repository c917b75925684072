# SPDX-License-Identifier: Apache-2.0
"""A timed capture with masks enters, parts leave: a header, then groups, frame by frame, as frames come.

What a frame builds on is what a decoder has; so a stop costs a frame at most, and an encode that goes on decodes the
group that it is in. Gains of cameras, which no stream holds, are in the checkpoint. Memory does not grow with length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lamina.codec import Progress, Session
from lamina.codecs.volume.coding import Decoder, decode_states
from lamina.codecs.volume.config import VolumeConfig
from lamina.codecs.volume.fit.descent import Shading
from lamina.codecs.volume.fit.key_frame import Stage, fit_key_frame
from lamina.codecs.volume.fit.predicted import fit_predicted
from lamina.codecs.volume.fit.progressive import fit_key_frame_progressively, fit_residuals_progressively
from lamina.codecs.volume.fit.start import check_masks, facts_of, kept_cameras
from lamina.codecs.volume.frame_coding import LevelContent, LevelState, Place, pack_level
from lamina.codecs.volume.model import FramePart, GroupPart, HeadPart, Part, VolumeModel, render
from lamina.codecs.volume.shading import network_sizes
from lamina.codecs.volume.syntax import GroupHead, VolumeFacts
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted, TargetError
from lamina.fitting import checkpoint
from lamina.fitting.pace import Pace
from lamina.metrics.psnr import finite_db, psnr
from lamina.networks.coding import unpack_quantized
from lamina.networks.quantized import QuantizedMlp
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

MEASURED_VIEWS = 8
"""Views that a level's quality is measured on, at most."""

UNIT_BYTES = 5
"""That a container takes for a unit, about."""

STREAM_BYTES = 200
"""Of the stream's header and of the container's, about."""

KEY_WORK = 2.0
"""Of a frame between, what a key frame takes."""


@dataclass(frozen=True, eq=False)
class Chain:
    """What the next frame builds on."""

    frame: int
    """Number of the next frame."""
    head: GroupHead | None
    network: QuantizedMlp | None
    states: tuple[LevelState, ...] | None
    """Of the frame before."""
    log_gains: Float[Tensor, "v 3"] | None
    pace: Pace


def fit(signal: TimedCapture, config: VolumeConfig, session: Session) -> Iterator[Part]:
    """Fits each frame that comes; yields its parts.

    Of a capture that is still being written, a stop is the end: the stream has the frames so far.

    Raises:
        SignalError: there are no masks, or they hold nothing; a picture cannot be decoded.
        Interrupted: the session raised it; frames that were yielded are done.
    """
    views = check_masks(signal)
    found = resumed(config, session, signal.frame_count)
    if found is None:
        facts = facts_of(signal, config, views)
        yield HeadPart(facts, kept_cameras(signal))
        chain = Chain(0, None, None, None, None, pace_of(config, facts, signal.frame_count))
    else:
        facts, chain = found
    while signal.wait_for(chain.frame, _patience(signal, session, chain)):
        stage = Stage(
            signal, views, facts, config, chain.pace.rate_weight, _teller(session, signal, config, chain.frame)
        )
        try:
            parts, chain = coded(stage, session, chain)
        except Interrupted:
            if signal.frame_count is None:
                return
            raise
        yield from parts


def pace_of(config: VolumeConfig, facts: VolumeFacts, frame_count: int | None) -> Pace:
    """Before the first frame.

    Raises:
        TargetError: a size was asked for that units without content take, or of a capture without an end.
    """
    rate, bits_per_second = Fraction(facts.rate_numerator, facts.rate_denominator), config.bits_per_second
    if config.size_bytes is not None:
        if frame_count is None:
            raise TargetError("a size was asked for of a capture that has no end yet: ask for kbit/s, or for frames")
        left = config.size_bytes - STREAM_BYTES - UNIT_BYTES * facts.level_count * frame_count
        if left <= 0:
            raise TargetError(
                f"{config.size_bytes} bytes were asked for, {frame_count} frames of {facts.level_count} levels take "
                f"{config.size_bytes - left} before anything is in them: ask for more, or for fewer levels"
            )
        bits_per_second = 8 * left * float(rate) / frame_count
    return Pace.of(config.rate_weight, bits_per_second, rate)


def coded(stage: Stage, session: Session, chain: Chain) -> tuple[list[Part], Chain]:
    """The parts of the next frame, and what the one after it builds on."""
    facts, config, frame = stage.facts, stage.config, chain.frame
    group, parts = config.group_of(frame), list[Part]()
    if config.is_key(frame) or chain.states is None or chain.head is None or chain.log_gains is None:
        fit_key = fit_key_frame if config.paper is None else fit_key_frame_progressively
        key = fit_key(stage, frame, chain.log_gains)
        if chain.log_gains is None:
            keep_gains(session, key.log_gains)
        chain = replace(chain, head=key.head, network=network_of(facts, key.head), log_gains=key.log_gains)
        parts.append(GroupPart(facts, group, frame, key.head))
        contents, before = key.contents, None
    else:
        network = None if chain.network is None else chain.network.dequantized()
        fit_between = fit_predicted if config.paper is None else fit_residuals_progressively
        contents = fit_between(stage, frame, chain.head, chain.states, Shading(network, chain.log_gains))
        before = chain.states
    assert chain.head is not None
    states, size_bytes = after(facts, chain.head, contents, before)
    models = [model_of(facts, chain.network, frame, states[: level + 1]) for level in range(len(states))]
    quality_db = tuple(quality_of(stage.capture, stage.views, model) for model in models)
    parts.append(FramePart(facts, chain.head, group, frame, contents, before, quality_db))
    return parts, replace(chain, frame=frame + 1, states=states, pace=chain.pace.after(size_bytes))


def after(
    facts: VolumeFacts, head: GroupHead, contents: tuple[LevelContent, ...], before: tuple[LevelState, ...] | None
) -> tuple[tuple[LevelState, ...], int]:
    """States of all levels after a frame, and the bytes of its units."""
    states: list[LevelState] = []
    size_bytes = 0
    for level, content in enumerate(contents):
        place = Place(facts, head, level, before[level] if before else None, states[-1] if states else None)
        payload, state = pack_level(place, content)
        states.append(state)
        size_bytes += len(payload)
    return tuple(states), size_bytes


def network_of(facts: VolumeFacts, head: GroupHead) -> QuantizedMlp | None:
    """What shades the frames of a group."""
    if not facts.hidden:
        return None
    return unpack_quantized(head.network, [network_sizes(facts.channel_count, facts.hidden)])[0]


def model_of(
    facts: VolumeFacts, network: QuantizedMlp | None, frame: int, states: tuple[LevelState, ...]
) -> VolumeModel:
    """What a decoder shows."""
    red, green, blue = facts.background
    return VolumeModel(facts, network, frame, len(states) - 1, states[-1], (), (red, green, blue))


@torch.no_grad()
def quality_of(signal: TimedCapture, views: tuple[int, ...], model: VolumeModel) -> float:
    """Mean PSNR over held-out views that have masks (training views where none has), 8-bit pixels."""
    measured = [view for view in signal.test if view in signal.masked_views] or list(views)
    measured = measured[:: -(-len(measured) // MEASURED_VIEWS)]
    red, green, blue = model.facts.background
    found = []
    for view in measured:
        seen = signal.foreground(model.frame, view).over((red, green, blue))
        shown = render(model, signal.views[view].camera).numpy()
        pixels = np.clip(np.rint(shown * 255), 0, 255).astype(np.uint8)
        found.append(finite_db(psnr(seen, pixels)))
    return float(np.mean(found))


def resumed(config: VolumeConfig, session: Session, frame_count: int | None) -> tuple[VolumeFacts, Chain] | None:
    """What the session's stream is at after its last whole frame, the rest of it forgotten; None: nothing to go on."""
    keys = session.written.keys
    layers: dict[int, int] = {}
    for key in keys:
        if key.group != STREAM_GROUP and key.layer != HEADER_LAYER:
            layers[key.frame] = layers.get(key.frame, 0) + 1
    whole = 0
    while layers.get(whole, 0) == config.level_count:
        whole += 1
    log_gains = kept_gains(session)
    if not whole or log_gains is None:
        session.written.keep(0)
        return None
    count = sum(key.group == STREAM_GROUP or key.frame < whole for key in keys)
    session.written.keep(count)
    return _replayed(config, session, (whole, frame_count), log_gains)


def _replayed(
    config: VolumeConfig, session: Session, done: tuple[int, int | None], log_gains: Float[Tensor, "v 3"]
) -> tuple[VolumeFacts, Chain]:
    """The decoder's state after `done` frames, of how many; sizes of all of them tell the pace."""
    next_frame, frame_count = done
    group = config.group_of(next_frame - 1)
    sizes: dict[int, int] = {}

    def wanted() -> Iterator[Unit]:
        for unit in session.written.units():
            if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER:
                sizes[unit.key.frame] = sizes.get(unit.key.frame, 0) + len(unit.payload)
            if unit.key.group in (STREAM_GROUP, group):
                yield unit

    decoder: Decoder | None = None
    for _, found, _ in decode_states(wanted()):
        decoder = found
    assert decoder is not None, "a whole frame was written"
    pace = pace_of(config, decoder.facts, frame_count)
    for frame in range(next_frame):
        pace = pace.after(sizes[frame])
    states = tuple(own[next_frame - 1] for own in decoder.states)
    return decoder.facts, Chain(next_frame, decoder.head, decoder.network, states, log_gains, pace)


def keep_gains(session: Session, log_gains: Float[Tensor, "v 3"]) -> None:
    """Gains of the cameras, for an encode that goes on."""
    if session.checkpoint is not None:
        checkpoint.save(session.checkpoint, session.key, {}, {"log_gains": log_gains.numpy()})


def kept_gains(session: Session) -> Float[Tensor, "v 3"] | None:
    """The same, where they are there."""
    found = None if session.checkpoint is None else checkpoint.load(session.checkpoint, session.key)
    return None if found is None else torch.from_numpy(found[1]["log_gains"])


def _teller(session: Session, signal: TimedCapture, config: VolumeConfig, frame: int) -> Callable[[float, float], None]:
    """Reports where a frame is."""
    count = signal.frame_count
    of = f" of {count}" if count is not None else ""

    def work(until: int) -> float:
        return until + (KEY_WORK - 1) * -(-until // config.group_frames)

    def tell(done: float, error: float) -> None:
        share = 0.0
        if count is not None:
            begin, end = work(frame), work(frame + 1)
            share = (begin + (end - begin) * done) / work(count)
        quality_db = None if not 0 < error < 1 else -10 * float(np.log10(error))
        session.report(Progress(share, f"frame {frame}{of}", quality_db))

    return tell


def _patience(signal: TimedCapture, session: Session, chain: Chain) -> Callable[[], bool]:
    """Tells that a frame is waited for; whoever watches may raise, which ends what has no end."""

    def should_stop() -> bool:
        try:
            session.report(Progress(0.0, f"waiting for frame {chain.frame}"))
        except Interrupted:
            if signal.frame_count is None:
                return True
            raise
        return False

    return should_stop
