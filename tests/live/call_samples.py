# SPDX-License-Identifier: Apache-2.0
"""A made-up head, a coder that moves it by chance, and a line that loses, reorders, repeats and damages datagrams."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "head"))
from head_samples import facts_of, head_part

from lamina.codecs.head.coding import encode
from lamina.codecs.head.live import RecentFrames
from lamina.codecs.head.packets import LONGEST_LAG, FrameState, pack_frame
from lamina.codecs.head.syntax import WIRE_ID, HeadFacts
from lamina.live.inbox import Inbox
from lamina.live.outbox import Outbox
from lamina.live.pieces import ModelPieces, pieces_of
from lamina.units import Unit

LIVELINESS = 10
"""Class of activity of all columns: what `ChanceCoder` does."""


def facts(gaussians: int = 40) -> HeadFacts:
    made = facts_of(2, 3, 8, gaussians)
    return replace(made, activity=(LIVELINESS,) * made.columns)


FACTS = facts()
NOTHING = np.zeros((1, 1, 3), np.uint8)
FRAMES_PER_SECOND = 25


def head_units(gaussians: int = 400) -> list[Unit]:
    """Header and two layers, some pieces long."""
    return list(encode([head_part(facts(gaussians))]))


def model_of(units: list[Unit]) -> ModelPieces:
    return pieces_of(WIRE_ID, units)


class ChanceCoder(RecentFrames):
    """Columns that walk by chance; the picture is not looked at."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self._chance, self._row = np.random.default_rng(seed), np.zeros(FACTS.columns)
        self.sent: dict[int, FrameState] = {}
        self.alone = 0

    def code(self, pixels: np.ndarray, number: int, reference: int | None) -> bytes:
        del pixels
        self._row += self._chance.normal(0, 0.5, FACTS.columns)
        self._row *= 0.99
        state = FrameState(np.rint(self._row).astype(np.int32), int(self._chance.integers(0, 5)))
        self.keep(number, state)
        self.sent[number] = state
        known = None if reference is None else self.known.get(reference)
        if known is None or reference is None or number - reference > LONGEST_LAG:
            self.alone += 1
            return pack_frame(FACTS, state)
        return pack_frame(FACTS, state, known, number - reference)


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
        ready = sorted((one for one in self._on_its_way if one[0] <= now_s), key=lambda one: one[0])
        self._on_its_way = [one for one in self._on_its_way if one[0] > now_s]
        return (data for _, data in ready)


@dataclass
class Shown:
    """What became of a call."""

    frames: dict[int, FrameState] = field(default_factory=dict)
    times_s: dict[int, float] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)


def called(outbox: Outbox, inbox: Inbox, there: Line, back: Line | None, seconds: float, start_s: float = 0.0) -> Shown:
    """Let time pass in steps of 5 ms; `back` None: nothing of what the receiver says arrives."""
    shown, frame_ticks = Shown(), 200 // FRAMES_PER_SECOND
    for tick in range(round(start_s * 200), round((start_s + seconds) * 200)):
        now_s = tick / 200
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
            shown.frames[number] = FrameState(model.values, model.scale)  # pyright: ignore[reportAttributeAccessIssue]
            shown.times_s[number] = now_s
            shown.order.append(number)
    return shown
