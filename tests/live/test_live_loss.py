# SPDX-License-Identifier: Apache-2.0
"""Whatever a line does to datagrams: what is shown is what was sent, a loss costs its own frame, and nothing drifts."""

import itertools

import numpy as np
import pytest
from benchmarks.lossy_line import FRAMES_PER_SECOND, NOTHING, Line, Shown, called
from call_samples import ChanceCoder, head_units, model_of

from lamina.codecs import codec_of_wire_id
from lamina.codecs.head.model import HeadModel
from lamina.live.inbox import FORGET_S, Inbox
from lamina.live.outbox import Outbox

MODEL_BITS_PER_SECOND = 400e3
SECONDS = 8.0
JOINED_S = 2.0
"""The model is there by then, whatever the line loses here."""


def parties(seed: int = 1) -> tuple[Outbox, Inbox]:
    return Outbox(ChanceCoder(seed), model_of(head_units()), MODEL_BITS_PER_SECOND), Inbox(codec_of_wire_id)


def expect_what_was_sent(outbox: Outbox, shown: Shown) -> None:
    """Bit by bit, in order, each frame once."""
    coder = outbox.coder
    assert isinstance(coder, ChanceCoder)
    assert shown.order == sorted(set(shown.order))
    for number, model in shown.models.items():
        assert isinstance(model, HeadModel)
        np.testing.assert_array_equal(model.values, coder.sent[number].values)
        assert model.scale == coder.sent[number].scale


def longest_gap(shown: Shown, start: int, stop: int) -> int:
    """Frames in a row that were not shown."""
    numbers = [start - 1, *(number for number in shown.order if start <= number < stop), stop]
    return max(after - before - 1 for before, after in itertools.pairwise(numbers))


@pytest.mark.parametrize(("loss", "burst"), [(0.0, 1), (0.05, 1), (0.1, 1), (0.2, 1), (0.05, 5), (0.1, 5), (0.2, 5)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_loss_costs_its_own_frames_and_no_others(loss: float, burst: int, seed: int) -> None:
    outbox, inbox = parties(seed)
    there, back = Line(seed, loss, burst), Line(seed + 10, loss, burst)
    shown = called(outbox, inbox, there, back, SECONDS)
    expect_what_was_sent(outbox, shown)
    assert inbox.has_model
    assert inbox.received.without_reference == 0, "no packet builds on what the receiver may not have"
    assert inbox.received.damaged == 0
    first, last = round(JOINED_S * FRAMES_PER_SECOND), round((SECONDS - 0.2) * FRAMES_PER_SECOND)
    came = sum(first <= number < last for number in shown.order) / (last - first)
    assert came >= 1 - 2.5 * loss - 0.01
    assert longest_gap(shown, first, last) < FRAMES_PER_SECOND, "never more than a second"


def test_confirmed_frames_make_packets_smaller_and_without_a_way_back_all_stand_alone() -> None:
    confirmed, heard = parties()
    called(confirmed, heard, Line(1), Line(2), SECONDS)
    alone, deaf = parties()
    shown = called(alone, deaf, Line(1, loss=0.2), None, SECONDS)
    expect_what_was_sent(alone, shown)
    assert isinstance(alone.coder, ChanceCoder)
    assert isinstance(confirmed.coder, ChanceCoder)
    assert alone.coder.alone == alone.sent.frames
    assert confirmed.coder.alone < 0.1 * confirmed.sent.frames
    assert confirmed.sent.frame_bytes < 0.95 * alone.sent.frame_bytes
    assert deaf.received.without_reference == 0


@pytest.mark.parametrize("has_way_back", [True, False])
def test_who_joins_late_or_comes_back_sees_something_within_a_second_of_the_base_layer(has_way_back: bool) -> None:
    outbox, first = parties()
    back = Line(2) if has_way_back else None
    there = Line(1, loss=0.1)
    called(outbox, first, there, back, 3.0)
    second = Inbox(codec_of_wire_id)
    shown = called(outbox, second, there, back, 8.0, start_s=3.0)
    expect_what_was_sent(outbox, shown)
    assert second.has_model
    joined = min(shown.times_s.values())
    after = [number for number in shown.order if shown.times_s[number] > joined + 1.0]
    assert len(after) > 0.8 * (11.0 - joined - 1.0) * FRAMES_PER_SECOND
    # The way back said for a while that the other had all of it.
    assert joined < 3.0 + 6.0


def test_a_sender_that_begins_anew_is_followed() -> None:
    outbox, inbox = parties()
    called(outbox, inbox, Line(1), Line(2), 3.0)
    again, _ = parties(seed=7)
    coder = again.coder
    assert isinstance(coder, ChanceCoder)
    shown = Shown()
    # Its clock goes on, its numbers begin at 0.
    for frame in range(100):
        now_s = 3.0 + FORGET_S + 0.5 + frame / FRAMES_PER_SECOND
        inbox.take(again.frame(NOTHING, frame, now_s), now_s)
        shown.order += [number for number, _ in inbox.due(now_s)]
    assert len(shown.order) > 95


def test_order_repeats_and_damage_of_the_line_do_no_harm() -> None:
    outbox, inbox = parties()
    there = Line(3, loss=0.05, jitter_s=0.09, repeats=0.2, flips=0.1)
    shown = called(outbox, inbox, there, Line(4, loss=0.05, jitter_s=0.09, repeats=0.2, flips=0.1), SECONDS)
    expect_what_was_sent(outbox, shown)
    assert inbox.has_model
    assert inbox.received.damaged > 20
    assert outbox.sent.dropped > 0
    assert inbox.late > 0
    first, last = round(JOINED_S * FRAMES_PER_SECOND), round((SECONDS - 0.3) * FRAMES_PER_SECOND)
    assert sum(first <= number < last for number in shown.order) > 0.75 * (last - first)


def test_numbers_go_on_past_sixteen_bits() -> None:
    outbox, inbox = parties()
    called(outbox, inbox, Line(1), Line(2), 1.5)
    shown = []
    for number in range(65500, 65700):
        now_s = 1.5 + FORGET_S + 0.1 + (number - 65500) / FRAMES_PER_SECOND
        inbox.take(outbox.frame(NOTHING, number, now_s), now_s)
        shown += [found for found, _ in inbox.due(now_s)]
    assert len(shown) > 195
    assert shown == list(range(shown[0], shown[0] + len(shown)))


def test_the_base_layer_comes_first_and_already_shows() -> None:
    units = head_units(4000)
    outbox, inbox = Outbox(ChanceCoder(), model_of(units), 200e3), Inbox(codec_of_wire_id)
    model_s = 8 * sum(len(unit.payload) for unit in units) / 200e3
    base_s = 8 * sum(len(unit.payload) for unit in units[:2]) / 200e3
    shown = called(outbox, inbox, Line(1), Line(2), 1.3 * model_s + 0.5)
    assert inbox.has_model
    assert min(shown.times_s.values()) < 1.2 * base_s + 0.2
    assert base_s < 0.6 * model_s
