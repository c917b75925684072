# SPDX-License-Identifier: Apache-2.0
"""A model, what it was decoded to and what it should be enter; quality of each region that the model names leaves."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import UInt8

from lamina.codec import View
from lamina.metrics import finite_db

LEAST_PIXELS = 16
"""Of a region in a picture: fewer say nothing."""


def region_scores(
    model: Any, view: View, reference: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"]
) -> dict[str, float]:
    """PSNR of the pixels of each region that is seen; of models without regions nothing."""
    if not hasattr(model, "regions"):
        return {}
    errors = (reference.astype(np.float64) - decoded) ** 2
    found: dict[str, float] = {}
    for name, mask in model.regions(view).items():
        if np.count_nonzero(mask) >= LEAST_PIXELS:
            error = float(errors[mask].mean())
            found[name] = finite_db(10 * np.log10(255**2 / error) if error else np.inf)
    return found
