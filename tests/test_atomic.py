# SPDX-License-Identifier: Apache-2.0
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from lamina.atomic import replacing, replacing_path, write_errors
from lamina.errors import SignalError, WriteError


def test_an_error_of_the_block_removes_the_temporary_and_comes_out_as_it_is(tmp_path: Path) -> None:
    def write_half(path: Path) -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "photo.lam")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def write_frames(count: int) -> None:
        with replacing_path(tmp_path / "frames") as temporary:
            temporary.mkdir()
            for number in range(count):
                (temporary / f"{number}.png").write_bytes(b"")
            if count < 2:
                raise SignalError("too few")

    with pytest.raises(SignalError, match="too few"):
        write_frames(1)
    assert list(tmp_path.iterdir()) == []
    write_frames(2)
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_a_name_that_is_taken_by_a_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.png").mkdir()
    (tmp_path / "photo.png" / "mine.txt").write_text("mine")
    with (
        pytest.raises(WriteError, match=r"photo\.png: cannot be written: .*untouched"),
        replacing_path(tmp_path / "photo.png") as temporary,
    ):
        temporary.write_bytes(b"")
    assert [path.name for path in tmp_path.rglob("*")] == ["photo.png", "mine.txt"]


def test_a_missing_folder_is_named_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "photo.png"
    with pytest.raises(WriteError, match="create the folder first"), replacing_path(path):
        pytest.fail("the block was entered")


def test_errors_of_ours_are_not_translated_twice(tmp_path: Path) -> None:
    inner = WriteError(28, "the journal: cannot be written")
    with pytest.raises(WriteError) as caught, write_errors(tmp_path):
        raise inner
    assert caught.value is inner


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    file, link = tmp_path / "real" / "photo.lam", tmp_path / "latest.lam"
    file.parent.mkdir()
    file.write_bytes(b"old")
    link.symlink_to(file)
    with replacing(link) as sink:
        sink.write(b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    dangling = tmp_path / "next.lam"
    dangling.symlink_to(tmp_path / "real" / "next.lam")
    with replacing(dangling) as sink:
        sink.write(b"first")
    assert (tmp_path / "real" / "next.lam").read_bytes() == b"first"


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "private.lam"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with replacing(path) as sink:
        sink.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_written_into_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as sink:
        sink.write(b"all of it")
    reader.join(timeout=10)
    assert read == [b"all of it"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_written_into_and_stays(tmp_path: Path) -> None:
    with replacing("/dev/null") as sink:
        sink.write(b"away")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116 - what the system says, nothing of ours
    assert list(tmp_path.iterdir()) == []


def test_a_socket_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        with pytest.raises(WriteError, match="no place for a file"), replacing(path):
            pytest.fail("the block was entered")
    assert stat.S_ISSOCK(path.stat().st_mode)
