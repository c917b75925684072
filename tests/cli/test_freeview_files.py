# SPDX-License-Identifier: Apache-2.0
"""What a user of free view may do wrong: each ends as one line that says what, where and what to do."""

import sys
from pathlib import Path

import pytest
from PIL import Image
from test_errors import check_one_line

sys.path.append(str(Path(__file__).parents[1] / "data" / "captures" / "timed"))

from made_captures import write_panoptic

STREAM = Path(__file__).parents[1] / "conformance" / "freeview" / "guests.lam"
FRAMES = 6


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return write_panoptic(tmp_path / "rig", range(FRAMES))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures of which nobody says where they were taken."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.new("RGB", (16, 12), (40 * number, 90, 120)).save(folder / f"{number:03}.png")
    return folder


def test_rejects_a_folder_that_is_not_there(run, tmp_path: Path) -> None:
    for words in ((), ("--codec", "freeview"), ("--codec", "freeview", "--follow")):
        status, _, errors = run("encode", tmp_path / "nowhere", tmp_path / "out.lam", *words)
        assert status == 1
        check_one_line(errors, "nowhere", "no such f")
    assert not list(tmp_path.iterdir())


def test_says_what_a_timed_capture_looks_like(run, tmp_path: Path, pictures: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (pictures, empty):
        status, _, errors = run("encode", folder, tmp_path / "out.lam", "--codec", "freeview")
        assert status == 1
        check_one_line(errors, folder.name, "reads as a clip", "train_meta.json", "cam00.mp4", "leave --codec out")
    status, _, errors = run("encode", pictures / "000.png", tmp_path / "out.lam", "--codec", "scene")
    assert status == 1
    check_one_line(errors, "000.png", "reads as a picture", "transforms.json")


@pytest.mark.parametrize("frames", ["4:9", "6", "100:200"])
def test_rejects_frames_beyond_the_end(run, tmp_path: Path, rig: Path, frames: str) -> None:
    status, _, errors = run("encode", rig, tmp_path / "out.lam", "--frames", frames)
    assert status == 1
    check_one_line(errors, "rig", "the capture has frames 0...5", "give a range in it")
    assert {path.name for path in tmp_path.iterdir()} == {"rig"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--group-frames", "0"), "--group-frames is 0, expected at least 1"),
        (("--layers", "0"), "1...8"),
        (("--kbps", "0"), "above 0"),
        (("--psnr", "30"), "freeview, which takes --bytes, --kbps, --lambda"),
        (("--preset", "nope"), "'default'"),
        (("--scale", "7"), "such as 1/2"),
        (("--test-every", "1"), "expected 0 (none is held out) or 2...10000"),
        (("--join-groups", "-1"), "join_groups is -1, expected at least 0"),
        (("--births.departures-every", "0"), "births.departures_every is 0, expected 1"),
        (("--motion.feature-step", "0"), "motion.feature_step is 0"),
        (("--motion.iteration", "3"), "did you mean --motion.iterations"),
    ],
)
def test_rejects_options_that_cannot_be(run, tmp_path: Path, rig: Path, words: tuple[str, ...], said: str) -> None:
    status, _, errors = run("encode", rig, tmp_path / "out.lam", *words)
    assert status == 2
    check_one_line(errors, said, "--help")
    assert {path.name for path in tmp_path.iterdir()} == {"rig"}


def test_rejects_pictures_in_which_nothing_can_be_seen(run, tmp_path: Path, rig: Path) -> None:
    steps = ("--first.schedule.steps", "40", "--preset", "fast", "--quiet")
    status, _, errors = run("encode", rig, tmp_path / "out.lam", "--scale", "1/96", "--frames", "0:2", *steps)
    assert status == 1
    check_one_line(errors, "rig", "anchors show anything in views of 1x1 pixels", "larger scale")


@pytest.mark.parametrize(("share", "words"), [(0.02, ("truncated",)), (0.45, ("truncated", "get the file anew"))])
def test_says_when_nothing_is_left_of_a_truncated_file(
    run, tmp_path: Path, share: float, words: tuple[str, ...]
) -> None:
    data = STREAM.read_bytes()
    cut = tmp_path / "cut.lam"
    cut.write_bytes(data[: int(share * len(data))])
    for verb in (("render", cut, "--out", tmp_path / "films"), ("decode", cut, tmp_path / "frames/")):
        status, _, errors = run(*verb, "--quiet")
        assert status == 1
        check_one_line(errors, "cut.lam", *words)
    assert {path.name for path in tmp_path.iterdir()} == {"cut.lam"}


def test_shows_the_frames_that_are_whole(run, tmp_path: Path) -> None:
    data = STREAM.read_bytes()
    cut = tmp_path / "cut.lam"
    cut.write_bytes(data[:-100])
    status, _, errors = run("render", cut, "--frames", "0", "--out", tmp_path / "views/", "--quiet")
    assert status == 0
    assert "truncated" in errors
    assert list((tmp_path / "views").iterdir())
    status, _, errors = run("render", cut, "--frames", "90", "--out", tmp_path / "late.png", "--quiet")
    assert status == 1
    check_one_line(errors, "frames 90:91", "the file has frames 0:5")
