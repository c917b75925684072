# SPDX-License-Identifier: Apache-2.0
"""What a viewer receives: first frame, frames after it, places to join and their price; by the directory alone."""

from pathlib import Path

import pytest

import lamina
from lamina.bitstream import Stream, cut_to_level, pack_stream, read_stream
from lamina.media.delivery import delivery_of
from lamina.units import HEADER_LAYER, STREAM_GROUP

PLAY_FRAMES = 18
HEADER = len(b"networks, say")
MOVES = (1 + 6 * 5, 1 + 6 * 40)
"""Payload of a frame's unit in each layer."""


def test_levels_add_up_to_the_file(play: Path) -> None:
    with read_stream(play) as stream:
        delivery = delivery_of(stream)
        units = list(stream.units())
        assert delivery is not None
        for level in delivery.levels:
            size_bytes = len(pack_stream(stream.facts, cut_to_level(stream, level.level)))
            assert level.frame_bytes is not None
            total = level.once_bytes + level.first_frame_bytes + (PLAY_FRAMES - 1) * level.frame_bytes
            assert total == pytest.approx(size_bytes)
            assert level.frame_kilobits_per_second == pytest.approx(level.frame_bytes * 25 * 8 / 1000)
        assert [level.first_frame_bytes for level in delivery.levels] == [HEADER + MOVES[0], HEADER + sum(MOVES)]
        shared = [len(unit.payload) for unit in units if unit.key.group == STREAM_GROUP]
        assert [level.once_bytes for level in delivery.levels] == [sum(shared[:2]), sum(shared)]


def test_a_viewer_joins_where_no_group_before_is_needed(play: Path) -> None:
    with read_stream(play) as stream:
        delivery = delivery_of(stream)
    assert delivery is not None
    assert [(join.group, join.frame, join.time_s) for join in delivery.joins] == [(0, 0, 0.0), (3, 12, 0.48)]
    assert delivery.joins[1].level_bytes == (HEADER + MOVES[0], HEADER + sum(MOVES))
    assert delivery.longest_wait_s == pytest.approx(0.48)
    # Frames that go on: 16, of which 3 open a chained group and bring its header unit.
    for level in delivery.levels:
        assert level.join_price_bytes == pytest.approx(HEADER - 3 * HEADER / 16)


def test_one_frame_has_none_after_it_and_no_second_place_to_join(play: Path) -> None:
    with read_stream(play) as stream:
        one = read_stream(pack_stream(stream.facts, [unit for unit in stream.units() if unit.key.frame == 0]))
    delivery = delivery_of(one)
    assert delivery is not None
    assert [level.frame_bytes for level in delivery.levels] == [None, None]
    assert [level.join_price_bytes for level in delivery.levels] == [None, None]
    assert len(delivery.joins) == 1


def test_what_stands_still_is_not_delivered_in_time() -> None:
    scene = Path(__file__).parents[1] / "conformance" / "scene" / "everything.lam"
    with read_stream(scene) as stream:
        assert delivery_of(stream) is None
        assert lamina.summarize(stream).delivery is None


def test_no_payload_is_read(play: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "unit", None)
    with read_stream(play) as stream:
        delivery = delivery_of(stream)
        assert delivery is not None
        assert len(delivery.levels) == 2
        headers = sum(entry.length for entry in stream.entries if entry.key.layer == HEADER_LAYER)
    assert headers > 5 * HEADER
