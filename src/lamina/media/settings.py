# SPDX-License-Identifier: Apache-2.0
"""What a user asks for enters (preset, target, layers, scalability); a codec's configuration leaves. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

from lamina.codecs.planar.config import PRESETS, PlanarConfig, RateTarget, Scalability, with_layers


@dataclass(frozen=True)
class Settings:
    """The few choices that most users make; every other knob is a field of the codec's configuration."""

    preset: str = "default"
    target: RateTarget | None = None
    """Size or quality to aim at; None: the preset's."""
    layers: int | None = None
    """Number of layers; None: the preset's."""
    scalability: Scalability | None = None
    group_frames: int | None = None
    """At most so many frames from one key frame to the next."""
    seed: int | None = None

    def configure(self) -> PlanarConfig:
        """The preset with these changes.

        Raises:
            ValueError: there is no such preset, or a value is out of range.
        """
        if self.preset not in PRESETS:
            close = get_close_matches(self.preset, PRESETS, 1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"there is no preset {self.preset!r}, expected one of {', '.join(sorted(PRESETS))}{hint}")
        config = PRESETS[self.preset]
        if self.layers is not None:
            if not 1 <= self.layers <= 8:
                raise ValueError(f"layers is {self.layers}, expected 1...8")
            config = with_layers(config, self.layers)
        changes = {
            "target": self.target,
            "scalability": self.scalability,
            "group_frames": self.group_frames,
            "seed": self.seed,
        }
        return replace(config, **{name: value for name, value in changes.items() if value is not None})
