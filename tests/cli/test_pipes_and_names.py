# SPDX-License-Identifier: Apache-2.0
"""A path is not just a name: standard input and output, pipes, devices, links, and names that libav would misread."""

import io
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import open_clip, read_image

pytestmark = pytest.mark.usefixtures("mosaic")

HARD_NAMES = ("12:30.{}", "file:a.{}", "http:x.{}", "shot%03d.{}", "a b\nc.{}", "-x.{}", "*?[1].{}", "Grüße.{}")


@contextmanager
def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        yield


@contextmanager
def standard_output(path: Path) -> Iterator[None]:
    """File descriptor 1 is a pipe whose bytes come to `path`."""
    reading, writing = os.pipe()
    kept = os.dup(1)
    os.dup2(writing, 1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        drain = threading.Thread(target=lambda: path.write_bytes(pipe.read()))
        drain.start()
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            drain.join(timeout=20)


def feed(pipe: Path, source: Path) -> threading.Thread:
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(source.read_bytes()))
    writer.start()
    return writer


@pytest.mark.parametrize("kind", ["photo", "clip"])
def test_all_goes_through_standard_input_and_output(
    kind: str, run, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source: Path = request.getfixturevalue(kind)
    assert run("encode", source, "whole.lam", "--quiet")[0] == 0
    expected = Path("whole.lam").read_bytes()
    with standard_input(monkeypatch, source.read_bytes()), standard_output(Path("piped.lam")):
        status, output, errors = run("encode", "-", "--quiet")
    assert (status, output) == (0, "")
    assert "-: 56x40" in errors
    assert Path("piped.lam").read_bytes() == expected
    with standard_input(monkeypatch, expected), standard_output(Path("cut.lam")):
        assert run("cut", "-", "-", "--level", 0)[:2] == (0, "")
    assert run("cut", "whole.lam", "base.lam", "--level", 0)[0] == 0
    assert Path("cut.lam").read_bytes() == Path("base.lam").read_bytes()
    suffix = source.suffix
    with standard_input(monkeypatch, expected), standard_output(Path("piped" + suffix)):
        assert run("decode", "-", "-", "--quiet")[:2] == (0, "")
    assert run("decode", "whole.lam", "named" + suffix)[0] == 0
    assert Path("piped" + suffix).read_bytes() == Path("named" + suffix).read_bytes()
    for verb in ("info", "digest"):
        with standard_input(monkeypatch, expected):
            assert run(verb, "-")[0] == 0
    with standard_input(monkeypatch, source.read_bytes()):
        assert run("compare", "whole.lam", "-", "--quiet")[0] == 0
    assert not list(tmp_path.glob("*.part"))
    assert not list(tmp_path.glob("-*"))


def test_standard_output_takes_the_format_that_is_asked_for(run, clip: Path, tmp_path: Path) -> None:
    assert run("encode", clip, tmp_path / "c.lam", "--quiet")[0] == 0
    for name, format_name in (("a.jpg", "jpg"), ("b.mkv", ".mkv")):
        with standard_output(tmp_path / name):
            frames = ("--frames", "3") if name.endswith("jpg") else ()
            assert run("decode", tmp_path / "c.lam", "-", "--format", format_name, *frames, "--quiet")[:2] == (0, "")
    assert read_image(tmp_path / "a.jpg").pixels.shape == (40, 56, 3)
    assert open_clip(tmp_path / "b.mkv").frame_count in (10, None)
    status, _, errors = run("decode", tmp_path / "c.lam", tmp_path / "c.mp4", "--format", "mkv")
    assert status == 1
    assert "standard output" in errors


def test_standard_output_by_its_other_name_carries_nothing_else(run, photo: Path, tmp_path: Path) -> None:
    assert run("encode", photo, tmp_path / "a.lam", "--quiet")[0] == 0
    with standard_output(tmp_path / "b.png"):
        assert run("decode", tmp_path / "a.lam", "/dev/stdout", "--quiet")[:2] == (0, "")
    assert run("decode", tmp_path / "a.lam", tmp_path / "c.png")[0] == 0
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "c.png").read_bytes()


