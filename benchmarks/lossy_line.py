# SPDX-License-Identifier: Apache-2.0
"""A network that loses, reorders, repeats and damages datagrams, and a call over it in simulated time.

Enter: a sender and a receiver without sockets. Leaves: which frames were shown, and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lamina.codec import Model
from lamina.live.inbox import Inbox
from lamina.live.outbox import Outbox

FRAMES_PER_SECOND = 25
TICKS_PER_SECOND = 200
NOTHING = np.zeros((1, 1, 3), np.uint8)
"""A picture for coders that do not look at it."""


@dataclass
class Line:
    """One way of a network."""

    seed: int
    loss: float = 0.0
    burst: int = 1
    """Datagrams that are lost together."""
    delay_s: float = 0.02
    jitter_s: float = 0.0
    """More makes datagrams overtake each other."""
    repeats: float = 0.0
    """Share that comes twice."""
    flips: float = 0.0
    """Share in which a bit is turned."""
    _on_its_way: list[tuple[float, bytes]] = field(default_factory=list)
    _losing: int = 0

    def __post_init__(self) -> None:
        self._chance = np.random.default_rng(self.seed)

    def send(self, data: bytes, now_s: float) -> None:
        """Put a datagram on its way, if it is not lost."""
        if self._losing:
            self._losing -= 1
            return
        if self._chance.random() < self.loss / self.burst:
            self._losing = self.burst - 1
            return
        for _ in range(1 + (self._chance.random() < self.repeats)):
            came = bytearray(data)
            if self._chance.random() < self.flips:
                came[self._chance.integers(len(came))] ^= 1 << int(self._chance.integers(8))
            self._on_its_way.append((now_s + self.delay_s + self._chance.random() * self.jitter_s, bytes(came)))

    def arrived(self, now_s: float) -> Iterator[bytes]:
        """What has come by now, in the order of its coming."""
        ready = sorted((one for one in self._on_its_way if one[0] <= now_s), key=lambda one: one[0])
        self._on_its_way = [one for one in self._on_its_way if one[0] > now_s]
        return (data for _, data in ready)


@dataclass
class Shown:
    """What became of a call."""

    models: dict[int, Model] = field(default_factory=dict)
    times_s: dict[int, float] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)


def called(outbox: Outbox, inbox: Inbox, there: Line, back: Line | None, seconds: float, start_s: float = 0.0) -> Shown:
    """Let time pass in steps of 5 ms; `back` None: nothing of what the receiver says arrives."""
    shown, frame_ticks = Shown(), TICKS_PER_SECOND // FRAMES_PER_SECOND
    for tick in range(round(start_s * TICKS_PER_SECOND), round((start_s + seconds) * TICKS_PER_SECOND)):
        now_s = tick / TICKS_PER_SECOND
        for data in outbox.due(now_s):
            there.send(data, now_s)
        if tick % frame_ticks == 0:
            there.send(outbox.frame(NOTHING, tick // frame_ticks, now_s), now_s)
        for data in there.arrived(now_s):
            inbox.take(data, now_s)
        said = inbox.feedback(now_s)
        if said is not None and back is not None:
            back.send(said, now_s)
            for data in back.arrived(now_s):
                outbox.take(data, now_s)
        for number, model in inbox.due(now_s):
            shown.models[number] = model
            shown.times_s[number] = now_s
            shown.order.append(number)
    return shown
