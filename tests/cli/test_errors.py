# SPDX-License-Identifier: Apache-2.0
"""Whatever a user does wrong ends as one line that says what, where and what to do; nothing half-written stays."""

import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lamina
from lamina.data import read_image
from lamina.errors import BitstreamError

pytestmark = pytest.mark.usefixtures("mosaic")


def check_one_line(errors: str, *words: str) -> None:
    lines = [line for line in errors.splitlines() if "warning" not in line]
    assert len(lines) == 1, errors
    assert lines[0].startswith("lamina: error: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture
def still(run, photo: Path) -> Path:
    path = photo.with_suffix(".lam")
    assert run("encode", photo, path, "--quiet")[0] == 0
    return path


def test_nothing_and_help_print_an_overview_with_examples(run) -> None:
    for words in ((), ("--help",), ("help",)):
        status, output, _ = run(*words)
        assert status == 0
        assert "lamina encode photo.png photo.lam" in output


@pytest.mark.parametrize("verb", ["encode", "decode", "render", "info", "cut", "compare", "digest"])
def test_each_verb_has_help_with_examples(run, verb: str) -> None:
    status, output, _ = run(verb, "--help")
    assert status == 0
    assert f"lamina {verb}" in output.split("examples")[1]


def test_rejects_an_unknown_verb_and_names_the_nearest(run) -> None:
    status, _, errors = run("encod", "photo.png")
    assert status == 2
    check_one_line(errors, "'encod'", "did you mean 'encode'?")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("encode", "a.png", "b.lam", "--bpp", "0.5", "--bytes", "24k"), "not allowed with"),
        (("encode", "a.png", "b.lam", "--bytes", "much"), "24k"),
        (("encode", "a.png", "b.lam", "--bpp", "-1"), "above 0"),
        (("encode", "a.png", "b.lam", "--layers", "99"), "1...8"),
        (("encode", "a.png", "b.lam", "--preset", "best"), "'default'"),
        (("encode", "a.png", "b.lam", "--bbp", "1"), "--bbp"),
        (("encode", "a.png", "b.lam", "c.lam"), "c.lam"),
        (("encode", "a.png", "b.lam", "--work.step", "9"), "--work.steps"),
        (("encode", "a.png", "b.lam", "--work.steps", "many"), "--knobs"),
        (("encode", "a.png", "b.lam", "--shares", "0", "1"), "positive share"),
        (("encode", "a.mp4", "b.lam", "--frames", "20:10"), "10:11 is one frame"),
        (("decode", "a.lam", "out.png", "--size", "big"), "WIDTHxHEIGHT"),
        (("decode", "a.lam", "out.png", "--level", "-1"), "--level"),
        (("cut", "a.lam", "b.lam"), "--level"),
        (("info",), "file"),
    ],
)
def test_rejects_words_that_mean_nothing(run, words: tuple[str, ...], said: str) -> None:
    status, _, errors = run(*words)
    assert status == 2
    check_one_line(errors, said, "--help")


def test_rejects_what_is_no_source(run, tmp_path: Path) -> None:
    text = tmp_path / "letter.png"
    text.write_text("Dear reader,")
    empty = tmp_path / "empty"
    empty.mkdir()
    for source, said in ((tmp_path / "none.png", "no such file"), (text, "not a picture"), (empty, "no pictures")):
        status, _, errors = run("encode", source, tmp_path / "out.lam")
        assert status == 1
        check_one_line(errors, source.name, said)
    assert {path.name for path in tmp_path.iterdir()} == {"letter.png", "empty"}


@pytest.mark.parametrize("verb", [("info",), ("decode", "out.png"), ("digest",), ("cut", "out.lam", "--level", "0")])
def test_rejects_what_is_no_lamina_file(run, tmp_path: Path, photo: Path, verb: tuple[str, ...]) -> None:
    words = [verb[0], photo, *(tmp_path / word if word.startswith("out") else word for word in verb[1:])]
    status, _, errors = run(*words)
    assert status == 1
    check_one_line(errors, "photo.png", "not a Lamina file")
    words[1] = tmp_path / "none.lam"
    status, _, errors = run(*words)
    assert status == 1
    check_one_line(errors, "none.lam", "o such file")


def test_rejects_a_file_from_the_future(run, still: Path) -> None:
    data = bytearray(still.read_bytes())
    data[6] = 9
    still.write_bytes(data)
    status, _, errors = run("info", still)
    assert status == 1
    check_one_line(errors, "version 9", "upgrade lamina")


def test_shows_the_level_below_a_damaged_one(run, still: Path) -> None:
    intact = still.with_name("intact.png")
    assert run("decode", still, intact, "--level", 1)[0] == 0
    data = bytearray(still.read_bytes())
    data[-5] ^= 1
    still.write_bytes(data)
    output = still.with_name("out.png")
    status, _, errors = run("decode", still, output)
    assert status == 0
    assert np.array_equal(read_image(output).pixels, read_image(intact).pixels)
    assert "lamina: warning: " in errors
    assert "layer 2" in errors
    assert str(still) in errors


