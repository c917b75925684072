# SPDX-License-Identifier: Apache-2.0
"""The lattice method's `fit`: one part a frame.

Stills and key frames are fitted whole; other frames update the one before.
"""

from __future__ import annotations

from collections.abc import Iterator

from lamina.codec import Monitor
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.lattice.clip import fit_clip
from lamina.codecs.planar.lattice.key_frame import fit_still
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.signal import PlanarSignal
from lamina.errors import SignalError


def fit(signal: PlanarSignal, config: PlanarConfig, monitor: Monitor) -> Iterator[FramePart]:
    """Fits every frame.

    Raises:
        SignalError: there are no frames.
        TargetError: the target is out of reach.
        Interrupted: the monitor asked to stop; the fit of the frame under way is in the monitor's checkpoint.
    """
    if signal.frames_per_second is None:
        for pixels in signal.frames(0):
            yield fit_still(pixels, signal, config, monitor)
            return
        raise SignalError("the picture has no pixels")
    yield from fit_clip(signal, config, monitor)
