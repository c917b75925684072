# SPDX-License-Identifier: Apache-2.0
"""A picture or a clip enters, the same with fewer pixels leaves: exact averages over boxes, frame by frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from lamina.data.clip import Clip, clip_from_frames
from lamina.data.image import Picture
from lamina.errors import SignalError


def scaled(
    signal: Picture | Clip, *, size: tuple[int, int] | None = None, scale: Fraction | float | None = None
) -> Picture | Clip:
    """`size` is (width, height), `scale` a share of both sides; with neither the signal comes back as it is.

    Raises:
        SignalError: both are given, or the result would have more pixels on a side, none, or another shape.
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
    if isinstance(signal, Clip):
        return signal.reduced(*size)
    smaller = replace(clip_from_frames([signal.pixels]), path=signal.path).reduced(*size)
    return replace(signal, pixels=next(smaller.frames()), notes=(*signal.notes, *smaller.notes))