def test_shows_what_is_there_of_a_truncated_file(run, still: Path) -> None:
    output = still.with_name("out.png")
    still.write_bytes(still.read_bytes()[:-100])
    status, _, errors = run("decode", still, output)
    assert status == 0
    assert output.is_file()
    assert "truncated" in errors
    still.write_bytes(still.read_bytes()[:20])
    status, _, errors = run("decode", still, still.with_name("none.png"))
    assert status == 1
    check_one_line(errors, "truncated")
    assert not still.with_name("none.png").exists()


def test_rejects_a_level_or_size_that_cannot_be(run, still: Path) -> None:
    output = still.with_name("out.png")
    status, _, errors = run("decode", still, output, "--level", 7)
    assert status == 1
    check_one_line(errors, "level 7", "0...2")
    status, _, errors = run("decode", still, output, "--size", "999999x999999")
    assert status == 1
    check_one_line(errors, "999999x999999", "megapixels")
    status, _, errors = run("cut", still, still.with_name("cut.lam"), "--level", 7)
    assert status == 1
    check_one_line(errors, "level 7", "0...2")
    status, _, errors = run("cut", still, still.with_name("cut.lam"), "--bytes", 10)
    assert status == 1
    check_one_line(errors, "10 bytes", "level 0 takes")
    assert not output.exists()
    assert not still.with_name("cut.lam").exists()


def test_rejects_frames_that_are_not_there(run, still: Path) -> None:
    status, _, errors = run("decode", still, still.with_name("out.png"), "--frames", "3:4")
    assert status == 1
    check_one_line(errors, "frames 3:4", "0:1")


def test_rejects_outputs_that_cannot_be_written(run, photo: Path, still: Path) -> None:
    nowhere = photo.parent / "nowhere" / "out"
    for words in (
        ("encode", photo, nowhere.with_suffix(".lam")),
        ("decode", still, nowhere.with_suffix(".png")),
        ("decode", still, nowhere.with_suffix(".y4m")),
        ("cut", still, nowhere.with_suffix(".lam"), "--level", 0),
    ):
        status, _, errors = run(*words)
        assert status == 1
        check_one_line(errors, "nowhere", "cannot be written")
    status, _, errors = run("decode", still, photo.with_name("out.xyz"))
    assert status == 1
    check_one_line(errors, "out.xyz", ".xyz")


def test_rejects_a_target_that_is_too_small(run, photo: Path) -> None:
    status, _, errors = run("encode", photo, photo.with_suffix(".lam"), "--bytes", 20)
    assert status == 1
    check_one_line(errors, "20 bytes", "least")
    assert {path.name for path in photo.parent.iterdir()} == {"photo.png"}


def test_rejects_another_picture_as_the_source(run, still: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (8, 8)).save(other)
    status, _, errors = run("compare", still, other)
    assert status == 1
    check_one_line(errors, "8x8", "56x40")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_codes_pictures_of_every_kind(run, tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("picture.tif" if mode == "CMYK" else "picture.png")
    if mode == "I;16":
        Image.fromarray(np.full((7, 9), 30_000, np.uint16)).save(path)
    else:
        Image.new("L", (9, 7), 120).convert(mode).save(path)
    assert run("encode", path, tmp_path / "out.lam", "--quiet")[0] == 0
    assert run("decode", tmp_path / "out.lam", tmp_path / "out.png")[0] == 0
    assert read_image(tmp_path / "out.png").pixels.shape == (7, 9, 3)


def test_codes_a_picture_of_one_pixel(run, tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (9, 8, 7)).save(tmp_path / "dot.png")
    assert run("encode", tmp_path / "dot.png", tmp_path / "dot.lam", "--quiet")[0] == 0
    assert run("decode", tmp_path / "dot.lam", tmp_path / "large.png", "--size", "20x10")[0] == 0
    assert read_image(tmp_path / "large.png").pixels.tolist() == [[[9, 8, 7]] * 20] * 10


def test_a_full_disk_leaves_nothing_half_written(run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    output = photo.with_suffix(".lam")
    output.write_bytes(b"what was there before")
    monkeypatch.setattr("lamina.atomic.os.fsync", full)
    status, _, errors = run("encode", photo, output)
    assert status == 1
    check_one_line(errors, "No space left on device", "make room")
    assert output.read_bytes() == b"what was there before"
    assert not list(photo.parent.glob(".*"))


def test_a_mistake_of_ours_is_one_line_too(run, still: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_stream: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("lamina.cli.info.summarize", fail)
    status, _, errors = run("info", still)
    assert status == 1
    check_one_line(errors, "ZeroDivisionError", "LAMINA_DEBUG=1")


def test_a_file_that_is_not_finished_is_named(run, tmp_path: Path) -> None:
    part = tmp_path / "live.lam.part"
    part.mkdir()
    (part / "stream.lam").write_bytes(b"")
    code, _, errors = run("info", tmp_path / "live.lam")
    assert code == 1
    check_one_line(errors, f"live.lam: not finished; what is written so far is {part / 'stream.lam'}")
    with pytest.raises(BitstreamError, match="not finished; what is written so far is"):
        lamina.open(tmp_path / "live.lam")
