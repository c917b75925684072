# SPDX-License-Identifier: Apache-2.0
"""What values of Gaussians are rounded to when they are sent: reals enter, rounded reals with gradients leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.rig import Look

SKIN_STEP = 0.5
"""Of logits."""


@dataclass(frozen=True)
class Grid:
    """Steps of places, turns, sizes, opacities, colors, skin; the logarithm of a size whose integer is 0."""

    steps: tuple[float, ...]
    base_size: float

    def rounded(self, look: Look) -> Look:
        """What a decoder will have; gradients pass straight through (Bengio et al., 2013)."""
        places, turns, sizes, opacities, colors, skins = self.steps
        return Look(
            _nearest(look.places, places),
            _nearest(look.turns, turns),
            _nearest(look.log_sizes - self.base_size, sizes) + self.base_size,
            _nearest(look.opacities, opacities),
            _nearest(look.colors, colors),
            _nearest(look.skins, skins),
        )


def _nearest(values: Tensor, step: float) -> Tensor:
    return values + ((values.detach() / step).round() * step - values.detach())


def gaussian_steps(config: HeadConfig) -> tuple[float, ...]:
    """What 1 is of each group of columns, as a stream holds it."""
    shape = config.shape
    steps = shape.offset_step_cm, shape.angle_step, shape.size_step, shape.opacity_step, shape.color_step, SKIN_STEP
    return tuple(float(np.float32(step)) for step in steps)
