# SPDX-License-Identifier: Apache-2.0
"""A clip, frame by frame: key frames fitted whole, other frames predicted from the one before as the decoder has it.

Rate control over time: a key frame takes the share of its group's bytes that the group's motion suggests;
predicted frames
steer the price of a bit so that what is left of the budget lasts to the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lamina.codec import Monitor, Progress
from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.lattice import rate_control
from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer
from lamina.codecs.planar.lattice.key_frame import UNIT_BYTES, Frozen, fit_key_frame
from lamina.codecs.planar.lattice.motion import unexplained
from lamina.codecs.planar.lattice.picture import Sketch, level_quality, make_header, make_sketch
from lamina.codecs.planar.lattice.predict import decoded_error, predict_frame
from lamina.codecs.planar.lattice.settle import Effort
from lamina.codecs.planar.model import FramePart, LayerState
from lamina.codecs.planar.signal import PlanarSignal
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import SignalError

LOOK_AHEAD_PAIRS = 4
"""Pairs of frames looked at to guess what predicted frames will cost."""

CUT_ERROR = 0.6
"""A frame whose start from the one before explains less than 1 - this of its variance opens a group."""

PRICE_RANGE = (0.005, 1e5)
PRICE_EXPONENT = 1.2
"""A frame's bytes go about with price^(-1 / this)."""

PRICE_PER_DECIBEL = 0.4
"""Under a target quality: the price's logarithm moves by this for each dB that a frame is better than asked."""

MISS_SHARE = 0.08
TRIES = 4
"""A frame is redone at another price, at most so often, when it misses by more than the rest can make good."""

CODING_NOISE = (5.0 / 255.0) ** 2
"""Mean squared error of a block that need not be coded anew."""

PREDICTED_SWEEPS = 24


