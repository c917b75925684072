# SPDX-License-Identifier: Apache-2.0
"""Signal -> parts: stills become clips of one frame, then the configured method takes over."""

from __future__ import annotations

from collections.abc import Iterator

from lamina.codec import Monitor
from lamina.codecs.planar.coding import method_of
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.signal import PlanarSignal, as_planar_signal
from lamina.codecs.planar.syntax import MethodId
from lamina.data import Clip, Picture


def fit(signal: Picture | Clip | PlanarSignal, config: PlanarConfig, monitor: Monitor) -> Iterator[FramePart]:
    """One part a frame, in order.

    Raises:
        SignalError: the source cannot be read, or has no frames.
        TargetError: the target is out of reach.
        Interrupted: the monitor asked to stop.
    """
    method = method_of(MethodId[config.method.upper()])
    return method.fit(as_planar_signal(signal), config, monitor)
