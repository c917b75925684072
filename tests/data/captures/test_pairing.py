# SPDX-License-Identifier: Apache-2.0
"""Names and files: who is found, and who is not."""

from pathlib import Path

import pytest

from lamina.data.captures.pairing import MOST_PARTS, find_pictures, pair_files
from lamina.errors import SignalError


def found(names: list[str], files: list[str]) -> list[str | None]:
    pairing = pair_files(names, {file: Path(file) for file in files})
    return [None if file is None else file.as_posix() for file in pairing.files]


@pytest.mark.parametrize(
    ("names", "files", "expected"),
    [
        (["a.jpg", "b.jpg"], ["b.jpg", "a.jpg"], ["a.jpg", "b.jpg"]),
        (["a.jpg", "b.jpg"], ["a.png", "b.webp"], ["a.png", "b.webp"]),
        (["a.NEF", "b"], ["a.tif", "b.JPG"], ["a.tif", "b.JPG"]),
        (["r_0.5", "r_0.7"], ["r_0.5.png", "r_0.7.png"], ["r_0.5.png", "r_0.7.png"]),
        (["IMG_1.jpg"], ["img_1.JPG"], ["img_1.JPG"]),
        (["C:\\shoot\\day 1\\A.JPG"], ["A.jpg"], ["A.jpg"]),
        (["/home/someone/room/images/a.png"], ["images/a.png"], ["images/a.png"]),
        (["../images/cam0/a.png", "../images/cam1/a.png"], ["cam0/a.png", "cam1/a.png"], ["cam0/a.png", "cam1/a.png"]),
        (["cam0/a1.png", "cam1/b1.png"], ["b1.png", "a1.png"], ["a1.png", "b1.png"]),
        (["a.png"], ["day 1/cam0/a.png"], ["day 1/cam0/a.png"]),
        # One file for two names, two files for one: nobody knows.
        (["cam0/a.png", "cam1/a.png"], ["a.png"], [None, None]),
        (["a.png"], ["cam0/a.png", "cam1/a.png"], [None]),
        # A mask has another suffix; what is exact is nobody else's.
        (["x/a.jpg"], ["photos/a.jpg", "masks/a.png"], ["photos/a.jpg"]),
        (["a.png", "a.jpg"], ["a.png"], ["a.png", None]),
        # The longest end wins.
        (["old/cam1/a.png"], ["cam0/a.png", "cam1/a.png"], ["cam1/a.png"]),
        # In the same order, but called otherwise: no pair.
        (["a.png", "b.png"], ["0.png", "1.png"], [None, None]),
        ([""], ["a.png"], [None]),
        (["/".join("x" * 5000)], ["x.png"], ["x.png"]),
    ],
)
def test_names_find_their_files(names: list[str], files: list[str], expected: list[str | None]) -> None:
    assert found(names, files) == expected


def test_ends_of_absurd_length_are_not_compared() -> None:
    long = "/".join(str(number) for number in range(2 * MOST_PARTS))
    assert found([f"q/{long}/a.png"], [f"{long}/a.png"]) == [f"{long}/a.png"]


def test_what_was_missing_and_how_others_were_found_is_said(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    names = ["D:\\a.png", "b.png", "c.png", "d.png"]
    folder, pairing = find_pictures(names, [tmp_path / "none", tmp_path], Path("model"))
    assert folder == tmp_path
    assert pairing.notes(names) == [
        "2 of 4 pictures are missing: c.png, d.png: skipped",
        "1 of 4 pictures were found by the end of their names (D:\\a.png: a.png)",
    ]


def test_none_found_names_the_folders_looked_in(tmp_path: Path) -> None:
    folders = [tmp_path / "images", tmp_path / "input"]
    with pytest.raises(SignalError) as caught:
        find_pictures(["a.png", "b.png"], folders, Path("model"))
    assert str(caught.value) == (
        f"model: 2 of 2 pictures are missing: a.png, b.png; looked in {folders[0]}, {folders[1]}; expected the "
        "pictures that were reconstructed, under the same names"
    )
