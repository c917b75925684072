# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lamina.data import ClipWriter, ColorInfo, open_clip
from lamina.data.y4m import Y4mWriter
from lamina.errors import SignalError, WriteError


def write(path: Path, frames: list[np.ndarray], **options) -> ClipWriter:
    height, width = frames[0].shape[:2]
    with ClipWriter(path, width, height, Fraction(50), **options) as writer:
        for frame in frames:
            writer.write(frame)
    return writer


def psnr_db(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    error = np.mean([np.mean((a.astype(float) - b) ** 2) for a, b in zip(first, second, strict=True)])
    return 10 * np.log10(255**2 / max(error, 1e-10))


@pytest.mark.parametrize(
    ("name", "floor_db"), [("a.y4m", 38), ("a.mp4", 36), ("a.mkv", 36), ("a.mov", 36), ("a.gif", 30)]
)
def test_every_format_comes_back(name: str, floor_db: float, tmp_path: Path, park_joy) -> None:
    write(tmp_path / name, park_joy)
    clip = open_clip(tmp_path / name)
    assert (clip.width, clip.height, clip.frames_per_second) == (96, 64, 50)
    assert psnr_db(list(clip), park_joy) > floor_db
    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
@pytest.mark.parametrize("size", [(64, 96), (63, 95)])
def test_lossless_is_exact(name: str, size, tmp_path: Path, park_joy) -> None:
    frames = [frame[: size[0], : size[1]] for frame in park_joy]
    write(tmp_path / name, frames, lossless=True)
    assert all(np.array_equal(a, b) for a, b in zip(open_clip(tmp_path / name), frames, strict=True))


def test_a_folder_of_pictures_is_exact_and_can_be_replaced(tmp_path: Path, park_joy) -> None:
    path = tmp_path / "frames"
    write(path, park_joy)
    write(path, park_joy[:3])
    assert sorted(file.name for file in path.iterdir()) == [f"frame_00000{k}.png" for k in range(3)]
    assert all(np.array_equal(a, b) for a, b in zip(open_clip(path), park_joy[:3], strict=True))


@pytest.mark.parametrize("name", ["a.mp4", "a.y4m", "a.gif", "frames"])
@pytest.mark.parametrize("size", [(63, 95), (64, 95), (63, 96), (17, 33)])
def test_odd_sizes_keep_every_pixel(name: str, size, tmp_path: Path, park_joy) -> None:
    frames = [frame[: size[0], : size[1]] for frame in park_joy[:2]]
    writer = write(tmp_path / name, frames)
    clip = open_clip(tmp_path / name)
    assert (clip.height, clip.width) == size
    assert psnr_db(list(clip), frames) > 30
    if name == "a.mp4":
        assert writer.color.subsampling == "444"


@pytest.mark.parametrize(("matrix", "tag"), [("bt601", 6), ("bt709", 1), ("bt2020", 9)])
@pytest.mark.parametrize("full_range", [False, True])
def test_color_tags_are_written(matrix, tag: int, full_range: bool, tmp_path: Path, park_joy) -> None:
    color = ColorInfo(matrix, full_range)
    write(tmp_path / "a.mp4", park_joy[:2], color=color)
    with av.open(str(tmp_path / "a.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (tag, 2 if full_range else 1)
        assert (frame.color_primaries, frame.color_trc) == (1, 1)
    clip = open_clip(tmp_path / "a.mp4")
    assert clip.color == color
    assert psnr_db(list(clip), park_joy[:2]) > 36


def test_the_default_color_follows_the_height(tmp_path: Path) -> None:
    assert ClipWriter(tmp_path / "a.mp4", 1280, 720, 25).color == ColorInfo("bt709", full_range=False)
    assert ClipWriter(tmp_path / "a.mp4", 352, 288, 25).color == ColorInfo("bt601", full_range=False)
    rgb = ColorInfo("rgb", full_range=True, subsampling="444")
    assert ClipWriter(tmp_path / "a.y4m", 352, 288, 25, rgb).color.matrix == "bt601"


def test_an_exception_leaves_nothing_behind(tmp_path: Path, park_joy) -> None:
    for name in ("a.mp4", "a.y4m", "frames", "a.gif"):
        with pytest.raises(SignalError, match="frame 1"):
            write(tmp_path / name, [park_joy[0], park_joy[1][1:]])
        assert list(tmp_path.iterdir()) == []


def test_write_clip_rejects(tmp_path: Path, park_joy) -> None:
    with pytest.raises(SignalError, match=r"suffix '\.txt'; use \.y4m"):
        ClipWriter(tmp_path / "a.txt", 96, 64, 25)
    with pytest.raises(SignalError, match="at least 1x1"):
        ClipWriter(tmp_path / "a.mp4", 0, 64, 25)
    with pytest.raises(SignalError, match="no frames were given"), ClipWriter(tmp_path / "a.mp4", 96, 64, 25):
        pass
    with pytest.raises(SignalError, match=r"frame 0: 95x64"), ClipWriter(tmp_path / "a.mp4", 96, 64, 25) as writer:
        writer.write(park_joy[0][:, 1:])
    with pytest.raises(WriteError, match="create the folder first"), ClipWriter(tmp_path / "no" / "a.mp4", 96, 64, 25):
        pass
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(SignalError, match="holds other files"):
        ClipWriter(tmp_path / "mine", 96, 64, 25)


def test_a_full_disk_is_one_clear_error(tmp_path: Path, park_joy, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Y4mWriter, "write", full)
    with pytest.raises(WriteError, match=r"a\.y4m: cannot be written: No space left"):
        write(tmp_path / "a.y4m", park_joy)
    assert list(tmp_path.iterdir()) == []


def test_a_gif_of_more_frames_than_it_can_hold_is_told(tmp_path: Path, park_joy) -> None:
    with pytest.warns(RuntimeWarning, match="at most 50 frames a second: 240 a second will play slower"):
        announced = ClipWriter(tmp_path / "a.gif", 96, 64, 240)
    with announced as writer:
        for frame in park_joy[:3]:
            writer.write(frame)
    assert open_clip(tmp_path / "a.gif").frames_per_second == 50
