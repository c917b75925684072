# SPDX-License-Identifier: Apache-2.0
"""Two 8-bit RGB pictures enter, their structural similarity (1 is identity) leaves: SSIM and multi-scale SSIM.

Both agree with pytorch-msssim 1.0.0 (data range 255) to 1e-4, odd sizes included, and take a small part of its time.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.metrics.psnr import PEAK, check_pair

WINDOW_SIGMA_PX = 1.5
"""Gaussian window; 11x11. Source: Wang et al., Image quality assessment, 2004, sec. III-C."""
K1, K2 = 0.01, 0.03
"""Stabilizers, as shares of the peak. Source: same, sec. III-B."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents from fine to coarse. Source: Wang et al., Multi-scale structural similarity, 2003, sec. 3.2."""

BT601_LUMA = (0.299, 0.587, 0.114)

STRIPE_ROWS = 64
"""Window rows a task takes: enough that the 10 rows filtered twice cost little. Fixed, so that sums never depend on the
number of threads."""


def ssim(reference: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"], *, luma: bool = False) -> float:
    """Mean SSIM over the positions where the 11x11 window fits, then over R, G and B.

    With `luma`, of BT.601 luma alone. Sides under 11 pixels are first extended to 11 by repeating the edge.

    Raises:
        ValueError: the arrays are not uint8 (h, w, 3) of one size.
    """
    sums, differences = _split(reference, decoded, luma)
    with _workers() as workers:
        values, _ = _measure(sums, differences, workers)
    return float(np.mean(values))


def ms_ssim(reference: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"], *, luma: bool = False) -> float:
    """Multi-scale SSIM of each channel, negative factors as 0, then the mean over R, G and B.

    Five scales need a shorter side of at least 161 pixels. Smaller pictures use the scales that they have room for
    (`scale_count`), with the weights of these divided by their sum: comparable among pictures of that size only.

    Raises:
        ValueError: the arrays are not uint8 (h, w, 3) of one size.
    """
    sums, differences = _split(reference, decoded, luma)
    weights = np.array(SCALE_WEIGHTS[: scale_count(*reference.shape[:2])])
    if len(weights) < len(SCALE_WEIGHTS):
        # All five sum to 1.0001 as published, and are used so everywhere.
        weights /= weights.sum()
    product = np.ones(len(sums))
    with _workers() as workers:
        for scale, weight in enumerate(weights):
            if scale:
                sums, differences = _halve(sums, workers), _halve(differences, workers)
            values, contrasts = _measure(sums, differences, workers)
            factors = values if scale == len(weights) - 1 else contrasts
            product *= np.maximum(factors, 0.0) ** weight
    return float(product.mean())


def scale_count(height: int, width: int) -> int:
    """Scales that MS-SSIM can use at this size: the window must be smaller than the coarsest one; 1...5."""
    side = min(height, width)
    return max(1, sum(side > 10 * 2**scale for scale in range(len(SCALE_WEIGHTS))))


def _split(
    reference: UInt8[np.ndarray, "h w 3"], decoded: UInt8[np.ndarray, "h w 3"], luma: bool
) -> tuple[Float32[np.ndarray, "c h w"], Float32[np.ndarray, "c h w"]]:
    """Sum and difference planes of the two pictures, at least 11x11."""
    from lamina.metrics import ssim_kernels

    check_pair(reference, decoded)
    if reference.ndim != 3 or reference.shape[2] != 3:
        raise ValueError(f"expected RGB pixels (h, w, 3), got {reference.shape}")
    height, width = reference.shape[:2]
    missing = [(0, max(ssim_kernels.WINDOW - side, 0)) for side in (height, width)]
    if any(after for _, after in missing):
        reference, decoded = (np.pad(pixels, (*missing, (0, 0)), mode="edge") for pixels in (reference, decoded))
    # Views and read-only arrays would each have the kernel compiled again.
    reference, decoded = (np.require(pixels, requirements=("C", "W")) for pixels in (reference, decoded))
    weights = np.array([BT601_LUMA] if luma else np.eye(3), np.float32)
    shape = (len(weights), *reference.shape[:2])
    sums, differences = np.empty(shape, np.float32), np.empty(shape, np.float32)
    ssim_kernels.split_pair(reference, decoded, weights, sums, differences)
    return sums, differences


def _measure(
    sums: Float32[np.ndarray, "c h w"], differences: Float32[np.ndarray, "c h w"], workers: ThreadPoolExecutor
) -> tuple[np.ndarray, np.ndarray]:
    """Mean SSIM and mean contrast-structure of each plane."""
    from lamina.metrics.ssim_kernels import WINDOW, sum_ssim

    rows, columns = sums.shape[1] - WINDOW + 1, sums.shape[2] - WINDOW + 1
    taps = tuple(np.float32(tap) for tap in _half_window(WINDOW))
    c1, c2 = np.float32((K1 * PEAK) ** 2), np.float32((K2 * PEAK) ** 2)

    def stripe(task: tuple[int, int]) -> tuple[float, float]:
        plane, first = task
        last = min(first + STRIPE_ROWS, rows)
        total, contrast = sum_ssim(sums[plane], differences[plane], first, last, taps, c1, c2)
        return float(total), float(contrast)

    tasks = [(plane, first) for plane in range(len(sums)) for first in range(0, rows, STRIPE_ROWS)]
    results = np.array(list(workers.map(stripe, tasks))).reshape(len(sums), -1, 2)
    means = results.sum(axis=1) / (rows * columns)
    return means[:, 0], means[:, 1]


def _halve(planes: Float32[np.ndarray, "c h w"], workers: ThreadPoolExecutor) -> Float32[np.ndarray, "c h2 w2"]:
    """Each plane at half size, odd sides rounded up."""
    from lamina.metrics.ssim_kernels import halve

    out = np.empty((len(planes), (planes.shape[1] + 1) // 2, (planes.shape[2] + 1) // 2), np.float32)
    list(workers.map(halve, planes, out))
    return out


def _half_window(size: int) -> list[float]:
    """Gaussian taps from the edge to the middle; the whole window sums to 1."""
    taps = [math.exp(-((k - size // 2) ** 2) / (2 * WINDOW_SIGMA_PX**2)) for k in range(size)]
    return [tap / math.fsum(taps) for tap in taps[: size // 2 + 1]]


def _workers() -> ThreadPoolExecutor:
    """As many threads as this process may run on; the kernels release the interpreter's lock."""
    return ThreadPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
