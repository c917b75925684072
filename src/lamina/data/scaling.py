# SPDX-License-Identifier: Apache-2.0
"""A picture or a clip enters, the same with fewer pixels leaves: exact averages over boxes, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from lamina.data.clip import Clip
from lamina.data.image import Picture
from lamina.data.resample import downsample_area
from lamina.errors import SignalError


def scaled(
    signal: Picture | Clip, *, size: tuple[int, int] | None = None, scale: Fraction | float | None = None
) -> Picture | Clip:
    """`size` is (width, height), `scale` a share of both sides; with neither the signal comes back as it is.

    Raises:
        SignalError: both are given, or the result would have more pixels on a side, or none.
    """
    if size is None and scale is None:
        return signal
    name = signal.path or signal.medium
    found = signal.width, signal.height
    if size is not None and scale is not None:
        raise SignalError(f"{name}: a size and a scale: one of them is enough")
    if size is None:
        assert scale is not None
        size = max(round(found[0] * scale), 1), max(round(found[1] * scale), 1)
    if size == found:
        return signal
    if not (1 <= size[0] <= found[0] and 1 <= size[1] <= found[1]):
        raise SignalError(
            f"{name}: {size[0]}x{size[1]} was asked for, and it has {found[0]}x{found[1]}: expected no more on either "
            f"side, for nothing is gained; a decoder makes any size (lamina decode --size)"
        )
    note = f"scaled from {found[0]}x{found[1]} to {size[0]}x{size[1]}"
    if isinstance(signal, Picture):
        return replace(signal, pixels=_smaller(signal.pixels, size), notes=(*signal.notes, note))
    source = signal.decode

    def decode(start: int, stop: int | None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        return (_smaller(frame, size) for frame in source(start, stop))

    return replace(signal, width=size[0], height=size[1], decode=decode, notes=(*signal.notes, note))


def _smaller(pixels: UInt8[np.ndarray, "h w 3"], size: tuple[int, int]) -> UInt8[np.ndarray, "h2 w2 3"]:
    smaller = downsample_area(pixels.astype(np.float32), size[1], size[0])
    return np.clip(np.rint(smaller), 0, 255).astype(np.uint8)
