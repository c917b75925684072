# SPDX-License-Identifier: Apache-2.0
"""Numbered things come in any order; they leave in theirs, those that do not come left out after a short wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

ThingT = TypeVar("ThingT")

MOST_WAITING = 256
"""Things that may wait for one that is missing: more are not kept."""


@dataclass
class Ordering(Generic[ThingT]):
    """Waits for what is missing no longer than `patience_s`."""

    patience_s: float
    last: int | None = None
    """Number of the last that left."""
    late: int = 0
    """Things that came after their turn, or twice."""
    _waiting: dict[int, tuple[float, ThingT]] = field(default_factory=dict)

    def put(self, number: int, thing: ThingT, now_s: float) -> None:
        """One that came."""
        if (self.last is not None and number <= self.last) or number in self._waiting:
            self.late += 1
        elif len(self._waiting) < MOST_WAITING:
            self._waiting[number] = (now_s, thing)

    def due(self, now_s: float) -> list[tuple[int, ThingT]]:
        """What leaves now."""
        found: list[tuple[int, ThingT]] = []
        while self._waiting:
            number = min(self._waiting)
            came_s, thing = self._waiting[number]
            is_next = self.last is not None and number == self.last + 1
            # Whoever waits longest decides: what it waits for is taken for lost.
            oldest_s = min(came_s, min(time for time, _ in self._waiting.values()))
            if not is_next and now_s - oldest_s < self.patience_s:
                break
            del self._waiting[number]
            self.last = number
            found.append((number, thing))
        return found

    def flush(self) -> list[tuple[int, ThingT]]:
        """All that is waiting."""
        found = [(number, thing) for number, (_, thing) in sorted(self._waiting.items())]
        self._waiting.clear()
        if found:
            self.last = found[-1][0]
        return found
