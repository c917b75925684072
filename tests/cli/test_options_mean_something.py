# SPDX-License-Identifier: Apache-2.0
"""Options of how a source is read do what they say for every kind of source, or are refused by name."""

from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.data import downsample_area, open_clip, read_image
from lamina.errors import SignalError
from lamina.media.sources import SourceOptions, signal_of

pytestmark = pytest.mark.usefixtures("mosaic")


def smaller(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.rint(downsample_area(pixels.astype(np.float32), height, width)).astype(np.uint8)


@pytest.mark.parametrize(("words", "size"), [(("--scale", "1/2"), (28, 20)), (("--size", "30x17"), (30, 17))])
def test_pictures_and_clips_are_scaled_on_the_way_in(
    words: tuple[str, str], size: tuple[int, int], run, photo: Path, clip: Path, pixels: np.ndarray
) -> None:
    for source in (photo, clip):
        output = source.with_suffix(".lam")
        status, said, warned = run("encode", source, output, *words, "--quiet")
        assert status == 0
        assert f"{size[0]}x{size[1]}" in said
        assert f"scaled from 56x40 to {size[0]}x{size[1]}" in warned
        assert run("compare", output, source, *words, "--quiet")[0] == 0
        status, _, errors = run("compare", output, source, "--quiet")
        assert status == 1
        assert f"--size {size[0]}x{size[1]}" in errors
    options = SourceOptions(size=size)
    assert np.array_equal(signal_of(photo, options).pixels, smaller(pixels, *size))
    assert np.array_equal(signal_of(pixels, options).pixels, smaller(pixels, *size))
    first = next(open_clip(clip).frames())
    assert np.array_equal(next(open_clip(clip, size=size).frames()), smaller(first, *size))


def test_a_size_says_what_raw_video_is_and_a_scale_scales_it(run, clip: Path, tmp_path: Path) -> None:
    raw = tmp_path / "clip.rgb"
    raw.write_bytes(b"".join(frame.tobytes() for frame in open_clip(clip)))
    assert open_clip(raw, size=(56, 40)).frame_count == 10
    assert run("encode", raw, tmp_path / "a.lam", "--size", "56x40", "--scale", "1/2", "--quiet")[0] == 0
    with lamina.open(tmp_path / "a.lam") as media:
        assert (media.info.width, media.info.height) == (28, 20)
    unnamed = raw.rename(tmp_path / "samples.bin")
    assert open_clip(unnamed, size=(56, 40), pixel_format="rgb24").frame_count == 10
    renamed = tmp_path / "headed.yuv"
    renamed.write_bytes(clip.read_bytes())
    assert open_clip(renamed, size=(28, 20)).frame_count == 10


@pytest.mark.parametrize(
    ("kind", "words", "said"),
    [
        ("photo", ("--fps", "24"), "no frame rate"),
        ("photo", ("--test-every", "4"), "--test-every means nothing"),
        ("photo", ("--pixel-format", "rgb24"), "says its pixel format itself"),
        ("clip", ("--test-every", "4"), "--test-every means nothing"),
        ("clip", ("--pixel-format", "yuv420p"), "says its pixel format itself"),
        ("photo", ("--size", "57x40"), "57x40 was asked for, and it has 56x40"),
        ("clip", ("--size", "28x41"), "28x41 was asked for"),
        ("photo", ("--size", "28x20", "--scale", "1/2"), "one of them is enough"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    kind: str, words: tuple[str, ...], said: str, run, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    source = request.getfixturevalue(kind)
    status, _, errors = run("encode", source, tmp_path / "a.lam", *words)
    assert status == 1
    assert said in errors
    assert not (tmp_path / "a.lam").exists()


def test_a_scale_of_one_changes_nothing(photo: Path, pixels: np.ndarray) -> None:
    assert signal_of(photo, SourceOptions(scale=1)).notes == ()
    assert signal_of(photo, SourceOptions(scale=1e-9)).pixels.shape == (1, 1, 3)
    with pytest.raises(SignalError, match="0x5 was asked for"):
        signal_of(photo, SourceOptions(size=(0, 5)))
    assert np.array_equal(read_image(photo).pixels, pixels)
