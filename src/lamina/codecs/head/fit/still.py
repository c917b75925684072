# SPDX-License-Identifier: Apache-2.0
"""The picture behind the person enters; its layers leave, coded by the codec of pictures that nobody has to name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Choices, Progress, Session, Target
from lamina.codecs.head.background import StillLayer
from lamina.codecs.head.config import HeadConfig
from lamina.data import Picture
from lamina.units import STREAM_HEADER


def still_layers(
    pixels: UInt8[np.ndarray, "h w 3"], config: HeadConfig, report: Callable[[float], None]
) -> tuple[StillLayer, ...]:
    """One for each layer of the head."""
    from lamina.codecs import codec_for

    codec = codec_for("picture")
    target = Target("size_bytes", config.shape.background_bytes * max(pixels.shape[:2]) / 256)
    chosen = codec.configure(Choices("fast", target, config.level_count))

    def told(progress: Progress) -> None:
        report(progress.done)

    units = list(codec.encode(codec.fit(Picture(pixels), chosen, Session(report=told))))
    header = next(unit.payload for unit in units if unit.key == STREAM_HEADER)
    payloads = {unit.key.layer: unit.payload for unit in units if unit.key != STREAM_HEADER}
    return tuple(
        StillLayer(codec.wire_id, header if layer == 0 else b"", payloads.get(layer, b""))
        for layer in range(config.level_count)
    )
