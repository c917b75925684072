# SPDX-License-Identifier: Apache-2.0
"""A clip of a talking person enters; the head, then run after run of its frames, leave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

from lamina.bitstream import read_stream
from lamina.codec import Progress, Session
from lamina.codecs.head.background import shown, still_of
from lamina.codecs.head.coding import Decoder, decode_states
from lamina.codecs.head.columns import column_layers
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.examples import background_of, examples_of, name_of
from lamina.codecs.head.fit.learning import learn
from lamina.codecs.head.fit.networked_learning import learn_network
from lamina.codecs.head.fit.networked_quantizing import network_facts, with_bits
from lamina.codecs.head.fit.quantizing import Sent, head_part, motion_steps
from lamina.codecs.head.fit.rate import RunBudget, scaled_run
from lamina.codecs.head.fit.refining import Refiner, refiner_of
from lamina.codecs.head.fit.saving import Saver
from lamina.codecs.head.fit.start import first_head
from lamina.codecs.head.fit.still import still_layers
from lamina.codecs.head.model import Head, HeadModel, HeadPart, RunPart, render
from lamina.codecs.head.networked.syntax import NetworkFacts
from lamina.codecs.head.person import pack_person
from lamina.codecs.head.residuals import ACTIVITIES, activity_class
from lamina.codecs.head.steps import scale_factor
from lamina.codecs.head.syntax import WIRE_ID
from lamina.data import Clip
from lamina.errors import SignalError
from lamina.fitting import checkpoint
from lamina.metrics import psnr
from lamina.units import STREAM_GROUP

TRACKING, STILL, LEARNING = 0.15, 0.05, 0.45
"""Shares of a whole job: what is left is for frames."""
MEASURED_EVERY = 5
"""Frames of a run whose quality is measured: every so many."""
CHANGE_SHARE = 0.25
"""Examples are apart; from one frame to the next columns change by about so much of what they change between those."""


def fit(clip: Clip, config: HeadConfig, session: Session) -> Iterator[HeadPart | RunPart]:
    """The head, unless it is written or given; then the runs that are not.

    Raises:
        Interrupted: the session asked to stop.
        SignalError: no face, two faces, or too short a clip.
    """
    keys = list(session.written.keys)
    once = sum(key.group == STREAM_GROUP for key in keys)
    done = _whole_runs(keys, config.level_count)
    if once == config.level_count + 1:
        session.written.keep(once + done * config.level_count)
        decoder, last, spent = _decoded(session)
        refiner = refiner_of(decoder.head, config)
        yield from _runs(clip, refiner, session, done, last, spent)
        return
    session.written.keep(0)
    part = _learnt_part(clip, config, session) if config.model is None else _taken_over(clip, config)
    yield part
    checkpoint.remove(session.checkpoint)
    yield from _runs(clip, refiner_of(Head(part.facts, part.layers), config), session, 0, None, 0)


def _whole_runs(keys: list, level_count: int) -> int:
    """Runs of which all layers are written."""
    counts: dict[int, int] = {}
    for key in keys:
        if key.group >= 0:
            counts[key.group] = counts.get(key.group, 0) + 1
    done = 0
    while counts.get(done, 0) == level_count:
        done += 1
    return done


def _decoded(session: Session) -> tuple[Decoder, Float32[np.ndarray, " c"] | None, int]:
    """What is written, decoded: the head, the last frame's columns in their units, and bytes of frames."""
    last, spent, decoder = None, 0, None
    for unit, decoder, state in decode_states(session.written.units()):
        if unit.key.group >= 0:
            spent += len(unit.payload)
            last = state.values[-1] * decoder.head.steps * np.float32(scale_factor(state.scale))  # pyright: ignore[reportAttributeAccessIssue]
    if decoder is None:
        raise ValueError("nothing is written")
    return decoder, last, spent


@dataclass(frozen=True)
class _Stage:
    """A part of the job, for reports."""

    session: Session
    start: float
    share: float
    name: str

    def __call__(self, done: float, quality_db: float | None = None) -> None:
        self.session.report(Progress(self.start + self.share * done, self.name, quality_db or None))


def _learnt_part(clip: Clip, config: HeadConfig, session: Session) -> HeadPart:
    """Learn the head."""
    examples = examples_of(clip, config, _Stage(session, 0.0, TRACKING, "finding the face"))
    pixels, _ = background_of(examples)
    layers = still_layers(pixels, config, _Stage(session, TRACKING, STILL, "the picture behind"))
    behind = _behind(layers, clip)
    report = _Stage(session, TRACKING + STILL, LEARNING, "learning the head")
    saver = Saver(session.checkpoint, session.key)
    learning = learn if config.network is None else learn_network
    learnt = learning(first_head(examples, config), examples, behind, config, report, saver)
    activity = _activity(learnt.rows, config)
    sent = Sent(activity, layers, pack_person(examples.person))
    return head_part(clip, examples, learnt, sent, config)


def _behind(layers: tuple, clip: Clip) -> Float32[np.ndarray, "h w 3"]:
    """What decoders show behind the person."""
    still = still_of(layers)
    if still is None:
        raise ValueError("the picture behind has no layer")
    return shown(layers, still, clip.width, clip.height).astype(np.float32) / 255


def _activity(rows: Float32[np.ndarray, "t c"], config: HeadConfig) -> tuple[int, ...]:
    """Of each column, how much it is thought to change."""
    motion = config.motion
    steps = motion.scale * motion_steps(config).row(motion.torso_components, motion.dimensions)
    if config.network is not None:
        steps = np.array(network_facts(config, rows).steps)
    changes = np.abs(np.diff(rows, axis=0)).mean(axis=0) / steps
    return tuple(activity_class(CHANGE_SHARE * float(change)) for change in changes)