def test_a_pipe_is_read_once_and_to_its_end(run, photo: Path, clip: Path, tmp_path: Path) -> None:
    for number, source in enumerate((photo, clip)):
        writer = feed(tmp_path / f"pipe{number}", source)
        assert run("encode", tmp_path / f"pipe{number}", tmp_path / "a.lam", "--quiet")[0] == 0
        writer.join(timeout=10)
        assert run("encode", source, tmp_path / "b.lam", "--quiet")[0] == 0
        assert (tmp_path / "a.lam").read_bytes() == (tmp_path / "b.lam").read_bytes()
    writer = feed(tmp_path / "stream", tmp_path / "a.lam")
    assert run("info", tmp_path / "stream")[0] == 0
    writer.join(timeout=10)


def test_a_pipe_is_written_into(run, photo: Path, tmp_path: Path) -> None:
    assert run("encode", photo, tmp_path / "a.lam", "--quiet")[0] == 0
    read: dict[str, bytes] = {}
    for words in (("encode", photo, "x.lam", "--quiet"), ("decode", tmp_path / "a.lam", "x.bmp")):
        pipe = tmp_path / str(words[2])
        os.mkfifo(pipe)
        reader = threading.Thread(target=lambda pipe=pipe: read.update({pipe.suffix: pipe.read_bytes()}))
        reader.start()
        assert run(words[0], words[1], pipe, *words[3:])[0] == 0
        reader.join(timeout=10)
        assert pipe.is_fifo()
    assert read[".lam"] == (tmp_path / "a.lam").read_bytes()
    assert Image.open(io.BytesIO(read[".bmp"])).size == (56, 40)


def test_devices_and_terminals_are_no_files(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words in (("encode", "/dev/zero", tmp_path / "a.lam"), ("info", "/dev/zero"), ("decode", "/dev/zero", "a.png")):
        status, _, errors = run(*words)
        assert status == 1
        assert "/dev/zero: is a device" in errors
    master, terminal = os.openpty()
    with os.fdopen(terminal, "rb", buffering=0) as raw, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(raw))
        status, _, errors = run("encode", "-", tmp_path / "a.lam")
        assert status == 1
        assert "standard input is a terminal" in errors
    os.close(master)
    assert not (tmp_path / "a.lam").exists()


@pytest.mark.parametrize("name", HARD_NAMES)
def test_names_are_names(name: str, run, tmp_path: Path, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels).save("plain.png")
    shutil.copy("plain.png", tmp_path / name.format("png"))
    assert run("encode", f"./{name.format('png')}", "a.lam", "--quiet")[0] == 0
    for suffix in ("mp4", "gif", "y4m"):
        output = tmp_path / name.format(suffix)
        assert run("decode", "a.lam", output)[0] == 0
        clip = open_clip(output)
        assert (clip.width, clip.height, len(list(clip))) == (56, 40, 1)


def test_a_deep_picture_is_not_taken_for_a_sequence(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    for number, name in enumerate(("shot%03d.tif", "shot000.tif", "12:30.tif")):
        tifffile.imwrite(tmp_path / name, np.full((4, 6, 3), 20_000 * (number + 1), np.uint16), photometric="rgb")
    for number, name in enumerate(("shot%03d.tif", "shot000.tif", "12:30.tif")):
        assert read_image(tmp_path / name).pixels[0, 0, 0] == round(20_000 * (number + 1) / 257)


def test_outputs_keep_links_and_modes(run, photo: Path, tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.png", tmp_path / "link.png"
    kept.write_bytes(b"old")
    kept.chmod(0o600)
    link.symlink_to(kept)
    assert run("encode", photo, tmp_path / "a.lam", "--quiet")[0] == 0
    assert run("decode", tmp_path / "a.lam", link)[0] == 0
    assert link.is_symlink()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert read_image(kept).pixels.shape == (40, 56, 3)
