# SPDX-License-Identifier: Apache-2.0
"""The picture that a step looks at: a view of the capture enters, or half its size, or a part of it, leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from lamina.cameras.camera import Camera


@dataclass(frozen=True, eq=False)
class Shot:
    """A picture to come near to, and where it is seen from."""

    camera: Camera
    target: Float[Tensor, "h w 3"]
    share: float = 1.0
    """Of the whole picture."""

    def halved(self) -> Shot:
        """Means of 2x2 pixels; an odd last row or column is left out. Pictures under 2 pixels stay."""
        height, width = self.camera.height // 2, self.camera.width // 2
        if min(height, width) < 1:
            return self
        camera = replace(self.camera, width=2 * width, height=2 * height).resized(width, height)
        rows = self.target[0 : 2 * height : 2, : 2 * width] + self.target[1 : 2 * height : 2, : 2 * width]
        pairs = rows.reshape(height, width, 2, 3)
        return Shot(camera, 0.25 * (pairs[:, :, 0] + pairs[:, :, 1]), self.share)

    def part(self, pixels: int, random: np.random.Generator) -> Shot:
        """About so many of its pixels, of the picture's shape; those at its borders are as likely as others, nearly."""
        width, height = size_within(self.camera, pixels)
        if (width, height) == (self.camera.width, self.camera.height):
            return self
        left = _place(self.camera.width - width, width, random)
        upper = _place(self.camera.height - height, height, random)
        camera = self.camera.cropped(left, upper, width, height)
        share = width * height / (self.camera.width * self.camera.height)
        return Shot(camera, self.target[upper : upper + height, left : left + width].contiguous(), self.share * share)


def size_within(camera: Camera, pixels: int) -> tuple[int, int]:
    """Width and height of a picture of the camera's shape and about so many pixels, at most as many as it has."""
    side = min(1.0, math.sqrt(pixels / (camera.width * camera.height)))
    return max(1, round(side * camera.width)), max(1, round(side * camera.height))


def _place(room: int, size: int, random: np.random.Generator) -> int:
    """Where a part of `size` begins: up to half of it would lie outside, and is moved inside."""
    return int(np.clip(random.integers(-(size // 2), room + size // 2 + 1), 0, room))
