# SPDX-License-Identifier: Apache-2.0
"""What a sender does, without a socket and without a clock: pictures and feedback enter, datagrams leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from lamina.codec import LiveCoder
from lamina.errors import BitstreamError
from lamina.live.datagrams import pack_datagram, unpack_datagram, whole_number
from lamina.live.pieces import ModelPieces
from lamina.live.syntax import Feedback, FrameHead, Kind
from lamina.units import Unit

FIRM_S = 0.5
"""So long a receiver that has said nothing is still thought to have what it had: then packets stand alone again."""
SILENCE_S = 3.0
"""After so long without feedback nothing is thought to be known of the receiver: another may have come."""
AGAIN_S = 0.3
"""A piece is not sent again sooner: what is on its way cannot have been confirmed."""
ROUND_SHARE = 0.25
"""Of the model's rate, once all of it was sent and nobody confirms: whoever comes late finds it in time."""
LONGEST_BURST_S = 0.1
"""Pieces that were due meanwhile are sent at once for no longer than this."""


@dataclass
class Sent:
    """Counts of what was sent."""

    frames: int = 0
    frame_bytes: int = 0
    """Whole datagrams, without what IP and UDP add (28 bytes each)."""
    unconfirmed: int = 0
    """Frames that could build on no other: the receiver had confirmed none of late."""
    pieces: int = 0
    feedback: int = 0
    dropped: int = 0
    """Datagrams that came and were none of ours, or damaged."""


@dataclass
class Outbox:
    """One receiver's."""

    coder: LiveCoder
    model: ModelPieces
    model_bits_per_second: float
    sent: Sent = field(default_factory=Sent)
    _number: int = 0
    _confirmed: tuple[int, float] | None = None
    """The newest frame that the receiver surely has, and when it said so."""
    _heard_s: float | None = None
    _is_complete: bool = False
    _held: bytes = b""
    _next: int = 0
    _rounds: int = 0
    _credit_s: float | None = None
    _times: dict[int, float] = field(default_factory=dict)

    def frame(self, pixels: UInt8[np.ndarray, "h w 3"], number: int, now_s: float) -> bytes:
        """The datagram of a frame; numbers grow.

        Raises:
            SignalError: nothing in the picture can be coded.
        """
        reference = self._reference(now_s)
        packet = self.coder.code(pixels, number, reference)
        self._number = number
        data = pack_datagram(Kind.FRAME, self.model.name, FrameHead(number & 0xFFFF).pack() + packet)
        self.sent.frames += 1
        self.sent.frame_bytes += len(data)
        self.sent.unconfirmed += reference is None
        return data

    @property
    def has_arrived(self) -> bool:
        """The receiver has said that it has all of the model."""
        return self._is_complete

    def end(self) -> bytes:
        """No more frames."""
        return pack_datagram(Kind.END, self.model.name)

    def take(self, data: bytes, now_s: float) -> None:
        """Feedback; what is none, or damaged, is counted and forgotten."""
        try:
            datagram = unpack_datagram(data)
            if datagram.kind != Kind.FEEDBACK or datagram.model != self.model.name:
                raise BitstreamError("no feedback on this model", "datagram")
            feedback = Feedback.unpack_whole(datagram.body)
        except BitstreamError:
            self.sent.dropped += 1
            return
        self.sent.feedback += 1
        self._heard_s, self._is_complete, self._held = now_s, feedback.has_model, feedback.held
        if feedback.frame is None or not self.sent.frames:
            return
        number = whole_number(feedback.frame, self._number)
        if self.coder.check(number) == feedback.frame_check and number <= self._number:
            newest = number if self._confirmed is None else max(number, self._confirmed[0])
            self._confirmed = (newest, now_s)

    def due(self, now_s: float) -> Iterator[bytes]:
        """Pieces of the model that should be sent by now."""
        if self._credit_s is None:
            self._credit_s = now_s
        self._credit_s = max(self._credit_s, now_s - LONGEST_BURST_S)
        if self._heard_s is not None and now_s - self._heard_s > SILENCE_S:
            self._is_complete, self._held = False, b""
        rate = self.model_bits_per_second * (1.0 if self._is_wanted(now_s) else ROUND_SHARE)
        while self._credit_s < now_s:
            number = self._piece(now_s)
            if number is None:
                return
            data = pack_datagram(Kind.PIECE, self.model.name, self.model.pieces[number])
            self._credit_s += 8 * len(data) / rate
            self.sent.pieces += 1
            yield data

    def _reference(self, now_s: float) -> int | None:
        if self._confirmed is None or now_s - self._confirmed[1] > FIRM_S:
            return None
        return self._confirmed[0]

    def _is_wanted(self, now_s: float) -> bool:
        """Somebody waits for the model, or nothing is known yet."""
        return self._rounds == 0 or (self._heard_s is not None and now_s - self._heard_s < SILENCE_S)

    def _piece(self, now_s: float) -> int | None:
        """One that is not confirmed, nor just sent: what coarse layers lack first, unheard one after another."""
        if self._is_complete:
            return None
        count = len(self.model.pieces)
        is_heard = self._heard_s is not None and now_s - self._heard_s < SILENCE_S
        for turn in range(count):
            number = turn if is_heard else self._next
            if not is_heard:
                self._next = (number + 1) % count
                self._rounds += self._next == 0
            is_held = number // 8 < len(self._held) and self._held[number // 8] >> number % 8 & 1
            if not is_held and now_s - self._times.get(number, -np.inf) >= AGAIN_S:
                self._times[number] = now_s
                return number
        return None


def once_of(units: Sequence[Unit]) -> list[Unit]:
    """Of a stream's units, those that all groups need, the coarse ones first."""
    return sorted((unit for unit in units if unit.key.group < 0), key=lambda unit: unit.key.layer)
