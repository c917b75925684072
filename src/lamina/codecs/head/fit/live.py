# SPDX-License-Identifier: Apache-2.0
"""Pictures enter as a camera takes them; packets leave, each with one frame's columns.

A picture without a face, or with two, sends nothing: the call goes on when the face is there again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.codec import LiveChoices
from lamina.codecs.head.coding import decode_states
from lamina.codecs.head.columns import ROTATION, TRANSLATION, VALUE_LIMIT
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.rate import LARGEST_SCALE, STAY
from lamina.codecs.head.fit.refining import Refiner, refiner_of
from lamina.codecs.head.live import RecentFrames
from lamina.codecs.head.model import Head
from lamina.codecs.head.packets import LONGEST_LAG, FrameState, pack_frame
from lamina.codecs.head.steps import scale_factor
from lamina.data.faces.tracking import FaceTracker, FaceWatcher, observed
from lamina.errors import SignalError
from lamina.units import Unit

STRAYED_RADIANS, STRAYED_CM = 0.35, 6.0
"""A head that was refined further away from where the tracker sees it has lost its way: it begins anew there."""
BACKLOG_S = 0.25
"""Packets may be so much ahead of their rate before steps get coarser."""
LIVE_STEPS = 1
"""On all layers, after those on the base layer (`MotionConfig.coarse_steps`)."""
NAME = "live"


@dataclass
class LiveRate:
    """Which steps keep packets to their rate."""

    bits_per_second: float | None
    frames_per_second: float
    scale: int = 0
    backlog_bits: float = 0.0

    def spend(self, size_bytes: int, frames: int) -> None:
        """A packet was made, so many frames after the one before."""
        if self.bits_per_second is None:
            return
        allowed = self.bits_per_second * frames / self.frames_per_second
        self.backlog_bits = max(self.backlog_bits + 8 * size_bytes - allowed, -BACKLOG_S * self.bits_per_second)
        if self.backlog_bits > BACKLOG_S * self.bits_per_second:
            self.scale = min(self.scale + 1, LARGEST_SCALE)
        elif self.backlog_bits < 0:
            self.scale = max(self.scale - 1, 0)


class HeadLiveCoder(RecentFrames):
    """Of one head, in the pictures of one camera."""

    def __init__(self, refiner: Refiner, rate: LiveRate) -> None:
        super().__init__()
        facts = refiner.head.facts
        self._refiner, self._rate, self._facts = refiner, rate, facts
        self._watcher = FaceWatcher(NAME)
        self._tracker = FaceTracker(refiner.person, refiner.pinhole, facts.width, facts.height, NAME)
        self._row: Float32[np.ndarray, " c"] | None = None
        self._tracked: Float32[np.ndarray, " c"] | None = None
        self._number = -1

    @property
    def head(self) -> Head:
        """Whose frames they are."""
        return self._refiner.head

    def code(self, pixels: UInt8[np.ndarray, "h w 3"], number: int, reference: int | None) -> bytes:
        """The packet of a frame, on a frame that the receiver has where that is shorter.

        Raises:
            SignalError: no face, two faces, or one that is turned too far.
        """
        state = self._state(self._fitted(pixels))
        packet = pack_frame(self._facts, state)
        known = None if reference is None else self.known.get(reference)
        if known is not None and reference is not None and 0 < number - reference <= LONGEST_LAG:
            packet = min(packet, pack_frame(self._facts, state, known, number - reference), key=len)
        self._rate.spend(len(packet), number - self._number if self._number >= 0 else 1)
        self._number = number
        self.keep(number, state)
        return packet

    def _fitted(self, pixels: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, " c"]:
        """Columns in their units."""
        try:
            points = self._watcher.look(pixels)
            now = self._refiner.tracked_row(self._tracker.track(points, observed(points)))
        except SignalError:
            # Whatever comes next is looked at as if it were the first.
            self._watcher, self._tracker = FaceWatcher(NAME), replace(self._tracker, before=None)
            self._row = self._tracked = None
            raise
        if self._row is None or self._tracked is None or has_strayed(self._row - self._tracked):
            self._row = self._refiner.refined(now, pixels, is_first=True)
        else:
            self._row = self._refiner.refined(self._row + now - self._tracked, pixels)
        self._tracked = now
        return self._row

    def _state(self, row: Float32[np.ndarray, " c"]) -> FrameState:
        """Rounded; a column stays where it was while that is nearly as near (`rate.steady`)."""
        wanted = row / (self._refiner.head.steps * np.float32(scale_factor(self._rate.scale)))
        nearest, last = np.rint(wanted), self.known.get(self._number)
        if last is not None and last.scale == self._rate.scale:
            nearest = np.where(np.abs(wanted - last.values) <= STAY, last.values, nearest)
        return FrameState(nearest.clip(-VALUE_LIMIT, VALUE_LIMIT).astype(np.int32), self._rate.scale)


def has_strayed(away: Float32[np.ndarray, " c"]) -> bool:
    """Whether columns are so far from those that were tracked that they show nothing of use."""
    turned, moved = np.abs(away[ROTATION]).max(), np.abs(away[TRANSLATION][:2]).max()
    return bool(not np.isfinite(away).all() or turned > STRAYED_RADIANS or moved > STRAYED_CM)


def open_coder(units: Sequence[Unit], choices: LiveChoices) -> HeadLiveCoder:
    """A coder for the head of a stream group.

    Raises:
        BackendUnavailable: LiteRT is not installed.
        BitstreamError: the head is damaged.
        SignalError: the file holds no head, or one without what finds its face again.
    """
    head: Head | None = None
    for _, decoder, _ in decode_states(iter(units)):
        head = decoder.head
    if head is None or not head.layers or not head.layers[0].tracker:
        raise SignalError("the file holds no head that can be found in pictures: encode one with --codec head")
    default = HeadConfig()
    steps = LIVE_STEPS if choices.effort is None else choices.effort
    config = replace(default, motion=replace(default.motion, steps=steps))
    refiner = refiner_of(head, config)
    # Found before the first picture, not in the middle of the call.
    _ = refiner.newton, refiner.coarse
    facts = head.facts
    rate = LiveRate(choices.bits_per_second, facts.rate_numerator / facts.rate_denominator)
    return HeadLiveCoder(refiner, rate)
