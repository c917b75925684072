# SPDX-License-Identifier: Apache-2.0
import errno
import sys
from pathlib import Path

import pytest

from lamina.bitstream import StreamJournal, pack_stream, read_stream, write_stream
from lamina.errors import BitstreamError, WriteError
from lamina.units import Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CLIP_FACTS, HEADER, STREAMS, in_order

BY_FRAME = [
    HEADER,
    *(
        Unit(UnitKey(frame // 2, layer, frame), bytes([frame, layer]) * (3 + layer), 30.25)
        for frame in range(4)
        for layer in range(2)
    ),
]


@pytest.fixture
def journal_bytes(tmp_path) -> bytes:
    with StreamJournal(tmp_path / "made", CLIP_FACTS) as journal:
        for unit in BY_FRAME:
            journal.append(unit)
    return (tmp_path / "made").read_bytes()


def bursts(units: list[Unit]) -> list[list[Unit]]:
    """Units in the order of frames, those of a frame together."""
    frames: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        frames.setdefault((unit.key.group, unit.key.frame if unit.key.layer >= 0 else -1), []).append(unit)
    return [frames[key] for key in sorted(frames)]


def test_what_is_written_so_far_is_a_playable_stream(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    with StreamJournal(path, CLIP_FACTS) as journal:
        for count, unit in enumerate(BY_FRAME, start=1):
            journal.append(unit)
            with read_stream(path) as stream:
                assert list(stream.units()) == in_order(BY_FRAME[:count])
                assert stream.is_journal
                assert stream.facts == CLIP_FACTS
                assert stream.size_bytes == journal.size_bytes


@pytest.mark.parametrize("name", STREAMS)
def test_every_kind_of_stream_grows_and_is_finished(tmp_path, name: str) -> None:
    facts, units = STREAMS[name]
    with StreamJournal(tmp_path / "grows", facts) as journal:
        for made in bursts(units):
            journal.append(made)
        assert in_order(list(journal.units())) == in_order(units)
        with read_stream(tmp_path / "grows") as stream:
            assert list(stream.units()) == in_order(units)
        journal.finish(tmp_path / "finished.lam")
    assert (tmp_path / "finished.lam").read_bytes() == pack_stream(facts, units)


def test_an_open_stream_sees_what_is_appended(tmp_path) -> None:
    facts, units = STREAMS["chained"]
    path = tmp_path / "live"
    first, *later = bursts(units)
    with StreamJournal(path, facts) as journal:
        journal.append(first)
        with read_stream(path) as stream:
            seen = list(first)
            assert not stream.refresh()
            for made in later:
                journal.append(made)
                assert stream.refresh()
                seen += made
                assert list(stream.units()) == in_order(seen)


def test_finish_makes_the_indexed_file_and_removes_the_journal(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        size_bytes = journal.finish(tmp_path / "clip.lam")
    assert (tmp_path / "clip.lam").read_bytes() == pack_stream(CLIP_FACTS, BY_FRAME)
    assert size_bytes == (tmp_path / "clip.lam").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["clip.lam"]


def test_finish_may_take_the_place_of_the_journal(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.lam", CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        journal.finish(tmp_path / "clip.lam")
    with read_stream(tmp_path / "clip.lam") as stream:
        assert not stream.is_journal
        assert len(list(stream.units())) == len(BY_FRAME)


def test_a_finish_that_failed_can_be_done_again(tmp_path, monkeypatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        monkeypatch.setattr("lamina.atomic.os.fsync", full)
        with pytest.raises(WriteError, match="No space left"):
            journal.finish(tmp_path / "clip.lam")
        monkeypatch.undo()
        journal.finish(tmp_path / "clip.lam")
    assert (tmp_path / "clip.lam").read_bytes() == pack_stream(CLIP_FACTS, BY_FRAME)


def test_an_interruption_at_every_byte_keeps_the_complete_units(tmp_path, journal_bytes: bytes) -> None:
    whole = read_stream(journal_bytes)
    ends = [whole.entry(unit.key).stop for unit in BY_FRAME]
    path = tmp_path / "clip.part"
    for length in range(len(journal_bytes)):
        path.write_bytes(journal_bytes[:length])
        complete = sum(end <= length for end in ends)
        with StreamJournal(path, CLIP_FACTS) as journal:
            assert list(journal.units()) == BY_FRAME[:complete]
            for unit in BY_FRAME[complete:]:
                journal.append(unit)
        assert path.read_bytes() == journal_bytes


@pytest.mark.parametrize("name", STREAMS)
def test_the_first_units_can_be_kept_and_the_others_made_again(tmp_path, name: str) -> None:
    facts, units = STREAMS[name]
    made = [unit for burst in bursts(units) for unit in burst]
    for count in range(len(made) + 1):
        path = tmp_path / f"{count}"
        with StreamJournal(path, facts) as journal:
            journal.append(made)
            journal.keep(count)
            assert list(journal.keys) == [unit.key for unit in made[:count]]
            assert [unit.payload for unit in journal.units()] == [unit.payload for unit in made[:count]]
            journal.append(made[count:])
            assert len(journal.keys) == len(made)
        with read_stream(path) as stream:
            assert list(stream.units()) == in_order(units)


def test_resuming_drops_a_unit_whose_payload_never_reached_the_disk(tmp_path, journal_bytes: bytes) -> None:
    path = tmp_path / "clip.part"
    path.write_bytes(journal_bytes[:-8] + bytes(8))
    with StreamJournal(path, CLIP_FACTS) as journal:
        assert list(journal.units()) == BY_FRAME[:-1]
        assert "damaged" in str(journal.problems[0])


def test_append_rejects_a_key_that_is_there_or_comes_late(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        journal.append(BY_FRAME[:5])
        for unit in (HEADER, BY_FRAME[1], BY_FRAME[3]):
            with pytest.raises(ValueError, match="comes late or twice"):
                journal.append(unit)
        assert list(journal.units()) == BY_FRAME[:5]


def test_append_rejects_a_full_disk_and_keeps_what_was_there(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.part"
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(HEADER)
        write = journal._write

        def half_then_full(position: int, data: bytes) -> None:
            write(position, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(journal, "_write", half_then_full)
        with pytest.raises(WriteError, match="No space left"):
            journal.append(BY_FRAME[1])
        monkeypatch.undo()
        journal.append(BY_FRAME[1])
        with read_stream(path) as stream:
            assert list(stream.units()) == BY_FRAME[:2]


def test_opening_rejects_files_that_are_not_this_journal(tmp_path) -> None:
    path = tmp_path / "photo.lam"
    write_stream(path, CLIP_FACTS, BY_FRAME)
    with pytest.raises(BitstreamError, match="is a finished file"):
        StreamJournal(path, codec_wire_id=3)
    assert path.read_bytes() == pack_stream(CLIP_FACTS, BY_FRAME)
    path.write_bytes(b"a letter to somebody")
    with pytest.raises(BitstreamError, match="not a Lamina file"):
        StreamJournal(path, CLIP_FACTS)
    with StreamJournal(tmp_path / "other", CLIP_FACTS) as journal:
        journal.append(HEADER)
    with pytest.raises(BitstreamError, match="is of codec 3, expected 4"):
        StreamJournal(tmp_path / "other", codec_wire_id=4)
    with pytest.raises(ValueError, match="nothing says what one would hold"):
        StreamJournal(tmp_path / "none")


def test_byte_ranges_reject_a_journal(journal_bytes: bytes) -> None:
    with pytest.raises(ValueError, match="is a journal: finish it"):
        read_stream(journal_bytes).byte_ranges(0, 0)
