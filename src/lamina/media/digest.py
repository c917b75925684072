# SPDX-License-Identifier: Apache-2.0
"""A file enters, the SHA-256 of what each unit decodes to leaves: the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from lamina.bitstream import Stream
from lamina.codecs import codec_of_wire_id
from lamina.units import HEADER_LAYER, UnitKey


def digest_units(stream: Stream) -> Iterator[tuple[UnitKey, str]]:
    """SHA-256 (hexadecimal) of the decoded integers of each unit, in decoding order; header units by their payload.

    Raises:
        BitstreamError: a unit is damaged.
    """
    codec = codec_of_wire_id(stream.codec_wire_id)
    for entry in stream.entries:
        if entry.key.layer == HEADER_LAYER:
            yield entry.key, hashlib.sha256(stream.unit(entry).payload).hexdigest()
    for key, integers in codec.integers(stream.units()):
        yield key, hashlib.sha256(integers).hexdigest()


def digest_of(digests: Iterator[tuple[UnitKey, str]] | list[tuple[UnitKey, str]]) -> str:
    """One SHA-256 for all: of the lines `group layer frame hash` in rising order of keys."""
    lines = (f"{key.group} {key.layer} {key.frame} {value}\n" for key, value in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
