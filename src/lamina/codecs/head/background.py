# SPDX-License-Identifier: Apache-2.0
"""The picture behind the person: a still of another codec, whose units travel in the head's own layers.

It is found by its wire number, as a container finds a codec: no codec imports another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Model, Size
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, Unit, UnitKey

if TYPE_CHECKING:
    from lamina.codec import AnyCodec


@dataclass(frozen=True)
class StillLayer:
    """What one layer of the head carries of the picture."""

    codec: int
    """Wire number of the codec."""
    header: bytes
    """In the base layer."""
    payload: bytes
    """Of the picture's layer of the same number; empty: none."""


def codec_of(number: int) -> AnyCodec:
    """The codec that coded the picture: one of pictures.

    Raises:
        BitstreamError: there is none of that number, or it codes no pictures.
    """
    from lamina.codecs import codec_of_wire_id

    codec = codec_of_wire_id(number)
    if "picture" not in codec.signals:
        raise BitstreamError(f"codec {number} ({codec.name}) codes no pictures", "background")
    return codec


def units_of(layers: Sequence[StillLayer]) -> list[Unit]:
    """What the picture's own codec decodes."""
    units = [Unit(STREAM_HEADER, layers[0].header)]
    units += [Unit(UnitKey(0, number, 0), layer.payload) for number, layer in enumerate(layers) if layer.payload]
    return units


def still_of(layers: Sequence[StillLayer]) -> Model | None:
    """The picture's model at the best level there is; None: no picture was sent.

    Raises:
        BitstreamError: it is damaged, or its layers are not of one codec.
    """
    if not layers or not layers[0].header:
        return None
    if any(layer.codec != layers[0].codec or (number and layer.header) for number, layer in enumerate(layers)):
        raise BitstreamError("layers of different codecs", "background")
    model = None
    for found in codec_of(layers[0].codec).decode(iter(units_of(layers))):
        model = found
    return model


def integers_of(layers: Sequence[StillLayer]) -> bytes:
    """The integers of the last layer's part of the picture."""
    if not layers or not layers[0].header or not layers[-1].payload:
        return b""
    return [values for _, values in codec_of(layers[0].codec).integers(iter(units_of(layers)))][-1]


def shown(layers: Sequence[StillLayer], model: Model, width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """Its pixels at a size."""
    codec = codec_of(layers[0].codec)
    if codec.show is not None:
        pixels = codec.show(model, Size(width, height))
    else:
        pixels = codec.render(model, Size(width, height)).detach().cpu().numpy()
    return np.clip(np.rint(pixels * 255.0), 0, 255).astype(np.uint8)
