# SPDX-License-Identifier: Apache-2.0
"""Timed captures in other situations: somebody enters, fewer cameras. A capture enters, another one leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from lamina.data.captures.timed import TimedCapture
from lamina.data.captures.timed.plates import plate_of


def as_it_is(capture: TimedCapture) -> TimedCapture:
    """Nothing is changed."""
    return capture


def somebody_enters(capture: TimedCapture) -> TimedCapture:
    """The first frame is what cameras see when nobody is there; from frame 1 on all is as it was."""
    plates = {view: plate_of(capture, view) for view in (*capture.train, *capture.test)}
    load, load_mask = capture.load, capture.load_mask

    def mask(frame: int, view: int) -> np.ndarray | None:
        assert load_mask is not None
        found = load_mask(frame, view)
        return found if frame or found is None else np.zeros_like(found)

    return replace(
        capture,
        name=f"{capture.name}, somebody enters",
        load=lambda frame, view: load(frame, view) if frame else plates[view],
        load_mask=None if load_mask is None else mask,
    )


def half_of_the_cameras(capture: TimedCapture) -> TimedCapture:
    """Every second training camera is not used."""
    return replace(capture, name=f"{capture.name}, half of the cameras", train=capture.train[1::2])


SITUATIONS: Mapping[str, Callable[[TimedCapture], TimedCapture]] = {
    "as it is": as_it_is,
    "enters": somebody_enters,
    "half_cameras": half_of_the_cameras,
}
"""Name -> what is done to a capture before it is cut."""
