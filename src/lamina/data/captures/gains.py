# SPDX-License-Identifier: Apache-2.0
"""Cameras of a rig differ in colour: what a model shows and what cameras saw enter; a gain a camera and channel leaves.

Encoder side only: targets are divided by their camera's gain, so that a model need not explain by its shape why the
same thing is brighter from one side. The gains' mean is 1, so that the model keeps the rig's overall colour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float64, UInt8

from lamina.data.captures.capture import Capture

RANGE = (16, 236)
"""8-bit values that tell of a gain: darker ones are noise, lighter ones clipped."""

LEAST_PIXELS = 200
"""A gain from fewer is 1."""

BOUNDS = (0.5, 2.0)
"""Gains beyond are errors of the model."""

Gains = Float64[np.ndarray, "v 3"]
"""A row a view of the capture, a column a channel; 1 for views that are held out."""


def gain_between(
    shown: UInt8[np.ndarray, "h w 3"], seen: UInt8[np.ndarray, "h w 3"], low: int = RANGE[0], high: int = RANGE[1]
) -> Float64[np.ndarray, "3"]:
    """Median of seen / shown, channel by channel, over pixels that tell."""
    gains = np.ones(3)
    for channel in range(3):
        one, other = shown[..., channel].astype(np.float64), seen[..., channel].astype(np.float64)
        tells = (one >= low) & (one <= high) & (other >= low) & (other <= high)
        if int(tells.sum()) >= LEAST_PIXELS:
            gains[channel] = float(np.clip(np.median(other[tells] / one[tells]), *BOUNDS))
    return gains


def fit_gains(capture: Capture, show: Callable[[int], UInt8[np.ndarray, "h w 3"]]) -> Gains:
    """Gains of the training views; `show` says what the model has for a view."""
    gains = np.ones((len(capture), 3))
    train = list(capture.train)
    for view in train:
        gains[view] = gain_between(show(view), capture.pixels(view))
    gains[train] /= np.exp(np.log(gains[train]).mean(axis=0))
    return gains


def without_gains(pixels: UInt8[np.ndarray, "h w 3"], gain: Float64[np.ndarray, "3"]) -> UInt8[np.ndarray, "h w 3"]:
    """What a camera of gain 1 would have seen, 8 bits."""
    if np.all(gain == 1.0):
        return pixels
    tables = np.clip(np.rint(np.arange(256)[:, None] / gain), 0, 255).astype(np.uint8)
    return np.stack([tables[pixels[..., channel], channel] for channel in range(3)], axis=-1)


def evened(capture: Capture, gains: Gains) -> Capture:
    """The capture as a rig of cameras of gain 1 would have seen it; held-out views stay as they are."""
    kept: Mapping[int, Float64[np.ndarray, "3"]] = {view: gains[view] for view in capture.train}

    def load(view: int) -> UInt8[np.ndarray, "h w 3"]:
        pixels = capture.load(view)
        return without_gains(pixels, kept[view]) if view in kept else pixels

    return replace(capture, load=load)
