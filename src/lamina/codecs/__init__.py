# SPDX-License-Identifier: Apache-2.0
"""All codecs: one paper, one folder, one value of type `Codec`. A number or a name enters, the codec leaves.

Importing this imports no torch: a codec's slow parts are imported when they are called.
"""

from __future__ import annotations

from typing import Any

from lamina.codec import Codec
from lamina.codecs import planar, scene
from lamina.errors import BitstreamError

CODECS: tuple[Codec[Any, Any, Any, Any], ...] = (planar.CODEC, scene.CODEC)
"""In the order of their wire numbers."""


def codec_of_wire_id(wire_id: int) -> Codec[Any, Any, Any, Any]:
    """The codec whose number is in a container's header.

    Raises:
        BitstreamError: no codec has it.
    """
    for codec in CODECS:
        if codec.wire_id == wire_id:
            return codec
    known = ", ".join(f"{codec.wire_id} ({codec.name})" for codec in CODECS)
    raise BitstreamError(
        f"codec number {wire_id} is not known to this lamina, which has {known}: upgrade lamina",
        "container header",
        "codec_wire_id",
    )
