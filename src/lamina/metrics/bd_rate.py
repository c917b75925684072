# SPDX-License-Identifier: Apache-2.0
"""Two rate-quality curves enter, their mean distance leaves: BD-rate in percent, BD-PSNR in decibels.

Curves are interpolated by PCHIP over log10(rate) and integrated exactly over the interval that both cover.
Source: Bjontegaard, VCEG-M33, 2001; piecewise cubic as in JCTVC-B055; slopes as Fritsch and Butland, 1984.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from lamina.errors import SignalError

RatePoint = tuple[float, float]
"""Rate (bytes, bits per pixel, bits per second: any unit, the same in both curves) and quality (dB, or any score)."""


def bd_rate(anchor: Sequence[RatePoint], test: Sequence[RatePoint]) -> float:
    """Mean change of rate, percent, at equal quality; negative: `test` needs less than `anchor`.

    Points come in any order; at least two a curve (four are usual).

    Raises:
        SignalError: too few points, a rate that is not positive, quality that does not grow with rate, or curves that
            have no quality in common.
    """
    anchor_rate, anchor_quality = _curve(anchor, "anchor")
    test_rate, test_quality = _curve(test, "test")
    difference = _mean_difference((anchor_quality, anchor_rate), (test_quality, test_rate), "quality")
    return float((10.0**difference - 1.0) * 100.0)


def bd_psnr(anchor: Sequence[RatePoint], test: Sequence[RatePoint]) -> float:
    """Mean change of quality (dB, or the unit of the curves) at equal rate; positive: `test` is better.

    Raises:
        SignalError: as `bd_rate`, and curves that have no rate in common.
    """
    return float(_mean_difference(_curve(anchor, "anchor"), _curve(test, "test"), "log10(rate)"))


@dataclass(frozen=True)
class _Pchip:
    """A monotone piecewise cubic through knots."""

    x: Float64[np.ndarray, " n"]
    y: Float64[np.ndarray, " n"]
    slopes: Float64[np.ndarray, " n"]

    def integrate(self, start: float, stop: float) -> float:
        """Exact integral over start...stop, which must lie within the knots."""
        total = 0.0
        for k in range(len(self.x) - 1):
            low, high = max(start, self.x[k]), min(stop, self.x[k + 1])
            if low < high:
                total += self._antiderivative(k, high) - self._antiderivative(k, low)
        return total

    def _antiderivative(self, k: int, x: float) -> float:
        """Integral of piece `k` from its left knot to `x`."""
        step = self.x[k + 1] - self.x[k]
        chord = (self.y[k + 1] - self.y[k]) / step
        quadratic = (3 * chord - 2 * self.slopes[k] - self.slopes[k + 1]) / step
        cubic = (self.slopes[k] + self.slopes[k + 1] - 2 * chord) / step**2
        t = x - self.x[k]
        return t * (self.y[k] + t * (self.slopes[k] / 2 + t * (quadratic / 3 + t * cubic / 4)))


def _pchip(x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]) -> _Pchip:
    """Slopes: weighted harmonic means of the chords inside, three-point formula at the ends."""
    steps, chords = np.diff(x), np.diff(y) / np.diff(x)
    if len(x) == 2:
        return _Pchip(x, y, np.repeat(chords, 2))
    slopes = np.zeros(len(x))
    for k in range(1, len(x) - 1):
        before, after = chords[k - 1], chords[k]
        if before * after > 0:
            w1, w2 = 2 * steps[k] + steps[k - 1], steps[k] + 2 * steps[k - 1]
            slopes[k] = (w1 + w2) / (w1 / before + w2 / after)
    slopes[0] = _end_slope(steps[0], steps[1], chords[0], chords[1])
    slopes[-1] = _end_slope(steps[-1], steps[-2], chords[-1], chords[-2])
    return _Pchip(x, y, slopes)


def _end_slope(near_step: float, far_step: float, near_chord: float, far_chord: float) -> float:
    """Three-point estimate, held back where it would break the shape."""
    slope = ((2 * near_step + far_step) * near_chord - near_step * far_chord) / (near_step + far_step)
    if slope * near_chord <= 0:
        return 0.0
    if near_chord * far_chord <= 0 and abs(slope) > 3 * abs(near_chord):
        return 3 * near_chord
    return slope


def _curve(points: Sequence[RatePoint], name: str) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """log10(rate) and quality, in order of rate, checked."""
    table = np.asarray(sorted(points), dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != 2 or len(table) < 2:
        raise SignalError(f"{name} curve: expected at least 2 points (rate, quality), got {len(points)}")
    rate, quality = table.T
    if not np.isfinite(table).all() or rate[0] <= 0:
        raise SignalError(f"{name} curve: expected finite numbers and rates above 0, got {table.tolist()}")
    if (np.diff(rate) <= 0).any() or (np.diff(quality) <= 0).any():
        raise SignalError(
            f"{name} curve: quality must grow with rate, got {table.tolist()}; drop points that others beat"
        )
    return np.log10(rate), quality


def _mean_difference(anchor: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], axis: str) -> float:
    """Mean of test - anchor over the part of the axis that both cover; each curve is (x, y)."""
    start, stop = max(anchor[0][0], test[0][0]), min(anchor[0][-1], test[0][-1])
    if start >= stop:
        ranges = [f"{x[0]:.3f}...{x[-1]:.3f}" for x, _ in (anchor, test)]
        raise SignalError(
            f"curves do not overlap in {axis}: anchor {ranges[0]}, test {ranges[1]}; measure more points between them"
        )
    difference = _pchip(*test).integrate(start, stop) - _pchip(*anchor).integrate(start, stop)
    return difference / (stop - start)
