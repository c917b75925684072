# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from lamina.data import open_clip
from lamina.data.color import HD_HEIGHT_PX
from lamina.errors import BackendUnavailable, SignalError
from lamina.metrics import find_ffmpeg, vmaf

SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    return list(open_clip(SAMPLES / "park_joy_96x64_6f.y4m"))


@pytest.fixture
def ffmpeg() -> Path:
    try:
        return find_ffmpeg("libvmaf")
    except BackendUnavailable as missing:
        pytest.skip(str(missing))


def test_vmaf_orders_quality(ffmpeg: Path, frames: list[np.ndarray]) -> None:
    same = vmaf(iter(frames), iter(frames))
    blurred = [(frame // 2 + np.roll(frame, 1, axis=1) // 2).astype(np.uint8) for frame in frames]
    worse = vmaf(frames, blurred)
    assert len(same.frames) == len(worse.frames) == 6
    assert same.mean > 97
    assert 0 <= worse.mean < same.mean - 3
    assert worse.mean == pytest.approx(np.mean(worse.frames))


def test_vmaf_rejects_clips_that_do_not_match(ffmpeg: Path, frames: list[np.ndarray]) -> None:
    with pytest.raises(SignalError, match="reference has more than 4 frames"):
        vmaf(frames, frames[:4])
    with pytest.raises(SignalError, match="decoded clip has more than 5 frames"):
        vmaf(frames[:5], frames)
    with pytest.raises(SignalError, match="frame 0: sizes"):
        vmaf(frames, [frame[:-2] for frame in frames])
    with pytest.raises(SignalError, match="no frames"):
        vmaf([], [])


def test_vmaf_rejects_tiny_pictures_in_words(ffmpeg: Path, frames: list[np.ndarray]) -> None:
    tiny = [frame[:9, :9] for frame in frames]
    with pytest.raises(SignalError, match=r"6 frames of 9x9: .*32x32 pixels or more"):
        vmaf(tiny, tiny)


def test_a_missing_ffmpeg_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ffmpeg").write_text("not a program")
    monkeypatch.setattr("lamina.metrics.ffmpeg._candidates", lambda: iter([tmp_path / "ffmpeg"]))
    with pytest.raises(BackendUnavailable, match=r"does not run.*pip install imageio-ffmpeg"):
        vmaf([], [])
    monkeypatch.setattr("lamina.metrics.ffmpeg._candidates", lambda: iter([]))
    with pytest.raises(BackendUnavailable, match="found none; pip install"):
        find_ffmpeg()


def test_the_environment_chooses_first(monkeypatch: pytest.MonkeyPatch, ffmpeg: Path, tmp_path: Path) -> None:
    link = tmp_path / "my_ffmpeg"
    link.symlink_to(ffmpeg)
    monkeypatch.setenv("LAMINA_FFMPEG", str(link))
    assert find_ffmpeg("libvmaf") == link
    monkeypatch.setenv("LAMINA_FFMPEG", str(tmp_path / "none"))
    assert find_ffmpeg("libvmaf") != link


def test_find_ffmpeg_rejects_an_unknown_filter(ffmpeg: Path) -> None:
    with pytest.raises(BackendUnavailable, match="has no no_such_filter"):
        find_ffmpeg("no_such_filter")


def test_the_matrix_rule_is_that_of_the_data_room() -> None:
    import sys

    assert sys.modules[vmaf.__module__].HD_HEIGHT_PX == HD_HEIGHT_PX
