# SPDX-License-Identifier: Apache-2.0
"""Files of container version 1, pinned to the byte: what they say never changes. Cases may join, none may go."""

import hashlib
import json
from pathlib import Path

import pytest

from lamina.bitstream import StreamJournal, pack_stream, read_stream
from lamina.units import Unit, UnitKey

FOLDER = Path(__file__).parent / "container"
CASES = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def units_of(case: dict) -> list[Unit]:
    return [Unit(UnitKey(*unit["key"]), bytes.fromhex(unit["payload"]), unit["quality_db"]) for unit in case["units"]]


@pytest.mark.parametrize("name", CASES)
def test_pinned_files_say_what_they_said(name: str) -> None:
    case = CASES[name]
    data = (FOLDER / f"{name}.lam").read_bytes()
    assert hashlib.sha256(data).hexdigest() == case["sha256"]
    with read_stream(FOLDER / f"{name}.lam") as stream:
        assert stream.problems == ()
        assert stream.codec_wire_id == case["codec_wire_id"]
        assert list(stream.units()) == sorted(units_of(case), key=lambda unit: unit.key)
        for unit in case["units"]:
            entry = stream.entry(UnitKey(*unit["key"]))
            assert (entry.offset, entry.crc32, entry.quality_db) == (unit["offset"], unit["crc32"], unit["quality_db"])


@pytest.mark.parametrize("name", ["still", "clip"])
def test_writing_gives_the_pinned_bytes(name: str) -> None:
    assert pack_stream(1, units_of(CASES[name])) == (FOLDER / f"{name}.lam").read_bytes()


def test_a_journal_gives_the_pinned_bytes_and_finishes_as_the_pinned_clip(tmp_path) -> None:
    with StreamJournal(tmp_path / "journal", 1) as journal:
        for unit in units_of(CASES["clip_journal"]):
            journal.append(unit)
        assert (tmp_path / "journal").read_bytes() == (FOLDER / "clip_journal.lam").read_bytes()
        journal.finish(tmp_path / "clip")
    assert (tmp_path / "clip").read_bytes() == (FOLDER / "clip.lam").read_bytes()
