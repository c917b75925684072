# SPDX-License-Identifier: Apache-2.0
"""Pairs of pictures of one camera enter; how alike they are once the camera's colors are corrected leaves.

Cameras of a rig differ in gain, by up to a quarter, and a camera that was held out shows colors that no model can know.
So a gain a channel is fitted to a camera's other pictures, and applied to the one that is measured. All of it follows
from sums over pixels, kept for each picture: corrected values are neither rounded nor clipped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.metrics.psnr import PEAK, check_pair, finite_db


@dataclass(frozen=True, eq=False, slots=True)
class ColorSums:
    """Sums over the pixels of a pair, or of several, by channel."""

    decoded_decoded: Float64[np.ndarray, "3"]
    decoded_reference: Float64[np.ndarray, "3"]
    reference_reference: Float64[np.ndarray, "3"]
    pixel_count: int

    def __add__(self, other: ColorSums) -> ColorSums:
        return self._with(other, 1)

    def __sub__(self, other: ColorSums) -> ColorSums:
        return self._with(other, -1)

    def _with(self, other: ColorSums, sign: int) -> ColorSums:
        return ColorSums(
            self.decoded_decoded + sign * other.decoded_decoded,
            self.decoded_reference + sign * other.decoded_reference,
            self.reference_reference + sign * other.reference_reference,
            self.pixel_count + sign * other.pixel_count,
        )

    def gains(self) -> Float64[np.ndarray, "3"]:
        """What decoded channels are best multiplied with (least squares); 1 for a channel that is black throughout."""
        is_black = self.decoded_decoded <= 0
        return np.where(is_black, 1.0, self.decoded_reference / np.where(is_black, 1.0, self.decoded_decoded))

    def psnr(self, gains: Float64[np.ndarray, "3"]) -> float:
        """PSNR after multiplication, dB, at most that of identity."""
        errors = (
            gains * gains * self.decoded_decoded - 2 * gains * self.decoded_reference + self.reference_reference
        ).sum()
        # Differences of large sums: what is left of nothing may lie a rounding under it.
        error = max(float(errors), 0.0) / (3 * self.pixel_count)
        return finite_db(10 * math.log10(PEAK**2 / error) if error > 0 else math.inf)


def color_sums(reference: UInt8[np.ndarray, "*shape 3"], decoded: UInt8[np.ndarray, "*shape 3"]) -> ColorSums:
    """Of the pixels of a pair, in whatever shape.

    Raises:
        ValueError: the arrays are not uint8 of one shape, or empty.
    """
    check_pair(reference, decoded)
    first = reference.reshape(-1, 3).astype(np.float64)
    second = decoded.reshape(-1, 3).astype(np.float64)
    products = [np.einsum("pc,pc->c", a, b) for a, b in ((second, second), (second, first), (first, first))]
    return ColorSums(*products, pixel_count=len(first))
