# SPDX-License-Identifier: Apache-2.0
"""8-bit RGB pixels enter, a JPEG 2000 code-stream in quality layers leaves; a code-stream leaves cut at any layer.

OpenJPEG orders packets layer by layer (LRCP), so a level is a prefix of the packets. Where each packet ends is told by
a PLT marker segment. It is asked for in a second encode and counted in no size: the packets of both are checked to be
the same bytes. What is cut is a valid file: number of layers and length of the tile-part are corrected, the end marker
set; it decodes to the very pixels that a decoder told to stop at that layer gives.

Source: ITU-T T.800, annex A (markers) and A.7.3 (PLT).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from PIL import Image

BITS_PER_PIXEL_RAW = 24
"""8-bit RGB; OpenJPEG's rates are compression ratios against it."""

LAYER_RATES = (4, 2, 1)
"""Compression ratios of the three layers in multiples of the last one's: the comparison that the project agreed on."""

_SOD = 0xFF93
_COD = 0xFF52
_SOT = 0xFF90
_PLT = 0xFF58
_END_OF_CODESTREAM = b"\xff\xd9"
_PSOT_OFFSET = 6
"""Bytes from a SOT marker to its tile-part length."""
_LAYERS_OFFSET = 6
"""Bytes from a COD marker to its number of layers."""


def encode_layers(pixels: UInt8[np.ndarray, "h w 3"], ratios: Sequence[float]) -> list[bytes]:
    """Encode once, with a quality layer per compression ratio (largest ratio first); one file a level, best last.

    The last file is what OpenJPEG wrote; the others are that file, cut. Raw code-streams: 85 bytes less than .jp2.

    Raises:
        ValueError: OpenJPEG's packets are not where its PLT marker says (another version, more than one tile).
    """
    whole = _encode(pixels, ratios, packet_lengths=False)
    if len(ratios) == 1:
        return [whole]
    lengths = _packet_lengths(_encode(pixels, ratios, packet_lengths=True), whole)
    per_layer, rest = divmod(len(lengths), len(ratios))
    if rest:
        raise ValueError(f"{len(lengths)} packets do not divide into {len(ratios)} layers: not in LRCP order")
    sizes = [sum(lengths[: per_layer * (layer + 1)]) for layer in range(len(ratios) - 1)]
    return [*(_cut(whole, layer + 1, size) for layer, size in enumerate(sizes)), whole]


def encode_three_layers(pixels: UInt8[np.ndarray, "h w 3"], bits_per_pixel: float) -> list[bytes]:
    """Three levels, the top one at about `bits_per_pixel`, the others at a half and a quarter of it."""
    ratio = BITS_PER_PIXEL_RAW / bits_per_pixel
    return encode_layers(pixels, [multiple * ratio for multiple in LAYER_RATES])


def _encode(pixels: UInt8[np.ndarray, "h w 3"], ratios: Sequence[float], *, packet_lengths: bool) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file,
        format="JPEG2000",
        no_jp2=True,
        irreversible=True,
        mct=1,
        progression="LRCP",
        quality_mode="rates",
        quality_layers=list(ratios),
        plt=packet_lengths,
    )
    return file.getvalue()


def _segments(codestream: bytes) -> dict[int, list[int]]:
    """Offsets of the marker segments of the main and the first tile-part header, by marker; SOD ends the walk."""
    found: dict[int, list[int]] = {}
    position = 2
    while True:
        marker, length = struct.unpack_from(">HH", codestream, position)
        found.setdefault(marker, []).append(position)
        if marker == _SOD:
            return found
        position += 2 + length


def _packet_lengths(with_plt: bytes, whole: bytes) -> list[int]:
    """Bytes of each packet, from the PLT segments of the one file, checked against the other."""
    lengths: list[int] = []
    segments = _segments(with_plt)
    for position in segments.get(_PLT, []):
        (size,) = struct.unpack_from(">H", with_plt, position + 2)
        value = 0
        for byte in with_plt[position + 5 : position + 2 + size]:
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                lengths.append(value)
                value = 0
    packets = whole[_segments(whole)[_SOD][0] + 2 : -2]
    if packets != with_plt[segments[_SOD][0] + 2 : -2] or sum(lengths) != len(packets):
        raise ValueError(f"PLT names {sum(lengths)} bytes of packets, the file has {len(packets)}, or other ones")
    return lengths


def _cut(codestream: bytes, layers: int, packet_bytes: int) -> bytes:
    """The file with only its first layers, which are so many bytes of packets."""
    segments = _segments(codestream)
    tile_part, data = segments[_SOT][0], segments[_SOD][0] + 2
    head = bytearray(codestream[:data])
    struct.pack_into(">H", head, segments[_COD][0] + _LAYERS_OFFSET, layers)
    struct.pack_into(">I", head, tile_part + _PSOT_OFFSET, data - tile_part + packet_bytes)
    return bytes(head) + codestream[data : data + packet_bytes] + _END_OF_CODESTREAM
