# SPDX-License-Identifier: Apache-2.0
"""8-bit pixels enter, decibels leave."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8

PEAK = 255
"""Largest 8-bit sample."""

JSON_CAP_DB = 100.0
"""What stands for infinity where it cannot be written, as in JSON. A few samples off by one in a large picture can have
more, but nothing that is seen lies between 100 dB and identity."""


def psnr(reference: UInt8[np.ndarray, "*shape"], decoded: UInt8[np.ndarray, "*shape"]) -> float:
    """Peak signal-to-noise ratio in dB over all samples (R, G and B together); identical pictures have infinity.

    Raises:
        ValueError: the arrays are not uint8 of one shape, or empty.
    """
    error = mean_squared_error(reference, decoded)
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def mean_psnr(pairs: Iterable[tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]]) -> float:
    """Mean over (reference, decoded) pictures of the PSNR of each, dB; identical pictures count `JSON_CAP_DB`.

    Raises:
        ValueError: there are no pairs, or a pair does not match.
    """
    values = [finite_db(psnr(reference, decoded)) for reference, decoded in pairs]
    if not values:
        raise ValueError("expected at least one pair of pictures, got none")
    return math.fsum(values) / len(values)


def finite_db(value_db: float) -> float:
    """`value_db`, at most `JSON_CAP_DB`: a number that JSON can carry and a mean can use."""
    return min(value_db, JSON_CAP_DB)


def mean_squared_error(reference: UInt8[np.ndarray, "*shape"], decoded: UInt8[np.ndarray, "*shape"]) -> float:
    """Mean of squared differences in 8-bit steps, summed exactly in integers.

    Raises:
        ValueError: the arrays are not uint8 of one shape, or empty.
    """
    check_pair(reference, decoded)
    total = 0
    # Row by row keeps the wide copies in cache.
    for first, second in zip(reference, decoded, strict=True):
        difference = np.subtract(first, second, dtype=np.int32).ravel()
        total += int(np.dot(difference.astype(np.float64), difference))
    return total / reference.size


def check_pair(reference: np.ndarray, decoded: np.ndarray) -> None:
    """Raise `ValueError` unless both are uint8 arrays of one shape with something in them."""
    if reference.dtype != np.uint8 or decoded.dtype != np.uint8:
        raise ValueError(f"expected uint8 pixels, got {reference.dtype} and {decoded.dtype}: round to 8 bits first")
    if reference.shape != decoded.shape or reference.size == 0:
        raise ValueError(f"expected two pictures of one size, got {reference.shape} and {decoded.shape}")
