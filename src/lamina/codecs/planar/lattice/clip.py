# SPDX-License-Identifier: Apache-2.0
"""A clip, frame by frame: key frames fitted whole, other frames predicted from the one before as the decoder has it.

Rate control over time: a key frame takes the share of its group's bytes that a look ahead suggests; predicted frames
steer the price of a bit so that what is left of the budget lasts to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lamina.codec import Monitor, Progress
from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.lattice import rate_control
from lamina.codecs.planar.lattice.budget import TRIES, Budget, first_budget
from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer
from lamina.codecs.planar.lattice.key_frame import UNIT_BYTES, Frozen, fit_key_frame
from lamina.codecs.planar.lattice.look_ahead import Lookahead, foreseen_ratio
from lamina.codecs.planar.lattice.picture import Sketch, level_quality, make_header, make_sketch
from lamina.codecs.planar.lattice.predict import decoded_error, moved_start, predict_frame, start_error
from lamina.codecs.planar.lattice.settle import Effort, Start
from lamina.codecs.planar.model import FramePart, LayerState
from lamina.codecs.planar.signal import PlanarSignal
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import SignalError

CUT_ERROR = 0.6
"""A frame whose start from the one before explains less than 1 - this of its variance opens a group."""

PREDICTED_SWEEPS = 24


def fit_clip(signal: PlanarSignal, config: PlanarConfig, monitor: Monitor) -> Iterator[FramePart]:
    """Fits every frame, closed loop.

    Raises:
        SignalError: the clip has no frames.
    """
    frames = Lookahead(signal, config.group_frames)
    random = np.random.default_rng(config.seed)
    budget = first_budget(signal, config)
    coder: ClipCoder | None = None
    for number, pixels in enumerate(frames):
        if coder is None:
            coder = ClipCoder(signal, config, clip_header(signal, config, pixels, monitor), budget, random)
        report = FrameMonitor(monitor, number, budget.frames)
        yield coder.next_frame(pixels, number, frames, report)
    if coder is None:
        raise SignalError("the clip has no frames; expected at least one")


def clip_header(signal: PlanarSignal, config: PlanarConfig, first_frame: np.ndarray, monitor: Monitor) -> PlanarHeader:
    """The stream's header; a clip that goes on keeps the background of its beginning, whatever it looks like by now."""
    if monitor.header is not None:
        background = PlanarHeader.unpack(monitor.header)[0].background
    else:
        background = make_sketch(first_frame, config, None).background
    return make_header(signal, config, tuple(background))


@dataclass
class FrameMonitor:
    """A monitor for one frame of many."""

    monitor: Monitor
    frame: int
    frames: int
    checkpoint: Path | None = None
    """Clips resume at groups: no frame has a checkpoint of its own."""
    header: bytes | None = None
    """The clip's affair, not a frame's."""

    def report(self, progress: Progress) -> None:
        """As part of the whole clip."""
        done = min((self.frame + progress.done) / max(self.frames, self.frame + 1), 1.0)
        self.monitor.report(Progress(done, f"frame {self.frame + 1}/{self.frames}", progress.quality_db))


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

    def end_group(self) -> None:
        """Learns from a group what the next one will cost."""
        if len(self.history) > 2:
            sizes, qualities = zip(*self.history, strict=True)
            late = qualities[-max(1, len(qualities) // 4) :]
            predicted = sum(sizes[1:]) / (len(sizes) - 1)
            self.budget.learn(predicted / max(sizes[0], 1), qualities[0] - sum(late) / len(late))
        self.history = []

    def next_frame(self, pixels: np.ndarray, number: int, frames: Lookahead, monitor: FrameMonitor) -> FramePart:
        """Fits a frame and remembers what the decoder will have of it."""
        sketch = make_sketch(pixels, self.config, tuple(self.header.background))
        start: Start | None = None
        if self.group >= 0 and number - self.first_of_group < self.config.group_frames:
            start = moved_start(sketch, self.layers, self.size, self.budget.price)
        is_key = start is None or start_error(sketch, start) > CUT_ERROR
        if start is None or is_key:
            self.end_group()
            self.group += 1
            self.first_of_group = number
            layers = self.key_frame(pixels, sketch, frames, monitor)
            states, size_bytes = self.through_the_decoder(layers, True)
        else:
            states, size_bytes = self.predicted_frame(sketch, start, number - self.first_of_group)
        self.budget.count(size_bytes)
        self.layers = states
        self.error = decoded_error(sketch, states)
        quality = level_quality(sketch, states)
        self.history.append((size_bytes, quality[-1]))
        self.budget.hold_quality(quality[-1], self.config.target.psnr_db)
        monitor.report(Progress(1.0, "", quality[-1]))
        return FramePart(self.header, self.group, number, is_key, states, quality)

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
        self, pixels: np.ndarray, sketch: Sketch, frames: Lookahead, monitor: FrameMonitor
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
        frozen: Frozen = fit_key_frame(pixels, sketch, self.signal, config, monitor)
        return frozen.layers
