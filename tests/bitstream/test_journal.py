# SPDX-License-Identifier: Apache-2.0
import errno
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Thread

import pytest

from lamina.bitstream import StreamJournal, journal_exists, pack_stream, read_stream, write_stream
from lamina.errors import BitstreamError, WriteError
from lamina.units import GroupFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent))
from made_up_streams import CLIP_FACTS, HEADER, STREAMS, Counting, in_order

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


def test_groups_may_take_turns(tmp_path) -> None:
    facts, units = STREAMS["tiles"]
    by_layer = [units[0], *(unit for layer in (0, 1) for unit in units[1:] if unit.key.layer == layer)]
    with StreamJournal(tmp_path / "grows", facts) as journal:
        for unit in by_layer:
            journal.append(unit)
            with read_stream(tmp_path / "grows") as stream:
                assert list(stream.units()) == in_order(by_layer[: len(journal.keys)])
        assert list(journal.units()) == by_layer
    with StreamJournal(tmp_path / "grows", facts) as journal:
        assert list(journal.keys) == [unit.key for unit in by_layer]
        journal.finish(tmp_path / "finished.lam")
    assert (tmp_path / "finished.lam").read_bytes() == pack_stream(facts, units)


def test_to_see_what_was_appended_takes_constant_work(tmp_path) -> None:
    path = tmp_path / "live"
    units = [Unit(UnitKey(number // 5, 0, number), bytes(1000), 30.0) for number in range(300)]
    read_bytes: list[int] = []
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(HEADER)
        source = Counting(path.read_bytes())
        stream = read_stream(source)
        for unit in units:
            journal.append(unit)
            source.data = bytearray(path.read_bytes())
            before = source.read_bytes
            assert stream.refresh()
            assert not stream.refresh()
            read_bytes.append(source.read_bytes - before)
    assert stream.frame_count == 300
    assert max(read_bytes) < 200


def test_an_open_stream_follows_a_writer_that_goes_back(tmp_path) -> None:
    path = tmp_path / "live"
    others = [Unit(unit.key, unit.payload + b"other", 31.0) for unit in BY_FRAME[5:]]
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        with read_stream(path) as stream:
            assert list(stream.units()) == in_order(BY_FRAME)
            journal.keep(5)
            assert stream.refresh()
            assert list(stream.units()) == in_order(BY_FRAME[:5])
            journal.append(others)
            assert stream.refresh()
            journal.keep(5)
            for unit in BY_FRAME[5:]:
                journal.append(unit)
            assert stream.refresh()
            assert list(stream.units()) == in_order(BY_FRAME)
            journal.keep(0)
            assert not stream.refresh()
            journal.append(BY_FRAME[:3])
            assert stream.refresh()
            assert list(stream.units()) == in_order(BY_FRAME[:3])


def test_an_open_stream_keeps_what_it_has_when_the_journal_is_finished(tmp_path) -> None:
    path = tmp_path / "live"
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        with read_stream(path) as stream:
            journal.finish(path)
            assert not stream.refresh()
            assert stream.is_journal
            assert list(stream.units()) == in_order(BY_FRAME)


def test_a_stream_can_be_read_while_another_thread_writes_it(tmp_path) -> None:
    path = tmp_path / "live"
    made = [Unit(UnitKey(number // 8, 0, number), bytes([number % 256]) * 50, 30.0) for number in range(400)]
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(HEADER)
        writer = Thread(target=lambda: [journal.append(unit) for unit in made])
        with read_stream(path) as stream:
            writer.start()
            while stream.frame_count < len(made):
                stream.refresh()
                units = list(stream.units())
                assert units == [HEADER, *made[: len(units) - 1]]
            writer.join()


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


def test_keeping_the_first_part_of_a_run_keeps_its_facts(tmp_path) -> None:
    facts, units = STREAMS["chained"]
    made = [unit for burst in bursts(units) for unit in burst]
    with StreamJournal(tmp_path / "grows", facts) as journal:
        journal.append(in_order(units))
        layer = [unit for unit in in_order(units) if unit.key.group == 1]
        journal.keep(in_order(units).index(layer[-1]))
        assert list(journal.units())[-1] == layer[-2]
        assert journal.keys[-1].group == 1
        journal.keep(-3)
        assert list(journal.keys) == []
        journal.append(made)
        assert list(journal.units()) == made


def test_finish_rejects_a_journal_that_was_damaged_meanwhile(tmp_path) -> None:
    path = tmp_path / "clip.part"
    with StreamJournal(path, CLIP_FACTS) as journal:
        journal.append(BY_FRAME)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        with pytest.raises(BitstreamError, match="the unit is damaged"):
            journal.finish(tmp_path / "clip.lam")
    assert [file.name for file in tmp_path.iterdir()] == ["clip.part"]


def test_append_rejects_units_that_do_not_agree_on_their_group(tmp_path) -> None:
    chained = [replace(unit, group=GroupFacts(is_chained=True)) for unit in BY_FRAME]
    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        journal.append(BY_FRAME[:2])
        with pytest.raises(ValueError, match="says GroupFacts"):
            journal.append(chained[2])
        with pytest.raises(ValueError, match="says GroupFacts"):
            journal.append([BY_FRAME[5], chained[6]])
        assert list(journal.units()) == BY_FRAME[:2]
        assert journal.size_bytes == (tmp_path / "clip.part").stat().st_size


def test_append_rejects_what_is_beyond_the_limits_and_writes_nothing(tmp_path) -> None:
    with StreamJournal(tmp_path / "clip.part", CLIP_FACTS) as journal:
        journal.append(HEADER)
        for unit in (Unit(UnitKey(2**17, 0, 0), b""), Unit(UnitKey(0, 1, 0), b"", float("nan"))):
            with pytest.raises(ValueError, match=r"beyond the limits|NaN"):
                journal.append([BY_FRAME[1], unit])
        journal.append(BY_FRAME[1:])
        assert list(journal.units()) == BY_FRAME


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
    for letter in (b"a letter to somebody", b"hello", b"LAMENT", b"LAMINA\x02\x00"):
        path.write_bytes(letter)
        with pytest.raises(BitstreamError, match=r"not a Lamina file|is a finished file"):
            StreamJournal(path, CLIP_FACTS)
        assert path.read_bytes() == letter
    with StreamJournal(tmp_path / "other", CLIP_FACTS) as journal:
        journal.append(HEADER)
    with pytest.raises(BitstreamError, match="is of codec 3, expected 4"):
        StreamJournal(tmp_path / "other", codec_wire_id=4)
    with pytest.raises(BitstreamError, match="journal header: says StreamFacts"):
        StreamJournal(tmp_path / "other", replace(CLIP_FACTS, frames_per_second=Fraction(30)))
    with pytest.raises(ValueError, match="nothing says what one would hold"):
        StreamJournal(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_journal_whose_writer_died_at_once_is_begun_anew(tmp_path, journal_bytes: bytes) -> None:
    path = tmp_path / "clip.part"
    front_size = read_stream(journal_bytes).front_size_bytes
    assert not journal_exists(path)
    for length in range(front_size):
        path.write_bytes(journal_bytes[:length])
        assert not journal_exists(path)
        with pytest.raises(ValueError, match="holds nothing yet"):
            StreamJournal(path, codec_wire_id=3)
        with StreamJournal(path, CLIP_FACTS) as journal:
            journal.append(BY_FRAME)
            assert list(journal.units()) == BY_FRAME
    path.write_bytes(journal_bytes[:front_size])
    assert journal_exists(path)
    with StreamJournal(path, codec_wire_id=3) as journal:
        assert (list(journal.keys), journal.facts) == ([], CLIP_FACTS)
    path.write_bytes(b"hello")
    assert journal_exists(path)


def test_byte_ranges_reject_a_journal(journal_bytes: bytes) -> None:
    with pytest.raises(ValueError, match="is a journal: finish it"):
        read_stream(journal_bytes).byte_ranges(0, 0)
