# SPDX-License-Identifier: Apache-2.0
"""Signal -> parts: stills become clips of one frame, then the configured method takes over."""

from __future__ import annotations

from collections.abc import Iterator

from lamina.codec import Session
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal, as_planar_signal, paced
from lamina.codecs.planar.model import FramePart
from lamina.data import Clip, Picture


def fit(signal: Picture | Clip | PlanarSignal, config: PlanarConfig, session: Session) -> Iterator[FramePart]:
    """One part a frame, in order, from where the session's stream ends.

    Raises:
        SignalError: the source cannot be read, or has no frames.
        TargetError: the target is out of reach.
        Interrupted: the session's report asked to stop.
    """
    frames = as_planar_signal(signal)
    config = paced(config, frames)
    if config.method == "pgsvc":
        from lamina.codecs.planar.pgsvc.fit.fit import fit as fit_pgsvc

        return fit_pgsvc(frames, config, session)
    from lamina.codecs.planar.lattice.fit.fit import fit as fit_lattice

    return fit_lattice(frames, config, session)
