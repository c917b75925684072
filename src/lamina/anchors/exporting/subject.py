# SPDX-License-Identifier: Apache-2.0
"""What is exported: anchors of a level and a frame, with what makes and shows Gaussians of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from lamina.anchors.anchors import Anchors
from lamina.anchors.neural import Heads
from lamina.cameras.camera import Camera


@dataclass(frozen=True, eq=False)
class Subject:
    """Anchors, and how they are looked at."""

    anchors: Anchors
    heads: Heads
    background: tuple[float, float, float]
    """Behind everything, sRGB-coded 0...1."""
    cameras: Sequence[Camera]
    """That a stream keeps; may be none."""
    unit: float
    """World units that count as a distance of 1."""
    viewpoints: Float64[np.ndarray, "m 3"]
    """Where it is looked at from, world units: used where there are no cameras."""
