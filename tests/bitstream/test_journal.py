# SPDX-License-Identifier: Apache-2.0
import errno

import pytest

from lamina.bitstream import StreamJournal, pack_stream, read_stream, write_stream
from lamina.units import Unit, UnitKey
from lamina.errors import BitstreamError, WriteError

HEADER = Unit(UnitKey(0, -1, 0), b"header")
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
    with StreamJournal(tmp_path / "made", 3) as journal:
        for unit in BY_FRAME:
            journal.append(unit)
    return (tmp_path / "made").read_bytes()


def test_what_is_written_so_far_is_a_playable_stream(tmp_path) -> None:
    path = tmp_path / "clip.lam"
    with StreamJournal(path, 3) as journal:
        for count, unit in enumerate(BY_FRAME, start=1):
            journal.append(unit)
            with read_stream(path) as stream:
                assert list(stream.units()) == sorted(BY_FRAME[:count], key=lambda unit: unit.key)
                assert stream.is_journal
                assert stream.codec_wire_id == 3
                assert stream.size_bytes == journal.size_bytes


def test_finish_makes_the_indexed_file_and_removes_the_journal(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", 3) as journal:
        for unit in BY_FRAME:
            journal.append(unit)
        size_bytes = journal.finish(tmp_path / "clip.lam")
    assert (tmp_path / "clip.lam").read_bytes() == pack_stream(3, BY_FRAME)
    assert size_bytes == (tmp_path / "clip.lam").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["clip.lam"]


def test_finish_may_take_the_place_of_the_journal(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.lam", 3) as journal:
        for unit in BY_FRAME:
            journal.append(unit)
        journal.finish(tmp_path / "clip.lam")
    with read_stream(tmp_path / "clip.lam") as stream:
        assert not stream.is_journal
        assert len(list(stream.units())) == len(BY_FRAME)


def test_an_interruption_at_every_byte_keeps_the_complete_units(tmp_path, journal_bytes: bytes) -> None:
    whole = read_stream(journal_bytes)
    ends = [whole.entry(unit.key).stop for unit in BY_FRAME]
    path = tmp_path / "clip.part"
    for length in range(len(journal_bytes)):
        path.write_bytes(journal_bytes[:length])
        complete = sum(end <= length for end in ends)
        with StreamJournal(path, 3) as journal:
            assert list(journal.units()) == BY_FRAME[:complete]
            for unit in BY_FRAME[complete:]:
                journal.append(unit)
        assert path.read_bytes() == journal_bytes


def test_resuming_discards_the_group_that_is_not_complete(tmp_path, journal_bytes: bytes) -> None:
    path = tmp_path / "clip.part"
    path.write_bytes(journal_bytes[:-3])
    with StreamJournal(path, 3) as journal:
        assert "truncated" in str(journal.problems[0])
        journal.discard_from(1)
        assert [entry.key for entry in journal.entries] == [unit.key for unit in BY_FRAME[:5]]
        for unit in BY_FRAME[5:]:
            journal.append(unit)
        journal.discard_from(0)
        assert list(journal.units()) == [HEADER]


def test_resuming_drops_a_unit_whose_payload_never_reached_the_disk(tmp_path, journal_bytes: bytes) -> None:
    path = tmp_path / "clip.part"
    path.write_bytes(journal_bytes[:-8] + bytes(8))
    with StreamJournal(path, 3) as journal:
        assert list(journal.units()) == BY_FRAME[:-1]
        assert "damaged" in str(journal.problems[0])


def test_discarding_rejects_groups_out_of_order(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", 3) as journal:
        for group in (0, 2, 1):
            journal.append(Unit(UnitKey(group, 0, group), b"payload"))
        with pytest.raises(ValueError, match="groups before 2 were appended after it"):
            journal.discard_from(2)


def test_append_rejects_a_key_that_is_there(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", 3) as journal:
        journal.append(HEADER)
        with pytest.raises(ValueError, match="is in the journal already"):
            journal.append(HEADER)


def test_append_rejects_a_full_disk_and_keeps_what_was_there(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.part"
    with StreamJournal(path, 3) as journal:
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
    write_stream(path, 3, BY_FRAME)
    with pytest.raises(BitstreamError, match="is a finished file"):
        StreamJournal(path, 3)
    assert path.read_bytes() == pack_stream(3, BY_FRAME)
    path.write_bytes(b"a letter to somebody")
    with pytest.raises(BitstreamError, match="not a Lamina file"):
        StreamJournal(path, 3)
    with StreamJournal(tmp_path / "other", 4) as journal:
        journal.append(HEADER)
    with pytest.raises(BitstreamError, match="is of codec 4, expected 3"):
        StreamJournal(tmp_path / "other", 3)


def test_byte_ranges_reject_a_journal(journal_bytes: bytes) -> None:
    with pytest.raises(ValueError, match="is a journal: finish it"):
        read_stream(journal_bytes).byte_range(0, 0)
