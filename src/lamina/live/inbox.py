# SPDX-License-Identifier: Apache-2.0
"""What a receiver does, without a socket and without a clock: datagrams enter, models of frames and feedback leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lamina.codec import AnyCodec, LiveDecoder, Model, StreamInfo
from lamina.errors import BitstreamError
from lamina.live.datagrams import Datagram, pack_datagram, unpack_datagram, whole_number
from lamina.live.ordering import Ordering
from lamina.live.pieces import ModelAssembly, ModelPieces
from lamina.live.syntax import Feedback, FrameHead, Kind
from lamina.units import STREAM_HEADER, Unit

FEEDBACK_S = 0.1
"""So often a receiver says what it has."""
FORGET_S = 2.0
"""A model of which nothing came for so long gives way to another; numbers that do not fit any more begin anew."""


@dataclass
class Received:
    """Counts of what came."""

    datagrams: int = 0
    pieces: int = 0
    frames: int = 0
    """That were decoded."""
    damaged: int = 0
    """Dropped: damaged, foreign, contradictory or of no use to anybody."""
    other_model: int = 0
    """Dropped: of another model than the one that is being received."""
    without_model: int = 0
    """Dropped: the model had not come."""
    without_reference: int = 0
    """Dropped: what they build on was lost."""


class Inbox:
    """Of one sender."""

    def __init__(
        self, codec_of: Callable[[int], AnyCodec], patience_s: float = 0.06, name: bytes | None = None
    ) -> None:
        """`codec_of` finds a codec by its number; `name` is of the only model that is taken, None: the first."""
        self.received, self.ended = Received(), False
        self._codec_of, self._name = codec_of, name
        self._patience_s, self._ordering = patience_s, Ordering[Model](patience_s)
        self._assembly: ModelAssembly | None = None
        self._decoder: LiveDecoder | None = None
        self._newest, self._newest_s, self._valid_s, self._fed_s = -1, 0.0, 0.0, 0.0
        self.codec: AnyCodec | None = None
        self.info: StreamInfo | None = None
        """What the model's header says, once it has come."""

    def expect(self, model: ModelPieces) -> None:
        """A model that is here already: no other is taken.

        Raises:
            BitstreamError: it is damaged, or of a codec that codes nothing live.
        """
        self._name, self._assembly = model.name, ModelAssembly(model.name)
        for body in model.pieces:
            for unit in self._assembly.take(body):
                self._take_unit(unit)

    @property
    def late(self) -> int:
        """Frames that came after their turn, or twice."""
        return self._ordering.late

    @property
    def units_given(self) -> int:
        """Of the model, header included, that came so far."""
        return self._assembly.units_given if self._assembly is not None else 0

    @property
    def has_model(self) -> bool:
        """All of it."""
        return self._assembly is not None and self._assembly.is_whole

    def take(self, data: bytes, now_s: float) -> bool:
        """A datagram; whether it was of use. Whatever is in it, nothing is raised: what is wrong is counted."""
        self.received.datagrams += 1
        try:
            datagram = unpack_datagram(data)
            if not self._is_ours(datagram, now_s):
                self.received.other_model += 1
                return False
            self._use(datagram, now_s)
            self._valid_s = now_s
            return True
        except BitstreamError:
            self.received.damaged += 1
            return False

    def due(self, now_s: float) -> list[tuple[int, Model]]:
        """Frames whose turn it is, by number."""
        return self._ordering.due(now_s)

    def flush(self) -> list[tuple[int, Model]]:
        """All frames that wait for others."""
        return self._ordering.flush()

    def feedback(self, now_s: float) -> bytes | None:
        """What to say to the sender now, if anything."""
        if self._assembly is None or now_s - self._fed_s < FEEDBACK_S:
            return None
        self._fed_s = now_s
        check = self._decoder.check(self._newest) if self._decoder is not None and self._newest >= 0 else None
        feedback = Feedback(
            has_extensions=False,
            has_model=self.has_model,
            has_frame=check is not None,
            frame=None if check is None else self._newest & 0xFFFF,
            frame_check=check,
            held=b"" if self.has_model else self._assembly.held,
        )
        return pack_datagram(Kind.FEEDBACK, self._assembly.name, feedback.pack())

    def _is_ours(self, datagram: Datagram, now_s: float) -> bool:
        """Of the model that is being received; another takes its place only when nothing came of this one."""
        if self._name is not None and datagram.model != self._name:
            return False
        if self._assembly is not None and datagram.model == self._assembly.name:
            return True
        if datagram.kind not in (Kind.PIECE, Kind.FRAME):
            return False
        if self._assembly is not None and now_s - self._valid_s < FORGET_S:
            return False
        self._assembly, self._decoder, self.codec, self.info = ModelAssembly(datagram.model), None, None, None
        self._ordering, self._newest, self.ended = Ordering[Model](self._patience_s), -1, False
        return True

    def _use(self, datagram: Datagram, now_s: float) -> None:
        assert self._assembly is not None
        if datagram.kind == Kind.PIECE:
            units = self._assembly.take(datagram.body)
            self.received.pieces += 1
            for unit in units:
                self._take_unit(unit)
        elif datagram.kind == Kind.FRAME:
            self._take_frame(datagram.body, now_s)
        elif datagram.kind == Kind.END:
            if datagram.body:
                raise BitstreamError("an end with a body", "datagram")
            self.ended = True
        else:
            raise BitstreamError("feedback came to a receiver", "datagram")

    def _take_unit(self, unit: Unit) -> None:
        if unit.key == STREAM_HEADER:
            assert self._assembly is not None
            codec = self._codec_of(self._assembly.codec or 0)
            if codec.live is None:
                raise BitstreamError(f"codec {codec.name} codes nothing live", "manifest")
            decoder = codec.live.decoder()
            decoder.take_unit(unit)
            self.codec, self.info, self._decoder = codec, codec.inspect(unit.payload), decoder
        elif self._decoder is not None:
            self._decoder.take_unit(unit)

    def _take_frame(self, body: bytes, now_s: float) -> None:
        head, end = FrameHead.unpack(body)
        if self._decoder is None or self.units_given < 2:
            self.received.without_model += 1
            return
        if self._newest >= 0 and now_s - self._newest_s > FORGET_S:
            # A sender that began anew counts anew.
            self._ordering.last, self._newest = None, -1
        number = head.number if self._newest < 0 else whole_number(head.number, self._newest)
        try:
            model = self._decoder.decode(number, body[end:])
        except BitstreamError as error:
            if "not here" not in error.problem:
                raise
            self.received.without_reference += 1
            return
        self.received.frames += 1
        if number > self._newest:
            self._newest, self._newest_s = number, now_s
        self._ordering.put(number, model, now_s)
