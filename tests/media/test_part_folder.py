# SPDX-License-Identifier: Apache-2.0
"""The folder of an unfinished encode after its process was killed, or had no room."""

import json
from pathlib import Path

import pytest

from lamina.errors import WriteError
from lamina.media.job import PART_SUFFIX, opened_part


def record_of(output: Path) -> Path:
    return output.with_name(output.name + PART_SUFFIX) / "job.json"


def test_files_that_a_killed_process_was_writing_are_removed(tmp_path: Path) -> None:
    output = tmp_path / "out[1].lam"
    with opened_part(output, "key") as part:
        part.checkpoint.write_bytes(b"state")
        unfinished = part.path / f".{part.checkpoint.name}.0123abcd.partial"
        unfinished.write_bytes(b"sta")
        others = part.path / ".diary.txt.0123abcd.partial"
        others.write_bytes(b"mine")
    with opened_part(output, "key") as part:
        assert not unfinished.exists()
        assert part.checkpoint.read_bytes() == b"state"
        assert others.exists()
        others.unlink()
        part.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_record_that_finds_no_room_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "out.lam"
    with opened_part(output, "key") as part:
        part.checkpoint.write_bytes(b"state")

    def full(*_arguments: object, **_options: object) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("lamina.media.job.json.dumps", full)
        with pytest.raises(WriteError, match="No space left"), opened_part(output, "key"):
            pass
    assert json.loads(record_of(output).read_bytes())["key"] == "key"
    with opened_part(output, "key") as part:
        assert part.checkpoint.read_bytes() == b"state"


def test_a_record_is_written_over_in_its_own_length(tmp_path: Path) -> None:
    output = tmp_path / "out.lam"
    sizes = set()
    for key in ("a" * 64, "b" * 64):
        with opened_part(output, key):
            sizes.add(record_of(output).stat().st_size)
    assert len(sizes) == 1


def test_another_job_rejects_what_was_kept(tmp_path: Path) -> None:
    output = tmp_path / "out.lam"
    with opened_part(output, "key") as part:
        part.checkpoint.write_bytes(b"state")
    with opened_part(output, "another") as part:
        assert not part.checkpoint.exists()
