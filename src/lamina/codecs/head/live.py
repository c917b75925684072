# SPDX-License-Identifier: Apache-2.0
"""Units of a head, then packets of frames enter as they come; models leave. What was lost is not waited for."""

from __future__ import annotations

import zlib

from lamina.codecs.head.coding import Decoder
from lamina.codecs.head.model import HeadModel
from lamina.codecs.head.packets import LONGEST_LAG, FrameState, unpack_frame
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, Unit

KEPT_FRAMES = 4 * LONGEST_LAG
"""Of late: packets may be reordered, and a sender names no older one."""


class RecentFrames:
    """Frames of late by their numbers, on either side."""

    def __init__(self) -> None:
        self.known: dict[int, FrameState] = {}

    def keep(self, number: int, state: FrameState) -> None:
        """One more; the oldest goes."""
        self.known[number] = state
        while len(self.known) > KEPT_FRAMES:
            del self.known[min(self.known)]

    def check(self, number: int) -> int | None:
        """16 bits of a frame."""
        state = self.known.get(number)
        return None if state is None else zlib.crc32(state.spelling) & 0xFFFF


class HeadLiveDecoder(RecentFrames):
    """A receiver's head, and its frames of late."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder: Decoder | None = None

    def take_unit(self, unit: Unit) -> None:
        """The header, or a layer of the head.

        Raises:
            BitstreamError: it is damaged, or what it needs has not come.
        """
        if unit.key == STREAM_HEADER:
            self._decoder = Decoder.opened(unit.payload)
        elif self._decoder is None:
            raise BitstreamError("a unit came before the stream's header unit", str(unit.key))
        else:
            self._decoder.take_layer(unit.key, unit.payload)

    def decode(self, number: int, payload: bytes) -> HeadModel:
        """A frame, with all of its columns, of the head as far as it has come.

        Raises:
            BitstreamError: the packet is damaged, builds on a frame that is not here, or there is no head yet.
        """
        if self._decoder is None or not self._decoder.head.layers:
            raise BitstreamError("no layer of the head has come", f"frame {number}")
        state = unpack_frame(self._decoder.head.facts, number, payload, self.known)
        self.keep(number, state)
        return HeadModel(self._decoder.head, number, state.values, state.scale)
