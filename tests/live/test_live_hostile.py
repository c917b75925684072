# SPDX-License-Identifier: Apache-2.0
"""Bytes from a network: whatever comes is used or counted; nothing is raised, kept without bound, or takes long."""

import time
import tracemalloc

import numpy as np
import pytest
from benchmarks.lossy_line import NOTHING
from call_samples import FACTS, ChanceCoder, head_units, model_of
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs import codec_of_wire_id
from lamina.codecs.head.syntax import WIRE_ID
from lamina.errors import BitstreamError
from lamina.live.datagrams import pack_datagram, unpack_datagram, whole_number
from lamina.live.inbox import Inbox
from lamina.live.outbox import Outbox
from lamina.live.pieces import ModelAssembly, pieces_of
from lamina.live.syntax import (
    MAX_DATAGRAM_BYTES,
    MAX_UNIT_BYTES,
    PIECE_BYTES,
    DatagramHead,
    Feedback,
    Kind,
    PieceHead,
)

UNITS = head_units()
MODEL = model_of(UNITS)


def fed(name: bytes | None = None) -> Inbox:
    """A receiver that has the model."""
    inbox = Inbox(codec_of_wire_id, name=name)
    for body in MODEL.pieces:
        assert inbox.take(pack_datagram(Kind.PIECE, MODEL.name, body), 0.0)
    return inbox


def a_frame() -> bytes:
    return Outbox(ChanceCoder(), MODEL, 1e5).frame(NOTHING, 0, 0.0)


def test_every_datagram_fits() -> None:
    assert all(len(pack_datagram(Kind.PIECE, MODEL.name, body)) <= MAX_DATAGRAM_BYTES for body in MODEL.pieces)
    held = Feedback(False, False, True, 0, 0, bytes(1000)).pack()
    assert len(pack_datagram(Kind.FEEDBACK, MODEL.name, held)) <= MAX_DATAGRAM_BYTES
    with pytest.raises(ValueError, match="1200"):
        pack_datagram(Kind.FRAME, MODEL.name, bytes(MAX_DATAGRAM_BYTES))


