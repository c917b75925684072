# SPDX-License-Identifier: Apache-2.0
"""A clip, frame by frame: key frames fitted whole, other frames predicted from the one before as the decoder has it.

Rate control over time: a key frame takes the share of its group's bytes that a look ahead suggests; predicted frames
steer the price of a bit so that what is left of the budget lasts to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from lamina.codec import Progress, Session
from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer
from lamina.codecs.planar.lattice.fit import rate_control
from lamina.codecs.planar.lattice.fit.budget import TRIES, Budget, first_budget
from lamina.codecs.planar.lattice.fit.checkpoint import Frozen
from lamina.codecs.planar.lattice.fit.key_frame import fit_key_frame
from lamina.codecs.planar.lattice.fit.look_ahead import Lookahead, foreseen_ratio
from lamina.codecs.planar.lattice.fit.picture import Sketch, level_quality, make_header, make_sketch
from lamina.codecs.planar.lattice.fit.predict import decoded_error, moved_start, predict_frame, start_error
from lamina.codecs.planar.lattice.fit.settle import Effort, Start
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import SignalError
from lamina.fitting import checkpoint
from lamina.fitting.resume import RestartPoint, after_whole_groups

CUT_ERROR = 0.6
"""A frame whose start from the one before explains less than 1 - this of its variance opens a group."""

PREDICTED_SWEEPS = 24

UNIT_BYTES = 3
"""What the container takes for a unit of a clip, about: most are small and share a record."""


def fit_clip(signal: PlanarSignal, config: PlanarConfig, session: Session) -> Iterator[FramePart]:
    """Fits every frame from the first group on that is not written, closed loop.

    Raises:
        SignalError: the clip has no frames.
    """
    point = after_whole_groups(session.written, config.layer_count)
    frames = Lookahead(signal, config.group_frames, point.frame)
    coder: ClipCoder | None = None
    finished: FramePart | None = None
    for number, pixels in enumerate(frames, start=point.frame):
        if coder is None:
            coder = first_coder(signal, config, pixels, session, point)
        # Whether this frame opens a group is known before the one before it leaves: a group is safe as soon as it ends.
        opens_group = coder.look_at(pixels, number)
        if opens_group:
            coder.open_group(number)
        if finished is not None:
            yield replace(finished, ends_group=opens_group)
        finished = coder.next_frame(pixels, number, frames, frame_session(session, number, coder.budget.frames))
    if finished is not None:
        yield replace(finished, ends_group=True)
    elif not point.frame:
        raise SignalError("the clip has no frames; expected at least one")
    checkpoint.remove(session.checkpoint)


def first_coder(
    signal: PlanarSignal, config: PlanarConfig, pixels: np.ndarray, session: Session, point: RestartPoint
) -> ClipCoder:
    """A coder at the beginning of a clip, or as it was at the beginning of the group where an encode goes on."""
    written = session.header
    if written is not None:
        background = PlanarHeader.unpack(written)[0].background
    else:
        background = make_sketch(pixels, config, None).background
    header = make_header(signal, config, tuple(background))
    coder = ClipCoder(signal, config, header, first_budget(signal, config), np.random.default_rng(config.seed))
    coder.group = point.group - 1
    coder.keeps = (session.checkpoint, session.key)
    found = checkpoint.load(session.checkpoint, session.key)
    kept = found[0].get(str(point.group)) if found is not None else None
    if kept is not None and point.group:
        coder.budget = Budget(**kept["budget"])
        coder.random.bit_generator.state = kept["random"]
    else:
        coder.budget.spent, coder.budget.done = coder.budget.spent + point.spent_bytes, point.frame
    return coder


def frame_session(session: Session, frame: int, frames: int) -> Session:
    """The session of one frame of many, which keeps no checkpoint of its own: clips go on at groups."""

    def report(progress: Progress) -> None:
        done = min((frame + progress.done) / max(frames, frame + 1), 1.0)
        session.report(Progress(done, f"frame {frame + 1}/{max(frames, frame + 1)}", progress.quality_db))

    return Session(report)


class ClipCoder:
    """What an encoder of a clip remembers from frame to frame."""

    def __init__(
        self,
        signal: PlanarSignal,
        config: PlanarConfig,
        header: PlanarHeader,
        budget: Budget,
        random: np.random.Generator,
    ) -> None:
        self.signal, self.config, self.header, self.budget, self.random = signal, config, header, budget, random
        self.size = (signal.width, signal.height)
        self.group = -1
        self.first_of_group = 0
        self.layers: tuple[LayerState, ...] = ()
        self.error = np.zeros((0, 0), np.float32)
        self.history: list[tuple[int, float]] = []
        """(bytes, PSNR of the top level) of each frame of the group so far."""
        self.keeps: tuple[Path | None, str] = (None, "")
        """Where the state at the beginning of each group is kept, and for which job."""
        self.begun: dict[str, dict[str, Any]] = {}
        """By the group's number: the state at the beginning of this group and of the one before."""
        self.sketch: Sketch | None = None
        self.start: Start | None = None
        """Where a predicted frame starts from; None: the frame that is looked at is a key frame."""

    def look_at(self, pixels: np.ndarray, number: int) -> bool:
        """Prepares the next frame; whether it opens a group."""
        sketch = self.sketch = make_sketch(pixels, self.config, tuple(self.header.background))
        start: Start | None = None
        if self.layers and number - self.first_of_group < self.config.group_frames:
            start = moved_start(sketch, self.layers, self.size, self.budget.price)
        self.start = None if start is not None and start_error(sketch, start) > CUT_ERROR else start
        return self.start is None

    def keep_state(self) -> None:
        """What a later process needs to go on with this group as if it were this one.

        The group before is not written yet, and may never be: who goes on with that one finds its beginning too.
        """
        path, key = self.keeps
        if path is None or not self.group:
            return
        facts = {"budget": asdict(self.budget), "random": self.random.bit_generator.state}
        before = {name: kept for name, kept in self.begun.items() if name == str(self.group - 1)}
        self.begun = before | {str(self.group): facts}
        checkpoint.save(path, key, self.begun, {})

    def open_group(self, number: int) -> None:
        """Ends the group before; frame `number` will be the first of the next."""
        self.end_group()
        self.group += 1
        self.first_of_group = number
        self.keep_state()

    def end_group(self) -> None:
        """Learns from a group what the next one will cost."""
        if len(self.history) > 2:
            sizes, qualities = zip(*self.history, strict=True)
            late = qualities[-max(1, len(qualities) // 4) :]
            predicted = sum(sizes[1:]) / (len(sizes) - 1)
            self.budget.learn(predicted / max(sizes[0], 1), qualities[0] - sum(late) / len(late))
        self.history = []

    def next_frame(self, pixels: np.ndarray, number: int, frames: Lookahead, session: Session) -> FramePart:
        """Fits the frame that was looked at, and remembers what the decoder will have of it."""
        sketch, start = self.sketch, self.start
        assert sketch is not None
        if start is None:
            layers = self.key_frame(pixels, sketch, frames, session)
            states, size_bytes = self.through_the_decoder(layers, True)
        else:
            states, size_bytes = self.predicted_frame(sketch, start, number - self.first_of_group)
        self.budget.count(size_bytes)
        self.layers = states
        self.error = decoded_error(sketch, states)
        quality = level_quality(sketch, states)
        self.history.append((size_bytes, quality[-1]))
        self.budget.hold_quality(quality[-1], self.config.target.psnr_db)
        session.report(Progress(1.0, "", quality[-1]))
        return FramePart(self.header, self.group, number, start is None, states, quality)

    def predicted_frame(self, sketch: Sketch, start: Start, place_in_group: int) -> tuple[tuple[LayerState, ...], int]:
        """Predicts a frame, again at another price when it misses its bytes by too much; the nearest try is kept."""
        lattice, shares = self.config.lattice, self.config.layer_shares
        best: tuple[tuple[LayerState, ...], int] | None = None
        wanted = self.budget.predicted_bytes(place_in_group) if self.budget.total_bytes is not None else 0.0
        for _ in range(TRIES):
            effort = Effort(lattice.predicted_steps, PREDICTED_SWEEPS, lattice.lower_weight, shares, self.budget.price)
            layers = predict_frame(sketch, self.layers, start, self.error, self.size, effort, self.random)
            tried = self.through_the_decoder(layers, False)
            if best is None or abs(tried[1] - wanted) < abs(best[1] - wanted):
                best = tried
            if self.budget.steer(tried[1], place_in_group):
                break
        assert best is not None
        return best

    def through_the_decoder(self, layers: tuple[LayerState, ...], is_key: bool) -> tuple[tuple[LayerState, ...], int]:
        """States as decoding the payloads gives them, adaptive counts included, and the payloads' size."""
        states: list[LayerState] = []
        total = 0
        for layer, state in enumerate(layers):
            previous = None if is_key else self.layers[layer]
            payload = encode_layer(self.header, state, previous, tuple(states))
            states.append(decode_layer(self.header, payload, previous, tuple(states)))
            total += len(payload) + UNIT_BYTES
        return tuple(states), total

    def key_frame(
        self, pixels: np.ndarray, sketch: Sketch, frames: Lookahead, session: Session
    ) -> tuple[LayerState, ...]:
        """Fits a key frame to its share of the budget."""
        config = self.config
        if self.budget.total_bytes is not None:
            ahead = 1 + frames.fill(config.group_frames - 1)
            if self.signal.frame_count is None and ahead < config.group_frames:
                self.budget.frames = self.budget.done + ahead
            if self.group == 0:
                group = [pixels, *frames.held]
                share = self.budget.total_bytes * len(group) / max(self.budget.frames, len(group))
                self.budget.plan(foreseen_ratio(group, self.signal, config, share))
            wanted = self.budget.key_bytes()
            wanted = max(wanted, rate_control.SMALL_STREAM_BYTES + 32.0)
            config = replace(config, target=RateTarget(size_bytes=int(wanted)))
        frozen: Frozen = fit_key_frame(sketch, self.signal, config, session)
        return frozen.layers
