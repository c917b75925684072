# SPDX-License-Identifier: Apache-2.0
"""Columns of a run and what it may cost enter; integers and the scale of its steps leave."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Int32

from lamina.codecs.head.columns import VALUE_LIMIT, column_layers
from lamina.codecs.head.networked.indices import within
from lamina.codecs.head.parameters import pack_run
from lamina.codecs.head.steps import scale_factor
from lamina.codecs.head.syntax import HeadFacts

LARGEST_SCALE = 40
"""Steps 1024 times as large."""
HEAD_BYTES = 6
"""Of a unit, beside its stream: its head, and what the container says of it."""
STAY = 0.65
"""A column stays as it was while it is within so many steps: what wavers costs bits and shows as jitter."""


@dataclass
class RunBudget:
    """What frames may cost."""

    bits_per_second: float | None
    frames_per_second: Fraction
    spent_bytes: int
    frames: int
    """That were coded before."""

    def bytes_for(self, count: int) -> float | None:
        """What the next frames may take; what was saved before may be spent."""
        if self.bits_per_second is None:
            return None
        total = self.bits_per_second / 8 * float((self.frames + count) / self.frames_per_second)
        own = self.bits_per_second / 8 * float(count / self.frames_per_second)
        return max(total - self.spent_bytes, 0.5 * own)

    def spend(self, count: int, size_bytes: int) -> None:
        """Frames were coded."""
        self.spent_bytes += size_bytes
        self.frames += count


def steady(rows: Float32[np.ndarray, "t c"], steps: Float32[np.ndarray, " c"]) -> Int32[np.ndarray, "t c"]:
    """Integers of rows: nearest, but a column stays where it was while that is nearly as near."""
    wanted = rows / steps
    values = np.empty(rows.shape, np.int32)
    last = np.rint(wanted[0])
    for number, row in enumerate(wanted):
        last = np.where(np.abs(row - last) <= STAY, last, np.rint(row)) if number else last
        values[number] = last.clip(-VALUE_LIMIT, VALUE_LIMIT)
    return values


def sent_columns(
    facts: HeadFacts, rows: Float32[np.ndarray, "t c"], steps: Float32[np.ndarray, " c"]
) -> Int32[np.ndarray, "t c"]:
    """Integers of rows; the nearest that there are, in the paper's method."""
    if facts.network is None:
        return steady(rows, steps)
    return within(facts.network, np.rint(rows / steps).astype(np.int64))


def scaled_run(
    facts: HeadFacts, steps: Float32[np.ndarray, " c"], rows: Float32[np.ndarray, "t c"], budget: RunBudget
) -> tuple[Int32[np.ndarray, "t c"], int]:
    """The finest steps that the budget allows."""
    allowed = budget.bytes_for(len(rows))
    scale = 0
    while True:
        values = sent_columns(facts, rows, steps * np.float32(scale_factor(scale)))
        size = run_bytes(facts, values)
        if allowed is None or size <= allowed or scale >= LARGEST_SCALE:
            budget.spend(len(rows), size)
            return values, scale
        scale += 1


def run_bytes(facts: HeadFacts, values: Int32[np.ndarray, "t c"]) -> int:
    """What a run takes in a file."""
    parts = column_layers(facts.torso, facts.dimensions, facts.layers)
    return sum(HEAD_BYTES + len(pack_run(facts, part, values[:, part.start : part.stop])) for part in parts)
