# SPDX-License-Identifier: Apache-2.0
import errno
import os

import pytest

from lamina.bitstream import write_stream
from lamina.errors import LaminaError, WriteError
from lamina.units import STREAM_HEADER, StreamFacts, Unit, UnitKey

FACTS = StreamFacts(1)
UNITS = [Unit(STREAM_HEADER, b"header"), Unit(UnitKey(0, 0, 0), b"base")]


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_writing_replaces_the_old_file_and_leaves_nothing_else(tmp_path) -> None:
    path = tmp_path / "photo.lam"
    path.write_bytes(b"old")
    size_bytes = write_stream(path, FACTS, UNITS)
    assert path.stat().st_size == size_bytes
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_writing_rejects_a_full_disk_and_keeps_the_old_file(tmp_path, monkeypatch, call: str) -> None:
    path = tmp_path / "photo.lam"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(WriteError, match=r"photo\.lam: cannot be written: No space left on device: make room"):
        write_stream(path, FACTS, UNITS)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_rejects_a_missing_folder_as_one_of_our_errors(tmp_path) -> None:
    with pytest.raises(LaminaError, match=r"missing.photo\.lam: cannot be written: No such file"):
        write_stream(tmp_path / "missing" / "photo.lam", FACTS, UNITS)
