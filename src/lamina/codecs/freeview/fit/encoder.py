# SPDX-License-Identifier: Apache-2.0
"""A timed capture enters, parts leave: frames that move with cells, or by networks as in the paper."""

from __future__ import annotations

from collections.abc import Iterator

from lamina.codec import Session
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.fit import fit as fit_with_cells
from lamina.codecs.freeview.fit.networked_fit import fit as fit_with_networks
from lamina.codecs.freeview.model import FirstPart, FramePart, NetworkedPart
from lamina.data.captures.timed import TimedCapture


def fit(
    signal: TimedCapture, config: FreeviewConfig, session: Session
) -> Iterator[FirstPart | FramePart | NetworkedPart]:
    """Fits the first frame, then each that comes; yields a part for each.

    Raises:
        SignalError: the capture has no view to fit to, or a picture cannot be decoded.
        BackendUnavailable: CUDA was asked for and is not there.
        Interrupted: the session raised it; frames that were yielded are done, a first frame is in the checkpoint.
    """
    if config.networked is None:
        return fit_with_cells(signal, config, session)
    return fit_with_networks(signal, config, session)
