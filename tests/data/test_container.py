# SPDX-License-Identifier: Apache-2.0
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lamina.data import ClipWriter, ColorInfo, open_clip, open_signal, rgb_to_yuv, yuv_to_rgb
from lamina.errors import SignalError


def encode(path: Path, frames: list[np.ndarray], pixel_format: str, codec: str = "ffv1", **tags: int) -> None:
    """A file written by PyAV alone, from arrays in `pixel_format`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        first = av.VideoFrame.from_ndarray(frames[0], format=pixel_format)
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, pixel_format
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        for number, array in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(array, format=pixel_format)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            for name, value in tags.items():
                setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize(("tag", "matrix"), [(1, "bt709"), (6, "bt601"), (9, "bt2020"), (2, "bt601")])
@pytest.mark.parametrize("color_range", [1, 2])
def test_tags_choose_the_conversion(tag: int, matrix, color_range: int, tmp_path: Path, photo: np.ndarray) -> None:
    color = ColorInfo(matrix, color_range == 2, "420")
    planes = rgb_to_yuv(photo, color)
    stacked = np.concatenate([plane.reshape(-1, 96) for plane in planes if plane is not None])
    encode(tmp_path / "a.mkv", [stacked], "yuv420p", colorspace=tag, color_range=color_range)
    clip = open_clip(tmp_path / "a.mkv")
    assert clip.color == color
    assert np.array_equal(next(clip.frames()), yuv_to_rgb(*planes, color))
    assert clip.notes == ()


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le"])
def test_10_bit_samples_are_rounded(pixel_format: str, tmp_path: Path, photo: np.ndarray) -> None:
    source = av.VideoFrame.from_ndarray(photo, format="rgb24").reformat(format=pixel_format)
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        container.mux(stream.encode(source))
        container.mux(stream.encode(None))
    clip = open_clip(tmp_path / "a.mkv")
    frame = next(clip.frames())
    grey = photo @ np.array([0.299, 0.587, 0.114])
    got = frame @ np.array([0.299, 0.587, 0.114])
    assert np.abs(got - grey).mean() < 1.2
    assert "10 bits rounded to 8" in clip.notes


@pytest.mark.parametrize("pixel_format", ["gbrp", "bgr0", "rgb24", "gbrp10le"])
def test_rgb_formats_are_exact(pixel_format: str, tmp_path: Path, photo: np.ndarray) -> None:
    codec = {"rgb24": "png", "gbrp": "utvideo", "gbrp10le": "ffv1", "bgr0": "ffv1"}[pixel_format]
    path = tmp_path / {"png": "a.mov", "utvideo": "a.avi"}.get(codec, "a.mkv")
    source = av.VideoFrame.from_ndarray(photo, format="rgb24").reformat(format=pixel_format)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        container.mux(stream.encode(source))
        container.mux(stream.encode(None))
    frame = next(open_clip(path).frames())
    assert np.abs(frame.astype(int) - photo).max() <= (1 if "10" in pixel_format else 0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_is_applied(turns: int, tmp_path: Path, park_joy) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs imageio-ffmpeg to write rotation metadata")
    import subprocess

    with ClipWriter(tmp_path / "a.mp4", 96, 64, 25) as writer:
        for frame in park_joy:
            writer.write(frame)
    upright = next(open_clip(tmp_path / "a.mp4").frames())
    command = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-display_rotation:v:0", str(90 * turns)]
    command += ["-i", str(tmp_path / "a.mp4"), "-c", "copy", str(tmp_path / "b.mp4")]
    subprocess.run(command, check=True)
    clip = open_clip(tmp_path / "b.mp4")
    # -display_rotation turns counterclockwise (ffmpeg's manual).
    expected = np.rot90(upright, turns)
    assert (clip.height, clip.width) == expected.shape[:2]
    assert np.array_equal(next(clip.frames()), expected)
    assert any("rotated" in note for note in clip.notes)


def test_changing_size_is_rejected_with_the_frame_number(tmp_path: Path, park_joy) -> None:
    parts = []
    for number, size in enumerate([(64, 96), (32, 48)]):
        path = tmp_path / f"{number}.h264"
        with av.open(str(path), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25, options={"repeat-headers": "1"})
            stream.width, stream.height, stream.pix_fmt = size[1], size[0], "yuv420p"
            for frame in park_joy[:3]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame[: size[0], : size[1]].copy())))
            container.mux(stream.encode(None))
        parts.append(path.read_bytes())
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(parts))
    frames = open_clip(path).frames()
    for _ in range(3):
        assert next(frames).shape == (64, 96, 3)
    with pytest.raises(SignalError, match=r"both\.h264: frame 3: 48x32 pixels, but the clip began with 96x64"):
        next(frames)


def test_streams_without_timestamps_are_read(tmp_path: Path, park_joy) -> None:
    with av.open(str(tmp_path / "a.h264"), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for frame in park_joy:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        container.mux(stream.encode(None))
    clip = open_clip(tmp_path / "a.h264")
    assert len(list(clip)) == 6
    assert clip.frames_per_second > 0
    assert clip.frame_count is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_truncated_files_give_frames_or_one_error(tmp_path: Path, park_joy) -> None:
    with ClipWriter(tmp_path / "a.mkv", 96, 64, 25) as writer:
        for frame in park_joy:
            writer.write(frame)
    whole = list(open_clip(tmp_path / "a.mkv"))
    data = (tmp_path / "a.mkv").read_bytes()
    counts = set()
    for length in range(0, len(data), len(data) // 25):
        (tmp_path / "cut.mkv").write_bytes(data[:length])
        try:
            frames = list(open_clip(tmp_path / "cut.mkv"))
        except SignalError:
            continue
        counts.add(len(frames))
        assert 1 <= len(frames) <= 6
        assert np.abs(frames[0].astype(int) - whole[0]).mean() < 64
    assert len(counts) > 2


def test_a_file_that_announces_more_frames_warns(tmp_path: Path, park_joy) -> None:
    with ClipWriter(tmp_path / "a.mp4", 96, 64, 25) as writer:
        for frame in park_joy:
            writer.write(frame)
    data = (tmp_path / "a.mp4").read_bytes()
    index = data.index(b"moov") - 4
    media = data.index(b"mdat")
    # Move the index before the media, as for streaming, then lose the end of the media.
    assert media < index
    import subprocess

    ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="needs imageio-ffmpeg to move the index")
    command = [ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "a.mp4"), "-c", "copy"]
    subprocess.run([*command, "-movflags", "faststart", str(tmp_path / "b.mp4")], check=True)
    moved = (tmp_path / "b.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(moved[: len(moved) * 2 // 3])
    clip = open_clip(tmp_path / "cut.mp4")
    assert clip.frame_count == 6
    with pytest.warns(RuntimeWarning, match=r"6 frames announced|damaged after"):
        assert 1 <= len(list(clip)) < 6


def test_open_container_rejects(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match="no such file"):
        open_clip(tmp_path / "none.mp4")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(SignalError, match=r"empty\.mp4: .*damaged or empty"):
        open_signal(tmp_path / "empty.mp4")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\n/etc/hostname\n")
    with pytest.raises(SignalError, match=r"list\.m3u8"):
        open_clip(tmp_path / "list.m3u8")
    (tmp_path / "words.txt").write_text("some words\n" * 50)
    with pytest.raises(SignalError, match=r"words\.txt"):
        open_clip(tmp_path / "words.txt")
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    with pytest.raises(SignalError, match=r"sound\.wav: no video stream \(found: audio\)"):
        open_clip(tmp_path / "sound.wav")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "size", "count", "matrix"),
    [
        ("akiyo_cif.mp4", (352, 288), 300, "bt601"),
        ("bunny_720p_lossless_32f.mkv", (1280, 720), None, "rgb"),
        ("intel_person.mp4", (768, 432), 1394, "bt601"),
    ],
)
def test_real_clips(name: str, size, count, matrix: str, development_data: Path) -> None:
    clip = open_clip(development_data / "clips" / name)
    assert (clip.width, clip.height) == size
    assert (clip.frame_count, clip.color.matrix) == (count, matrix)
    assert len(list(clip.frames(1, 3))) == 2
