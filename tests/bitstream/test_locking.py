# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lamina.bitstream import StreamJournal
from lamina.bitstream.locking import open_locked
from lamina.errors import BitstreamError, WriteError
from lamina.units import STREAM_HEADER, StreamFacts, Unit

pytest.importorskip("fcntl", reason="files cannot be locked here")

FACTS = StreamFacts(1)
HOLD = """
import sys
from lamina.bitstream import StreamJournal
from lamina.units import STREAM_HEADER, StreamFacts, Unit
journal = StreamJournal(sys.argv[1], StreamFacts(1))
journal.append(Unit(STREAM_HEADER, b"header"))
print("holds", flush=True)
sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    return process


def test_a_journal_is_free_again_when_its_process_is_killed(tmp_path) -> None:
    path = tmp_path / "clip.part"
    process = holder(path)
    before = path.read_bytes()
    with pytest.raises(WriteError, match="another encode of this output is running") as caught:
        StreamJournal(path, FACTS)
    if Path("/proc/locks").is_file() and str(process.pid) in Path("/proc/locks").read_text():
        assert f"(process {process.pid})" in str(caught.value)
    assert path.read_bytes() == before
    process.kill()
    process.communicate()
    with StreamJournal(path, FACTS) as journal:
        assert list(journal.units()) == [Unit(STREAM_HEADER, b"header")]


def test_a_second_journal_of_the_same_process_is_refused(tmp_path) -> None:
    path = tmp_path / "clip.part"
    with StreamJournal(path, FACTS) as journal:
        with pytest.raises(WriteError, match="another encode"):
            StreamJournal(path, codec_wire_id=1)
        journal.append(Unit(STREAM_HEADER, b"header"))
    with StreamJournal(path, codec_wire_id=1) as journal:
        assert len(journal.keys) == 1


def test_a_journal_that_is_refused_is_not_held(tmp_path) -> None:
    path = tmp_path / "clip.part"
    StreamJournal(path, FACTS).close()
    with pytest.raises(BitstreamError, match="is of codec 1, expected 2"):
        StreamJournal(path, StreamFacts(2))
    StreamJournal(path, FACTS).close()
    assert path.is_file()


def test_a_file_that_was_removed_while_it_was_opened_is_made_anew(tmp_path, monkeypatch) -> None:
    path = tmp_path / "clip.part"
    path.write_bytes(b"old")
    real = os.path.samestat
    calls: list[bool] = []

    def removed_once(*stats: os.stat_result) -> bool:
        calls.append(real(*stats))
        if len(calls) == 1:
            path.unlink()
            return False
        return calls[-1]

    monkeypatch.setattr("lamina.bitstream.locking.os.path.samestat", removed_once)
    with open_locked(path) as file:
        assert file.readall() == b""
    assert len(calls) == 2


def test_a_journal_in_a_missing_folder_or_of_a_folder_is_refused(tmp_path) -> None:
    with pytest.raises(WriteError, match="create the folder first"):
        StreamJournal(tmp_path / "none" / "clip.part", FACTS)
    with pytest.raises(WriteError, match="cannot be written"):
        StreamJournal(tmp_path, FACTS)
