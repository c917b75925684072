# SPDX-License-Identifier: Apache-2.0
"""What a file says of how pixels are held up enters (a display matrix); pixels as they are meant to be seen leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

if TYPE_CHECKING:
    from av import VideoFrame

SQUARE_ENOUGH = 0.02
"""Of a turn's cosine or sine: what is further from 0 and 1 is no quarter turn."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """Mirrored left to right first, then turned."""

    mirrored: bool = False
    quarter_turns: int = 0
    """Counterclockwise, 0...3."""
    is_slanted: bool = False
    """The file asks for an angle between: the nearest quarter turn is taken."""

    @property
    def swaps_sides(self) -> bool:
        """Whether width becomes height."""
        return self.quarter_turns % 2 == 1

    def apply(self, pixels: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h2 w2 3"]:
        """Pixels as they are meant to be seen."""
        upright = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(upright, self.quarter_turns))

    def note(self) -> str | None:
        """For people; None where nothing is done."""
        done = (["mirrored"] if self.mirrored else []) + (
            [f"rotated by {90 * self.quarter_turns} degrees counterclockwise"] if self.quarter_turns else []
        )
        if self.is_slanted:
            done.append("which is the nearest quarter turn" if done else "not turned: its angle is no quarter turn")
        return f"{' and '.join(done[:2])}{', ' + done[2] if len(done) > 2 else ''}, as the file says" if done else None


def orientation_of(frame: VideoFrame) -> Orientation:
    """From the frame's display matrix; the identity where it has none.

    Source: libavutil/display.h (rows a b u, c d v, x y w in 16.16; x' = a x + c y, y' = b x + d y, y downwards).
    """
    found = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return Orientation()
    a, b, _, c, d = np.frombuffer(found, np.int32)[:5].astype(np.float64)
    if a * d - b * c == 0:
        return Orientation()
    mirrored = a * d - b * c < 0
    # What is left when the mirror, which comes first, is taken out of it: a rotation, times a scale.
    a, b = (-a, -b) if mirrored else (a, b)
    length = np.hypot(a, b)
    turns = np.degrees(np.arctan2(-b, a)) / 90
    slant = min(abs(a), abs(b)) / length
    return Orientation(bool(mirrored), round(turns) % 4, bool(slant > SQUARE_ENOUGH))