@dataclass
class Budget:
    """Bytes of the whole clip, and what is left of them."""

    total_bytes: float | None
    """None: the target is not a size."""
    frames: int
    """All frames; a guess when the clip does not say."""
    group_frames: int
    spent: float = 0.0
    done: int = 0
    price: float = 1.0
    ratio: float = 0.3
    """Bytes of a predicted frame over those of a key frame, as planned."""

    def share(self, keys_to_come: int, predicted_to_come: int) -> float:
        """Bytes that a predicted frame may take if those to come are planned alike and key frames cost 1 / ratio."""
        assert self.total_bytes is not None
        left = max(self.total_bytes - self.spent, 0.0)
        return left / max(predicted_to_come + keys_to_come / self.ratio, 1.0)

    def key_bytes(self) -> float:
        """What the next key frame may take."""
        left = max(self.frames - self.done, 1)
        keys = -(-left // self.group_frames)
        return self.share(keys, left - keys) / self.ratio

    def predicted_bytes(self, place_in_group: int) -> float:
        """What the next predicted frame may take; `place_in_group` counts from the key frame, which is 0."""
        left = max(self.frames - self.done, 1)
        keys = max(-(-(left - (self.group_frames - place_in_group)) // self.group_frames), 0)
        return self.share(keys, left - keys)

    def steer(self, size_bytes: int, place_in_group: int) -> bool:
        """Moves the price by what a predicted frame took over what it should; False: the frame had better be redone.

        A frame may miss by its share of what the frames after it can make good.
        """
        if self.total_bytes is None:
            return True
        wanted = max(self.predicted_bytes(place_in_group), 1.0)
        left = max(self.frames - self.done, 1)
        self.price *= min(max((size_bytes / wanted) ** PRICE_EXPONENT, 0.3), 4.0)
        self.price = min(max(self.price, PRICE_RANGE[0]), PRICE_RANGE[1])
        return abs(size_bytes - wanted) <= rate_control.TOLERANCE * self.total_bytes + MISS_SHARE * wanted * (left - 1)

    def hold_quality(self, psnr_db: float, wanted_db: float | None) -> None:
        """Moves the price by how far a frame is from the quality asked for, if one was."""
        if wanted_db is not None:
            self.price *= min(max(math.exp(PRICE_PER_DECIBEL * (psnr_db - wanted_db)), 0.5), 2.0)
            self.price = min(max(self.price, PRICE_RANGE[0]), PRICE_RANGE[1])

    def count(self, size_bytes: int) -> None:
        """Takes a frame off the budget."""
        self.spent += size_bytes
        self.done += 1

    def learn(self, predicted_share: float, lost_db: float) -> None:
        """After a group: plans with its ratio, raised when predicted frames had lost quality by the group's end."""
        self.ratio = min(max(predicted_share * 2.0 ** min(max(lost_db / 3.0, -1.0), 1.0), 0.02), 1.0)


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


def first_budget(signal: PlanarSignal, config: PlanarConfig) -> Budget:
    """The clip's bytes: bits per pixel count pixels of all frames; a size is the whole file's."""
    frames = signal.frame_count or config.group_frames
    target = config.target
    pixels = signal.width * signal.height
    if target.size_bytes is not None:
        return Budget(float(target.size_bytes), frames, config.group_frames)
    per_frame = rate_control.target_bytes(target, pixels, rate_control.DEFAULT_CLIP_BITS_PER_PIXEL)
    return Budget(None if per_frame is None else per_frame * frames, frames, config.group_frames)


class Lookahead:
    """Frames in order, and the ones that will come: at most a group of them is held."""

    def __init__(self, signal: PlanarSignal, reach: int) -> None:
        self.source = signal.frames(0)
        self.reach = reach
        self.held: list[np.ndarray] = []

    def __iter__(self) -> Iterator[np.ndarray]:
        while self.fill(1):
            yield self.held.pop(0)

    def fill(self, count: int) -> int:
        """Reads ahead; returns how many of `count` frames are there."""
        while len(self.held) < count:
            pixels = next(self.source, None)
            if pixels is None:
                break
            self.held.append(pixels)
        return min(len(self.held), count)


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
        self.pixels: np.ndarray | None = None
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
        is_key = self.group < 0 or number - self.first_of_group >= self.config.group_frames or self.is_cut(pixels)
        if is_key:
            self.end_group()
            self.group += 1
            self.first_of_group = number
            layers = self.key_frame(pixels, sketch, frames, monitor)
            states, size_bytes = self.through_the_decoder(layers, True)
        else:
            states, size_bytes = self.predicted_frame(sketch, number - self.first_of_group)
        self.budget.count(size_bytes)
        self.layers, self.pixels = states, pixels
        self.error = decoded_error(sketch, states)
        quality = level_quality(sketch, states)
        self.history.append((size_bytes, quality[-1]))
        self.budget.hold_quality(quality[-1], self.config.target.psnr_db)
        monitor.report(Progress(1.0, "", quality[-1]))
        return FramePart(self.header, self.group, number, is_key, states, quality)

    def predicted_frame(self, sketch: Sketch, place_in_group: int) -> tuple[tuple[LayerState, ...], int]:
        """Predicts a frame, again at another price when it misses its bytes by too much; the nearest try is kept."""
        lattice, shares = self.config.lattice, self.config.layer_shares
        best: tuple[tuple[LayerState, ...], int] | None = None
        wanted = self.budget.predicted_bytes(place_in_group) if self.budget.total_bytes is not None else 0.0
        for _ in range(TRIES):
            effort = Effort(lattice.predicted_steps, PREDICTED_SWEEPS, lattice.lower_weight, shares, self.budget.price)
            layers = predict_frame(sketch, self.layers, self.error, self.size, effort, self.random)
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

    def is_cut(self, pixels: np.ndarray) -> bool:
        """Whether a frame has little to do with the one before."""
        assert self.pixels is not None
        now, before = (luma.astype(np.float32).mean(axis=2)[::4, ::4] for luma in (pixels, self.pixels))
        return float(np.mean(np.square(now - before))) > CUT_ERROR * 2.0 * float(np.var(now)) + 4.0

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
                self.budget.ratio = guessed_ratio([pixels, *frames.held])
            wanted = self.budget.key_bytes()
            wanted = max(wanted, rate_control.SMALL_STREAM_BYTES + 32.0)
            config = replace(config, target=RateTarget(size_bytes=int(wanted)))
        frozen: Frozen = fit_key_frame(pixels, sketch, self.signal, config, monitor)
        return frozen.layers


def guessed_ratio(frames: list[np.ndarray]) -> float:
    """Bytes of a predicted frame over a key frame's: by the share of blocks that motion does not explain."""
    if len(frames) < 2:
        return 0.3
    step = max(1, (len(frames) - 1) // LOOK_AHEAD_PAIRS)
    shares = []
    for first in range(0, len(frames) - 1, step):
        before, now = (frames[first + k].astype(np.float32).mean(axis=2) / 255.0 for k in (0, 1))
        shares.append(float(np.mean(unexplained(now, before) > CODING_NOISE)))
    return min(0.06 + 1.2 * float(np.mean(shares)), 1.0)
