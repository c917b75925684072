# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lamina.data import ClipWriter, ColorInfo, open_clip, yuv_to_rgb
from lamina.data.y4m import open_y4m
from lamina.errors import SignalError


def header(tags: str, samples: bytes = b"") -> bytes:
    return f"YUV4MPEG2 {tags}\n".encode() + (b"FRAME\n" + samples if samples else b"")


def test_planes_are_converted_as_the_tags_say(samples: Path) -> None:
    path = samples / "park_joy_96x64_6f.y4m"
    data = path.read_bytes()
    start = data.index(b"\n") + 1 + len("FRAME\n")
    planes = np.frombuffer(data[start : start + 9216], np.uint8)
    y, (u, v) = planes[:6144].reshape(64, 96), planes[6144:].reshape(2, 32, 48)
    color = ColorInfo("bt601", full_range=False, subsampling="420", chroma_site="center")
    clip = open_y4m(path)
    assert clip.color == color
    assert np.array_equal(next(clip.frames()), yuv_to_rgb(y, u, v, color))


@pytest.mark.parametrize("subsampling", ["420", "422", "444", "400"])
@pytest.mark.parametrize("size", [(64, 96), (63, 95), (1, 1)])
def test_written_color_is_read_back(subsampling, size, tmp_path: Path, park_joy) -> None:
    frames = [frame[: size[0], : size[1]] for frame in park_joy[:2]]
    site = "topleft" if subsampling == "420" else "left"
    color = ColorInfo("bt709", full_range=True, subsampling=subsampling, chroma_site=site)
    path = tmp_path / "a.y4m"
    with ClipWriter(path, size[1], size[0], Fraction(24000, 1001), color) as writer:
        for frame in frames:
            writer.write(frame)
    clip = open_clip(path)
    assert (clip.color.matrix, clip.color.full_range, clip.color.subsampling) == ("bt709", True, subsampling)
    assert clip.frames_per_second == Fraction(24000, 1001)
    decoded = list(clip)
    assert len(decoded) == 2
    if subsampling == "444":
        assert max(np.abs(a.astype(int) - b).max() for a, b in zip(decoded, frames, strict=True)) <= 2


def test_420_comes_back_to_the_same_file(tmp_path: Path, samples: Path) -> None:
    """4:2:0 -> RGB -> 4:2:0 on real footage: luma and nearly all chroma come back unchanged."""
    source = samples / "park_joy_96x64_6f.y4m"
    clip = open_clip(source)
    with ClipWriter(tmp_path / "a.y4m", 96, 64, 50, clip.color) as writer:
        for frame in clip:
            writer.write(frame)
    first = np.frombuffer(source.read_bytes()[-9216:], np.uint8).astype(int)
    second = np.frombuffer((tmp_path / "a.y4m").read_bytes()[-9216:], np.uint8)
    luma, chroma = np.abs(first - second)[:6144], np.abs(first - second)[6144:]
    assert np.mean(luma != 0) < 0.005
    assert np.mean(chroma != 0) < 0.1
    assert max(luma.max(), chroma.max()) <= 4


def test_deep_samples_are_rounded(tmp_path: Path) -> None:
    samples = np.full(6, 512, "<u2")
    samples[:4] = [64, 940, 502, 505]
    (tmp_path / "a.y4m").write_bytes(header("W2 H2 F25:1 C420p10", samples.tobytes()))
    clip = open_y4m(tmp_path / "a.y4m")
    luma = [16, 235, 126, 126]
    assert next(clip.frames())[..., 1].ravel().tolist() == [round((value - 16) * 255 / 219) for value in luma]
    assert "10 bits rounded to 8" in clip.notes


def test_missing_tags_are_assumed_and_noted(tmp_path: Path) -> None:
    (tmp_path / "a.y4m").write_bytes(header("W2 H2 Xwhat=ever It", bytes(6)))
    clip = open_y4m(tmp_path / "a.y4m")
    assert clip.frames_per_second == 25
    assert clip.color.matrix == "bt601"
    notes = " ".join(clip.notes)
    assert all(words in notes for words in ("frame rate", "interlaced"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a YUV4MPEG2"),
        (b"YUV4MPEG2 " + b"W" * 5000, "not a YUV4MPEG2"),
        (header("W2 H2"), "no frames"),
        (header("H2 F25:1", bytes(6)), "width and height"),
        (header("W0 H2", bytes(6)), "width and height"),
        (header("W99999999999999 H2", bytes(6)), "width and height"),
        (header("W65535 H65535", bytes(6)), "damaged or cut off"),
        (header("W-2 H2", bytes(6)), "width and height"),
        (header("W2 H2 C444alpha", bytes(6)), "C444alpha"),
        (header("W2 H2", bytes(5)), "damaged or cut off"),
        (header("W2 H2") + b"FRAMES" + b"\0" * 5000, "first"),
    ],
)
def test_open_y4m_rejects(data: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.y4m"
    path.write_bytes(data)
    with pytest.raises(SignalError, match=rf"bad\.y4m: .*{problem}"):
        open_y4m(path)


def test_truncated_file_gives_the_frames_before(tmp_path: Path, samples: Path) -> None:
    data = (samples / "park_joy_96x64_6f.y4m").read_bytes()
    (tmp_path / "cut.y4m").write_bytes(data[: len(data) - 10000])
    with pytest.warns(RuntimeWarning, match="frame 4 at byte"):
        clip = open_clip(tmp_path / "cut.y4m")
    assert clip.frame_count == len(list(clip)) == 4


def test_frame_headers_with_tags(tmp_path: Path) -> None:
    frame = b"FRAME Ixyz\n" + bytes([90] * 4 + [128, 128])
    (tmp_path / "a.y4m").write_bytes(header("W2 H2") + frame + b"FRAME\n" + frame[11:])
    assert open_y4m(tmp_path / "a.y4m").frame_count == 2
