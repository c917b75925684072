# SPDX-License-Identifier: Apache-2.0
"""All codecs: one paper, one folder, one value of type `Codec`. A number, a name or a medium enters, the codec leaves.

Importing this imports no torch: a codec's slow parts are imported when they are called.
"""

from __future__ import annotations

from lamina.codec import AnyCodec, Medium
from lamina.codecs import freeview, head, planar, scene, volume
from lamina.errors import BitstreamError

CODECS: tuple[AnyCodec, ...] = (planar.CODEC, scene.CODEC, freeview.CODEC, volume.CODEC, head.CODEC)
"""In the order of their wire numbers; of several that take a medium the first is the one that is not asked for."""


def codec_of_wire_id(wire_id: int) -> AnyCodec:
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


def codec_of_name(name: str) -> AnyCodec:
    """The codec that is called so.

    Raises:
        ValueError: there is none.
    """
    for codec in CODECS:
        if codec.name == name:
            return codec
    raise ValueError(f"there is no codec {name!r}, expected one of {', '.join(codec.name for codec in CODECS)}")


def codec_for(medium: Medium, name: str | None = None) -> AnyCodec:
    """The codec of that name for signals of a medium; None: the usual one.

    Raises:
        ValueError: no codec takes it, or not the one of that name.
    """
    takers = [codec for codec in CODECS if medium in codec.signals]
    if name is None and takers:
        return takers[0]
    fitting = ", ".join(codec.name for codec in takers) or "none"
    if name is None:
        raise ValueError(f"no codec codes a {medium}")
    codec = codec_of_name(name)
    if codec not in takers:
        raise ValueError(f"{name} codes no {medium}; of those that do there is {fitting}")
    return codec
