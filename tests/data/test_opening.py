# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import Clip, Picture, open_clip, open_signal, write_image
from lamina.errors import SignalError
from lamina.times import FrameTimes


def test_what_is_inside_decides(samples: Path, tmp_path: Path) -> None:
    assert isinstance(open_signal(samples / "kodim15_96x64.png"), Picture)
    assert isinstance(open_signal(samples / "park_joy_96x64_6f.y4m"), Clip)
    shutil.copy(samples / "park_joy_96x64_6f.y4m", tmp_path / "named_wrongly.png")
    assert isinstance(open_signal(tmp_path / "named_wrongly.png"), Clip)


def test_a_still_opened_as_a_clip_has_one_frame(samples: Path, photo: np.ndarray) -> None:
    clip = open_clip(samples / "kodim15_96x64.png")
    assert clip.frame_count == 1
    assert np.array_equal(next(iter(clip)), photo)
    assert "one frame" in clip.notes[-1]
    assert isinstance(open_signal(samples / "kodim15_96x64.png", frame_range=(0, 1)), Clip)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animations_are_clips(suffix: str, tmp_path: Path) -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    frames = [Image.new("RGB", (9, 7), color) for color in colors]
    options = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], duration=50, **options)
    clip = open_signal(tmp_path / f"a{suffix}")
    assert isinstance(clip, Clip)
    assert (clip.width, clip.height, clip.frame_count, clip.frames_per_second) == (9, 7, 3, 20)
    assert [tuple(frame[3, 4].tolist()) for frame in clip] == colors
    assert [tuple(frame[0, 0].tolist()) for frame in clip.frames(1, 2)] == colors[1:2]


def test_a_folder_is_read_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 100, 1):
        write_image(tmp_path / f"shot{number}.png", np.full((4, 6, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    clip = open_signal(tmp_path, frames_per_second=12)
    assert isinstance(clip, Clip)
    assert [int(frame[0, 0, 0]) for frame in clip] == [1, 9, 10, 100]
    assert clip.frames_per_second == 12
    assert [int(frame[0, 0, 0]) for frame in open_clip(tmp_path, frame_range=(1, 3))] == [9, 10]


def test_a_folder_is_rejected_when_empty_or_of_several_sizes(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match="no pictures in this folder"):
        open_signal(tmp_path)
    write_image(tmp_path / "a1.png", np.zeros((4, 6, 3), np.uint8))
    write_image(tmp_path / "a2.png", np.zeros((4, 5, 3), np.uint8))
    with pytest.raises(SignalError, match=r"a2\.png: frame 1: 5x4 pixels, but the clip began with 6x4"):
        list(open_clip(tmp_path))


def test_open_signal_rejects_a_damaged_picture_as_a_picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    with pytest.raises(SignalError, match=r"a\.png: .*picture"):
        open_signal(tmp_path / "a.png")
    with pytest.raises(SignalError, match="no such file or folder"):
        open_signal(tmp_path / "nothing.mp4")


def test_importing_data_and_metrics_is_cheap() -> None:
    code = "import lamina.data, lamina.metrics, sys; print({'av', 'PIL', 'numba', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_duration_of_an_animation_counts(tmp_path: Path) -> None:
    """Averaged over the first 50 frames, 16 seconds became 1.6."""
    frames = [Image.new("RGB", (4, 4), (number, 0, 0)) for number in range(60)]
    durations = [20] * 50 + [1500] * 10
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], duration=durations, lossless=True)
    clip = open_signal(tmp_path / "a.webp")
    assert isinstance(clip, Clip)
    assert clip.frame_count == 60
    assert clip.notes == ()
    assert clip.frame_times == FrameTimes(Fraction(50), (*range(51), *range(125, 801, 75)))
    assert clip.duration_s == 16


@pytest.mark.parametrize(
    ("suffix", "durations", "expected_s"),
    [
        (".gif", [40, 0, 10, 1000], [0.04, 0.1, 0.1, 1]),
        (".gif", [40, 40, 40, 40], [0.04] * 4),
        (".png", [40, 1000 / 60, 7, 1000], [0.04, 1 / 60, 0.007, 1]),
        (".webp", [40, 1, 7, 1000], [0.04, 0.001, 0.007, 1]),
        (".avif", [40, 30, 70, 1000], [0.04, 0.03, 0.07, 1]),
    ],
)
def test_animations_last_as_long_as_players_show_them(
    suffix: str, durations: list[float], expected_s: list[float], tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    frames = [Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)) for _ in durations]
    path = tmp_path / f"a{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations)
    clip = open_clip(path)
    assert clip.duration_s is not None
    assert float(clip.duration_s) == pytest.approx(sum(expected_s), abs=1e-3 if suffix == ".avif" else 2e-6)
    told = [note for note in clip.notes if "shown for 0.1 s" in note]
    assert told == (
        ["2 frames last no time, or as good as none: shown for 0.1 s, as players do"] if 0 in durations else []
    )
