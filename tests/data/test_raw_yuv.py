# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from lamina.data import open_clip
from lamina.errors import SignalError


@pytest.fixture
def raw_file(tmp_path: Path, samples: Path) -> Path:
    """The sample's planes without headers."""
    data = (samples / "park_joy_96x64_6f.y4m").read_bytes()
    start = data.index(b"\n") + 1
    frames = [data[start + k * 9222 + 6 :][:9216] for k in range(6)]
    path = tmp_path / "park.yuv"
    path.write_bytes(b"".join(frames))
    return path


def test_raw_420_has_the_luma_of_the_y4m(raw_file: Path, park_joy) -> None:
    clip = open_clip(raw_file, size=(96, 64), frames_per_second=50)
    assert (clip.frame_count, clip.frames_per_second, clip.color.matrix) == (6, 50, "bt601")
    for frame, expected in zip(clip, park_joy, strict=True):
        # Siting differs (y4m says center), which moves chroma by a quarter sample only.
        assert np.abs(frame.astype(int) - expected).mean() < 1.5
    assert np.array_equal(next(clip.frames(3)), list(clip)[3])


def test_size_is_taken_from_the_name(raw_file: Path) -> None:
    renamed = raw_file.rename(raw_file.with_name("park_96x64_50fps.yuv"))
    clip = open_clip(renamed)
    assert (clip.width, clip.height) == (96, 64)
    assert any("name" in note for note in clip.notes)


@pytest.mark.parametrize(("pixel_format", "order"), [("rgb24", 1), ("bgr24", -1)])
def test_packed_rgb_is_taken_as_it_is(pixel_format: str, order: int, tmp_path: Path, photo: np.ndarray) -> None:
    (tmp_path / "a.raw").write_bytes(photo[..., ::order].tobytes() * 2)
    clip = open_clip(tmp_path / "a.raw", size=(96, 64), pixel_format=pixel_format)
    assert clip.frame_count == 2
    assert all(np.array_equal(frame, photo) for frame in clip)


def test_gray_and_10_bit(tmp_path: Path) -> None:
    (tmp_path / "a.yuv").write_bytes(np.array([64, 940], "<u2").tobytes())
    clip = open_clip(tmp_path / "a.yuv", size=(2, 1), pixel_format="gray10le")
    assert next(clip.frames()).tolist() == [[[0] * 3, [255] * 3]]


def test_open_raw_rejects(raw_file: Path) -> None:
    with pytest.raises(SignalError, match=r"carry no size; give it: --size"):
        open_clip(raw_file)
    with pytest.raises(SignalError, match=r"'nv99'; expected one of yuv420p"):
        open_clip(raw_file, size=(96, 64), pixel_format="nv99")
    with pytest.raises(SignalError, match="one frame of 1920x1080 takes 3110400"):
        open_clip(raw_file, size=(1920, 1080))
    with pytest.raises(SignalError, match=r"expected 1\.\.\.65535"):
        open_clip(raw_file, size=(0, 64))


def test_a_rest_is_warned_about(raw_file: Path) -> None:
    with pytest.warns(RuntimeWarning, match="is the size right"):
        clip = open_clip(raw_file, size=(100, 64))
    assert clip.frame_count == 5