@pytest.mark.parametrize("data", [a_frame(), pack_datagram(Kind.PIECE, MODEL.name, MODEL.pieces[0])], ids=["f", "p"])
def test_a_datagram_cut_anywhere_or_with_any_bit_turned_is_dropped(data: bytes) -> None:
    inbox = fed()
    before = inbox.received.damaged
    for length in range(len(data)):
        assert not inbox.take(data[:length], 0.0)
    for place in range(min(8 * len(data), 800)):
        turned = bytearray(data)
        turned[place // 8] ^= 1 << place % 8
        assert not inbox.take(bytes(turned), 0.0)
    assert inbox.received.damaged + inbox.received.other_model - before == len(data) + min(8 * len(data), 800)
    assert inbox.take(data, 0.0)


def test_packets_cut_anywhere_behind_a_good_checksum_are_dropped_or_shown() -> None:
    inbox, body = fed(), unpack_datagram(a_frame()).body
    for length in range(len(body)):
        inbox.take(pack_datagram(Kind.FRAME, MODEL.name, body[:length]), 0.0)
    assert inbox.received.damaged >= len(body) - 2
    for place in range(8 * len(body)):
        turned = bytearray(body)
        turned[place // 8] ^= 1 << place % 8
        inbox.take(pack_datagram(Kind.FRAME, MODEL.name, bytes(turned)), 0.0)
    assert inbox.take(pack_datagram(Kind.FRAME, MODEL.name, body), 0.0)
    for _, model in inbox.flush():
        assert np.abs(model.values).max() <= 1 << 18  # pyright: ignore[reportAttributeAccessIssue]


@given(kind=st.sampled_from(list(Kind)), body=st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_body_behind_a_good_head(kind: Kind, body: bytes) -> None:
    data = pack_datagram(kind, MODEL.name, body)
    inbox = fed()
    inbox.take(data, 0.0)
    Inbox(codec_of_wire_id).take(data, 0.0)
    Outbox(ChanceCoder(), MODEL, 1e5).take(data, 0.0)


@given(data=st.binary(max_size=MAX_DATAGRAM_BYTES + 100))
@settings(max_examples=200, deadline=None)
def test_any_bytes(data: bytes) -> None:
    inbox = Inbox(codec_of_wire_id)
    inbox.take(data, 0.0)
    assert inbox.received.datagrams == 1
    assert inbox.feedback(1.0) is None or inbox.received.damaged == 0


def test_pieces_of_an_endless_model_take_no_more_than_their_own_bytes() -> None:
    inbox, name = Inbox(codec_of_wire_id), b"evil"
    tracemalloc.start()
    began_s = time.process_time()
    for number in range(2000):
        head = PieceHead(MAX_UNIT_BYTES, number + 2)
        inbox.take(pack_datagram(Kind.PIECE, name, head.pack() + bytes(PIECE_BYTES)), 0.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * 2000 * PIECE_BYTES + 2_000_000
    assert time.process_time() - began_s < 20
    assert inbox.received.pieces == 2000


def test_another_model_does_not_push_away_the_one_that_is_being_received() -> None:
    inbox = fed()
    other = model_of(head_units(300))
    assert not inbox.take(pack_datagram(Kind.PIECE, other.name, other.pieces[0]), 0.5)
    assert inbox.received.other_model == 1
    assert inbox.has_model
    assert inbox.take(pack_datagram(Kind.PIECE, other.name, other.pieces[0]), 60.0), "after silence it may"


def test_a_model_that_was_named_is_the_only_one() -> None:
    inbox = fed(MODEL.name)
    other = model_of(head_units(300))
    assert not inbox.take(pack_datagram(Kind.PIECE, other.name, other.pieces[0]), 60.0)


def test_pieces_that_were_forged_are_asked_for_again() -> None:
    assembly = ModelAssembly(MODEL.name)
    head, end = PieceHead.unpack(MODEL.pieces[-1])
    forged = head.pack() + bytes(len(MODEL.pieces[-1]) - end)
    units = [unit for body in MODEL.pieces[:-1] for unit in assembly.take(body)]
    with pytest.raises(BitstreamError, match="manifest names"):
        assembly.take(forged)
    assert not assembly.is_whole
    for body in MODEL.pieces:
        units += assembly.take(body)
    assert [unit.payload for unit in units] == [unit.payload for unit in UNITS]


def test_a_manifest_that_is_not_the_one_that_is_named_is_refused() -> None:
    with pytest.raises(BitstreamError, match="manifest"):
        ModelAssembly(b"none").take(MODEL.pieces[0])


def test_a_model_of_a_codec_that_codes_nothing_live_is_refused() -> None:
    inbox = Inbox(codec_of_wire_id)
    wrong = pieces_of(1, UNITS)
    for body in wrong.pieces:
        inbox.take(pack_datagram(Kind.PIECE, wrong.name, body), 0.0)
    assert inbox.received.damaged > 0
    assert inbox.info is None
    assert codec_of_wire_id(WIRE_ID).live is not None


def test_frames_before_the_model_are_counted() -> None:
    inbox = Inbox(codec_of_wire_id)
    inbox.take(a_frame(), 0.0)
    assert (inbox.received.without_model, inbox.received.frames) == (1, 0)


def test_feedback_that_lies_costs_prediction_alone() -> None:
    coder = ChanceCoder()
    outbox = Outbox(coder, MODEL, 1e5)
    for number in range(5):
        outbox.frame(NOTHING, number, number / 25)
    lie = Feedback(False, True, True, 3, (coder.check(3) or 0) ^ 1, b"")
    outbox.take(pack_datagram(Kind.FEEDBACK, MODEL.name, lie.pack()), 0.2)
    outbox.frame(NOTHING, 5, 0.2)
    assert coder.alone == 6
    truth = Feedback(False, True, True, 3, coder.check(3), b"")
    outbox.take(pack_datagram(Kind.FEEDBACK, MODEL.name, truth.pack()), 0.2)
    outbox.frame(NOTHING, 6, 0.24)
    assert coder.alone == 6
    assert len(FACTS.mesh_counts) == 2


@pytest.mark.parametrize(("lower", "near", "number"), [(0, 0, 0), (5, 3, 5), (0, 65535, 65536), (65535, 65536, 65535),
                                                       (65535, 0, 65535), (10, 200000, 196618)])  # fmt: skip
def test_whole_numbers(lower: int, near: int, number: int) -> None:
    assert whole_number(lower, near) == number


def test_a_head_says_its_own_length() -> None:
    head = DatagramHead(1, Kind.FRAME, b"abcd", 7)
    assert (head.size_bytes, DatagramHead.unpack(head.pack())[0]) == (7, head)
