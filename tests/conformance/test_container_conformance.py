# SPDX-License-Identifier: Apache-2.0
"""Files of container version 2, pinned to the byte: what they say never changes. Cases may join, none may go."""

import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from lamina.bitstream import StreamJournal, pack_stream, read_stream
from lamina.times import UnitTimes
from lamina.units import GroupFacts, QualityMetric, SeenBy, StreamFacts, Unit, UnitKey

sys.path.append(str(Path(__file__).parent / "container"))
from plain_reader import read_container

FOLDER = Path(__file__).parent / "container"
CASES = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
JOURNALS = [name for name in CASES if name.endswith("_journal")]


def facts_of(case: dict) -> StreamFacts:
    rate = Fraction(*case["rate"]) if case["rate"] else None
    metric = QualityMetric(case["quality_metric"])
    ticks = Fraction(*case["ticks_per_second"]) if "ticks_per_second" in case else None
    return StreamFacts(case["codec_wire_id"], SeenBy(case["seen_by"]), rate, metric, ticks)


def units_of(case: dict) -> list[Unit]:
    return [
        Unit(
            UnitKey(*unit["key"]),
            bytes.fromhex(unit["payload"]),
            unit["quality_db"],
            unit["frame_count"],
            GroupFacts(unit["is_chained"], tuple(unit["box"]) if unit["box"] else None),
            UnitTimes(unit["start_ticks"], tuple(unit["durations_ticks"])) if "start_ticks" in unit else None,
        )
        for unit in case["units"]
    ]


@pytest.mark.parametrize("name", CASES)
def test_pinned_files_say_what_they_said(name: str) -> None:
    case = CASES[name]
    data = (FOLDER / f"{name}.lam").read_bytes()
    assert hashlib.sha256(data).hexdigest() == case["sha256"]
    with read_stream(FOLDER / f"{name}.lam") as stream:
        assert stream.problems == ()
        assert stream.facts == facts_of(case)
        assert list(stream.units()) == units_of(case)
        for unit in case["units"]:
            assert stream.entry(UnitKey(*unit["key"])).offset == unit["offset"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in JOURNALS])
def test_writing_gives_the_pinned_bytes(name: str) -> None:
    assert pack_stream(facts_of(CASES[name]), units_of(CASES[name])) == (FOLDER / f"{name}.lam").read_bytes()


@pytest.mark.parametrize("name", JOURNALS)
def test_a_pinned_journal_finishes_as_the_pinned_file(tmp_path, name: str) -> None:
    path = tmp_path / "journal"
    path.write_bytes((FOLDER / f"{name}.lam").read_bytes())
    with StreamJournal(path, codec_wire_id=CASES[name]["codec_wire_id"]) as journal:
        assert journal.problems == ()
        journal.finish(tmp_path / "finished")
    assert (tmp_path / "finished").read_bytes() == (FOLDER / f"{name.removesuffix('_journal')}.lam").read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_a_reader_made_from_the_documentation_finds_the_same(name: str) -> None:
    data = (FOLDER / f"{name}.lam").read_bytes()
    assert {**read_container(data), "sha256": CASES[name]["sha256"]} == CASES[name]
