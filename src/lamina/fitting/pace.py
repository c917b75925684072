# SPDX-License-Identifier: Apache-2.0
"""Rate control: sizes of frames enter, lambda of the next leaves.

Bytes over (or under) what the rate allows so far make lambda larger (or smaller), the more so the longer they have
been there: a proportional and an integral term over windows of a second or so. It follows from sizes alone, so that an
encode that goes on finds the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction

WINDOW_FRAMES = 30
"""Over which bytes may differ from what the rate allows."""

PROPORTIONAL = 1.2
"""Nats that lambda changes by when a whole window's bytes are over."""

INTEGRAL = 1.5
"""The same, for each window that they stay over."""

BOUNDS = (1 / 64, 64.0)
"""Lambda by the first one."""


@dataclass(frozen=True)
class Pace:
    """Where an encode is."""

    first_weight: float
    """Lambda that it starts from."""
    frame_bytes: float | None
    """What the rate allows a frame; None: lambda stays."""
    excess_bytes: float = 0.0
    """Spent over what was allowed so far."""
    integral: float = 0.0
    """Of the excess, in windows times frames."""

    @classmethod
    def of(cls, rate_weight: float, bits_per_second: float | None, frames_per_second: Fraction) -> Pace:
        """Before the first frame; no rate: lambda stays."""
        if bits_per_second is None:
            return cls(rate_weight, None)
        return cls(rate_weight, bits_per_second / 8 * frames_per_second.denominator / frames_per_second.numerator)

    @property
    def rate_weight(self) -> float:
        """Lambda of the next frame."""
        if self.frame_bytes is None:
            return self.first_weight
        window = WINDOW_FRAMES * self.frame_bytes
        nats = PROPORTIONAL * self.excess_bytes / window + INTEGRAL * self.integral
        lowest, highest = (math.log(bound) for bound in BOUNDS)
        return self.first_weight * math.exp(min(max(nats, lowest), highest))

    def after(self, size_bytes: int) -> Pace:
        """After a frame of this size."""
        if self.frame_bytes is None:
            return self
        excess = self.excess_bytes + size_bytes - self.frame_bytes
        window = WINDOW_FRAMES * self.frame_bytes
        limit = math.log(BOUNDS[1]) / INTEGRAL
        integral = min(max(self.integral + excess / window / WINDOW_FRAMES, -limit), limit)
        return replace(self, excess_bytes=excess, integral=integral)