def _given(path: Path | None) -> Decoder:
    """The head of a file.

    Raises:
        BitstreamError: the file is damaged.
        SignalError: it holds no head.
    """
    if path is None or not path.exists():
        raise SignalError(f"{path}: no such file; expected a file with the person's head")
    with read_stream(path) as stream:
        if stream.facts.codec_wire_id != WIRE_ID:
            raise SignalError(f"{path}: holds no head; expected a file of lamina encode --codec head")
        units = [unit for unit in stream.units() if unit.key.group == STREAM_GROUP]
    decoder: Decoder | None = None
    for _, decoder, _ in decode_states(units):  # noqa: B007 - the last one is kept
        continue
    if decoder is None:
        raise SignalError(f"{path}: its head is cut off; expected all of its layers")
    return decoder


def _taken_over(clip: Clip, config: HeadConfig) -> HeadPart:
    """The head of another file, for a clip of the same person.

    Raises:
        SignalError: the file holds no head, or one of another shape of picture.
    """
    decoder = _given(config.model)
    facts = decoder.head.facts
    if facts.layers != config.level_count:
        raise SignalError(
            f"{config.model}: its head has {facts.layers} layers, {config.level_count} were asked for: "
            f"--layers {facts.layers}"
        )
    if facts.width * clip.height != facts.height * clip.width:
        raise SignalError(
            f"{name_of(clip)}: {clip.width}x{clip.height} pixels, the head is of {facts.width}x{facts.height}: "
            "crop or scale the clip to that shape"
        )
    scaled = replace(
        facts,
        width=clip.width,
        height=clip.height,
        focal_px=float(np.float32(facts.focal_px * clip.width / facts.width)),
        rate_numerator=clip.frames_per_second.numerator,
        rate_denominator=clip.frames_per_second.denominator,
        motion_steps=tuple(float(np.float32(config.motion.scale * step)) for step in facts.motion_steps),
        activity=tuple(_coarser(level, config.motion.scale) for level in facts.activity),
        network=_with_wanted_bits(facts.network, config),
    )
    return HeadPart(scaled, decoder.head.layers)


def _with_wanted_bits(network: NetworkFacts | None, config: HeadConfig) -> NetworkFacts | None:
    """Parameters of another size for another clip; as in the file, where the preset says nothing of networks."""
    return with_bits(network, config.network.parameter_bits) if network and config.network else network


def _coarser(level: int, scale: float) -> int:
    """The class of activity of a column whose steps are so many times as large."""
    return max(0, min(ACTIVITIES - 1, level - round(4 * math.log2(scale))))


def _runs(
    clip: Clip, refiner: Refiner, session: Session, done: int, last: Float32[np.ndarray, " c"] | None, spent: int
) -> Iterator[RunPart]:
    """Run after run."""
    config, facts = refiner.config, refiner.head.facts
    start, stop = _span(clip, config)
    first = start + done * config.group_frames
    base = 0.0 if config.model is not None else TRACKING + STILL + LEARNING
    name = name_of(clip)
    budget = RunBudget(config.bits_per_second, clip.frames_per_second, spent, first - start)
    while stop is None or first < stop:
        end = first + config.group_frames if stop is None else min(first + config.group_frames, stop)
        lead = 1 if last is not None else 0
        rows: list[np.ndarray] = []
        kept: list[np.ndarray] = []
        frames = clip.frames(first - lead, end)
        for row in refiner.rows(_watching(frames, kept, lead), first, last, name):
            rows.append(row)
            share = (first + len(rows) - start) / max((stop or end) - start, 1)
            session.report(Progress(base + (1 - base) * min(share, 1.0), f"frame {first + len(rows)}"))
        if not rows:
            return
        values, scale = scaled_run(facts, refiner.head.steps, np.stack(rows), budget)
        quality = _quality(refiner.head, values, scale, kept, config)
        group = (first - start) // config.group_frames
        yield RunPart(facts, group, first - start, values, scale, quality)
        last = values[-1] * refiner.head.steps * np.float32(scale_factor(scale))
        if len(rows) < end - first:
            return
        first = end


def _span(clip: Clip, config: HeadConfig) -> tuple[int, int | None]:
    """Frames to code: all, or the first that the head was learnt from."""
    if not config.model_only:
        return 0, clip.frame_count
    first = (config.learn or (0, None))[0]
    return first, first + 1


def _watching(frames: Iterator[np.ndarray], kept: list[np.ndarray], lead: int) -> Iterator[np.ndarray]:
    """Frames on their way; those that are measured later are kept."""
    for number, pixels in enumerate(frames):
        if number >= lead and (number - lead) % MEASURED_EVERY == 0:
            kept.append(pixels)
        yield pixels


def _quality(
    head: Head, values: Int32[np.ndarray, "t c"], scale: int, kept: list[np.ndarray], config: HeadConfig
) -> tuple[float | None, ...]:
    """Mean PSNR of the frames that were kept, at each level, as decoders show them."""
    found: list[float | None] = []
    for level, columns in enumerate(column_layers(head.facts.torso, head.facts.dimensions, head.facts.layers)):
        known = values.copy()
        known[:, columns.stop :] = 0
        scores = []
        for pixels, row in zip(kept, known[::MEASURED_EVERY], strict=False):
            picture = render(HeadModel(head.at(level), 0, row, scale)).numpy()
            scores.append(psnr(pixels, np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)))
        found.append(float(np.mean(scores)) if scores else None)
    return tuple(found)
