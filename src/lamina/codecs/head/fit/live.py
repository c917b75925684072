# SPDX-License-Identifier: Apache-2.0
"""Pictures enter as a camera takes them; packets leave, each with one frame's columns.

A picture without a face, or with two, sends nothing: the call goes on when the face is there again.
"""

from __future__ import annotations

import math
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
"""What packets saved may be spent so much later."""
REPAID, LEAST_SHARE = 0.2, 0.5
"""Of what is owed, with each packet; of its own share, whatever is owed."""
FINER_SHARE = 0.8
"""A packet under this share of what it may take lets the next have finer steps."""
LIVE_STEPS = 1
"""On all layers, after those on the base layer (`MotionConfig.coarse_steps`)."""
NAME = "live"


@dataclass
class LiveRate:
    """What packets may take."""

    bits_per_second: float | None
    frames_per_second: float
    scale: int = 0
    """Of the last packet's steps."""
    backlog_bits: float = 0.0
    """By which packets are ahead of their rate."""

    def allowed_bytes(self, frames: int) -> float:
        """For a packet so many frames after the one before: its share, less part of what is owed."""
        if self.bits_per_second is None:
            return math.inf
        share = self.bits_per_second * frames / self.frames_per_second
        return max(share - REPAID * self.backlog_bits, LEAST_SHARE * share) / 8

    def spend(self, size_bytes: int, frames: int) -> None:
        """A packet was made; what was saved is kept for no longer than a quarter of a second."""
        if self.bits_per_second is not None:
            owed = self.backlog_bits + 8 * size_bytes - self.bits_per_second * frames / self.frames_per_second
            self.backlog_bits = max(owed, -BACKLOG_S * self.bits_per_second)


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
        row, frames = self._fitted(pixels), number - self._number if self._number >= 0 else 1
        allowed_bytes = self._rate.allowed_bytes(frames)
        # A step finer only where there is room: changing to and fro costs more than it shows.
        scale = self._rate.scale
        state, packet = self._packed(row, scale, number, reference)
        while len(packet) > allowed_bytes and scale < LARGEST_SCALE:
            scale += 1
            state, packet = self._packed(row, scale, number, reference)
        if scale == self._rate.scale and scale and len(packet) < FINER_SHARE * allowed_bytes:
            scale -= 1
            state, packet = self._packed(row, scale, number, reference)
        self._rate.scale = scale
        self._rate.spend(len(packet), frames)
        self._number = number
        self.keep(number, state)
        return packet

    def _packed(
        self, row: Float32[np.ndarray, " c"], scale: int, number: int, reference: int | None
    ) -> tuple[FrameState, bytes]:
        """With steps of a scale."""
        state = self._state(row, scale)
        packet = pack_frame(self._facts, state)
        known = None if reference is None else self.known.get(reference)
        if known is not None and reference is not None and 0 < number - reference <= LONGEST_LAG:
            packet = min(packet, pack_frame(self._facts, state, known, number - reference), key=len)
        return state, packet

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

    def _state(self, row: Float32[np.ndarray, " c"], scale: int) -> FrameState:
        """Rounded; a column stays where it was while that is nearly as near (`rate.steady`)."""
        wanted = row / (self._refiner.head.steps * np.float32(scale_factor(scale)))
        nearest, last = np.rint(wanted), self.known.get(self._number)
        if last is not None and last.scale == scale:
            nearest = np.where(np.abs(wanted - last.values) <= STAY, last.values, nearest)
        return FrameState(nearest.clip(-VALUE_LIMIT, VALUE_LIMIT).astype(np.int32), scale)


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
