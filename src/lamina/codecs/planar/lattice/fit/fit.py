# SPDX-License-Identifier: Apache-2.0
"""The lattice method's `fit`: one part a frame.

Stills and key frames are fitted whole; other frames update the one before.
"""

from __future__ import annotations

from collections.abc import Iterator

from lamina.codec import Session
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice.fit.clip import fit_clip
from lamina.codecs.planar.lattice.fit.key_frame import fit_still
from lamina.codecs.planar.model import FramePart
from lamina.errors import SignalError
from lamina.fitting import checkpoint
from lamina.fitting.resume import is_whole


def fit(signal: PlanarSignal, config: PlanarConfig, session: Session) -> Iterator[FramePart]:
    """Fits every frame that the session's stream does not have yet.

    Raises:
        SignalError: there are no frames.
        TargetError: the target is out of reach.
        Interrupted: the session asked to stop; the fit under way is in its checkpoint.
    """
    if signal.frames_per_second is not None:
        yield from fit_clip(signal, config, session)
        return
    if is_whole(session.written, config.layer_count):
        return
    pixels = next(signal.frames(0), None)
    if pixels is None:
        raise SignalError("the picture has no pixels")
    yield fit_still(pixels, signal, config, session)
    # Only now: until the part is written, on a disk that may be full, the checkpoint is all that there is of it.
    checkpoint.remove(session.checkpoint)
