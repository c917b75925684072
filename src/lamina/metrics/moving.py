# SPDX-License-Identifier: Apache-2.0
"""Pictures of one fixed camera enter; what stands still in all of them, and where one of them moves, leave.

In most captures nine pixels of ten never change, and a mean over the picture says little of what people look at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8

MOVING_STEPS = 24
"""8-bit steps, in the channel that differs most, above which a pixel is not what stands still: over the noise of video
cameras, under the contrast of clothes."""

DILATION_PX = 2
"""By which what moves is widened: its edges count."""


def still_picture(pictures: Sequence[UInt8[np.ndarray, "h w 3"]]) -> UInt8[np.ndarray, "h w 3"]:
    """The median over time, each channel by itself; of an even number of pictures rounded to whole steps.

    Raises:
        ValueError: there are no pictures, or they are of several sizes.
    """
    if not pictures or len({picture.shape for picture in pictures}) > 1:
        raise ValueError(f"expected pictures of one size, got {len(pictures)}")
    return np.rint(np.median(np.stack(pictures), axis=0)).astype(np.uint8)


def moving_mask(picture: UInt8[np.ndarray, "h w 3"], still: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Where a picture differs from what stands still: by more than `MOVING_STEPS`, opened, then widened.

    Opening (of a pixel and its four neighbours) removes what is smaller than a cross of three pixels: noise.
    """
    difference = np.maximum(picture, still) - np.minimum(picture, still)
    opened = dilated(~dilated(~(difference.max(axis=2) > MOVING_STEPS), outside=True))
    for _ in range(DILATION_PX):
        opened = dilated(opened)
    return opened


def dilated(mask: Bool[np.ndarray, "h w"], *, outside: bool = False) -> Bool[np.ndarray, "h w"]:
    """Each pixel, or one of its four neighbours; `outside` is what lies beyond the edges."""
    wide = np.pad(mask, 1, constant_values=outside)
    return wide[1:-1, 1:-1] | wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
