# SPDX-License-Identifier: Apache-2.0
"""A clip's bytes over time: what key frames and predicted frames may take, and the price of a bit that holds them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.fit import rate_control

PRICE_RANGE = (0.005, 1e5)
PRICE_EXPONENT = 1.2
"""A frame's bytes go about with price^(-1 / this)."""

STEADINESS, STEADY_FRAMES = 0.2, 4
"""Share of a frame's miss that the price answers while there are frames left to make it good: a steady price wastes
fewer bits than frames of equal size. The share grows to all of it over the last frames."""

FIRST_PRICE, PRICE_BY_RATIO = 1.3, 0.8
"""The first price is this over ratio^this: where predicted frames are to be small, what they code lives long, and what
passes in a frame is not worth its bits."""

PRICE_PER_DECIBEL = 0.4
"""Under a target quality: the price's logarithm moves by this for each dB that a frame is better than asked."""

LEAST_RATIO = 0.02
"""Predicted frames are planned with at least this share of a key frame's bytes."""

FRONT_BYTES = 80.0
"""Header, directory and header unit of a clip, about."""

MISS_SHARE = 0.12
TRIES = 4
"""A frame is redone at another price, at most so often, when it misses by more than the rest can make good."""


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
        miss = abs(size_bytes - wanted)
        is_near = miss <= rate_control.TOLERANCE * self.total_bytes + MISS_SHARE * wanted * (left - 1)
        power = PRICE_EXPONENT * (max(STEADINESS, STEADY_FRAMES / (left + STEADY_FRAMES - 1)) if is_near else 1.0)
        self.price *= min(max((size_bytes / wanted) ** power, 0.3), 4.0)
        self.price = min(max(self.price, PRICE_RANGE[0]), PRICE_RANGE[1])
        return is_near

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
        self.ratio = min(max(predicted_share * 2.0 ** min(max(lost_db / 3.0, -1.0), 1.0), LEAST_RATIO), 1.0)

    def plan(self, ratio: float) -> None:
        """Plans with a ratio, and starts with the price that goes with it."""
        self.ratio = min(max(ratio, LEAST_RATIO), 1.0)
        self.price = min(max(FIRST_PRICE / self.ratio**PRICE_BY_RATIO, PRICE_RANGE[0]), PRICE_RANGE[1])


def first_budget(signal: PlanarSignal, config: PlanarConfig) -> Budget:
    """The clip's bytes: bits per pixel count pixels of all frames; a size is the whole file's."""
    frames = signal.frame_count or config.group_frames
    target = config.target
    pixels = signal.width * signal.height
    if target.size_bytes is not None:
        return Budget(float(target.size_bytes), frames, config.group_frames, spent=FRONT_BYTES)
    per_frame = rate_control.target_bytes(target, pixels, rate_control.DEFAULT_CLIP_BITS_PER_PIXEL)
    return Budget(None if per_frame is None else per_frame * frames, frames, config.group_frames, spent=FRONT_BYTES)
