# SPDX-License-Identifier: Apache-2.0
"""Video files that say more than their samples: mirrors, edit lists, covers, color, opacity, times, damage."""

import subprocess
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_up_profiles import BT2020, DISPLAY_P3, expected_srgb

from lamina.data import Clip, ClipWriter, Picture, open_clip, open_signal, read_image
from lamina.data.orientation import Orientation
from lamina.errors import SignalError

ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="writes what PyAV cannot")

SOURCE = "testsrc2=size=96x64:rate=30:duration=1"


def make(*words: object) -> None:
    command = [ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second, one key frame, with frames that are decoded out of order."""
    path = tmp_path_factory.mktemp("clips") / "plain.mp4"
    make("-f", "lavfi", "-i", SOURCE, "-c:v", "libx264", "-g", 60, "-pix_fmt", "yuv420p", path)
    return path


def encode_rgb(path: Path, pixels: np.ndarray, **tags: int) -> None:
    """One lossless frame with tags of color."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = "bgr0"
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="bgr0")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
            setattr(frame, name, value)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


DISPLAY = {
    "hflip": (("-display_hflip",), lambda p: p[:, ::-1]),
    "vflip": (("-display_vflip",), lambda p: p[::-1]),
    "both": (("-display_hflip", "-display_vflip"), lambda p: p[::-1, ::-1]),
    "180": (("-display_rotation", 180), lambda p: p[::-1, ::-1]),
    "90 + hflip": (("-display_rotation", 90, "-display_hflip"), lambda p: np.rot90(p)[:, ::-1]),
    "270 + vflip": (("-display_rotation", 270, "-display_vflip"), lambda p: np.rot90(p, 3)[::-1]),
}


@pytest.mark.parametrize("name", DISPLAY)
def test_mirrors_and_turns(name: str, plain: Path, tmp_path: Path) -> None:
    """A mirrored clip came out turned by 180 degrees, or as it was. ffmpeg turns first, then mirrors."""
    options, expected = DISPLAY[name]
    make(*options, "-i", plain, "-c", "copy", tmp_path / "a.mp4")
    make("-i", tmp_path / "a.mp4", "-frames:v", 1, "-pix_fmt", "yuv444p", "-c:v", "ffv1", tmp_path / "shown.mkv")
    clip, upright = open_clip(tmp_path / "a.mp4"), next(open_clip(plain).frames())
    pixels = next(clip.frames())
    assert np.array_equal(pixels, expected(upright))
    assert (clip.height, clip.width) == pixels.shape[:2]
    by_ffmpeg = next(open_clip(tmp_path / "shown.mkv").frames())
    assert np.abs(pixels.astype(int) - by_ffmpeg).mean() < 8
    assert len([note for note in clip.notes if "as the file says" in note]) == 1


def test_a_slanted_angle_is_told(plain: Path, tmp_path: Path) -> None:
    make("-display_rotation", 30, "-i", plain, "-c", "copy", tmp_path / "a.mp4")
    clip = open_clip(tmp_path / "a.mp4")
    assert (clip.width, clip.height) == (96, 64)
    assert clip.notes == ("not turned: its angle is no quarter turn, as the file says",)
    assert Orientation().note() is None


@pytest.mark.parametrize("start_s", ["0.5", "0.7"])
def test_frames_that_an_edit_list_hides_are_not_announced(start_s: str, plain: Path, tmp_path: Path) -> None:
    """60 frames were announced, and 15 shown: a quarter of the bytes were spent."""
    make("-ss", start_s, "-i", plain, "-c", "copy", tmp_path / "a.mp4")
    make("-i", tmp_path / "a.mp4", "-f", "framemd5", tmp_path / "frames.txt")
    expected = sum(not line.startswith("#") for line in (tmp_path / "frames.txt").read_text().splitlines())
    clip = open_clip(tmp_path / "a.mp4")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = list(clip)
    assert clip.frame_count == len(frames) == expected < 30
    whole = list(open_clip(plain))
    assert np.array_equal(frames[0], whole[30 - expected])


def test_the_default_stream_is_taken(plain: Path, tmp_path: Path) -> None:
    """A still as stream 0 was coded instead of the film."""
    make("-f", "lavfi", "-i", "color=red:size=32x32:rate=1:duration=1", "-c:v", "libx264", tmp_path / "still.mp4")
    words = ("-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0", 0, "-disposition:v:1", "default")
    make("-i", tmp_path / "still.mp4", "-i", plain, *words, tmp_path / "a.mkv")
    clip = open_clip(tmp_path / "a.mkv")
    assert (clip.width, clip.height, len(list(clip))) == (96, 64, 30)
    assert "stream 1 of 2 video streams" in clip.notes


def test_a_cover_is_no_clip(plain: Path, tmp_path: Path) -> None:
    make("-i", plain, "-frames:v", 1, tmp_path / "cover.png")
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    make(*sound, "-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy", tmp_path / "song.mp3")
    with pytest.raises(SignalError, match=r"song\.mp3: no video stream but a cover"):
        open_signal(tmp_path / "song.mp3")
    words = ("-map", 1, "-map", 0, "-c", "copy", "-disposition:v:0", "attached_pic")
    make("-i", plain, "-i", tmp_path / "cover.png", *words, tmp_path / "film.mp4")
    clip = open_clip(tmp_path / "film.mp4")
    assert len(list(clip)) == 30


def test_sound_aspect_and_fields_are_told(plain: Path, tmp_path: Path) -> None:
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    make("-i", plain, *sound, "-vf", "setsar=16/15", "-c:v", "libx264", "-flags", "+ilme+ildct", tmp_path / "a.mp4")
    notes = open_clip(tmp_path / "a.mp4").notes
    assert "sound is not kept" in notes
    assert "pixels are 16:15 as wide as high, and are shown square" in notes
    make("-i", plain, "-vf", "setsar=16/15", tmp_path / "a.y4m")
    assert "pixels are 16:15 as wide as high, and are shown square" in open_clip(tmp_path / "a.y4m").notes
    assert open_clip(plain).notes == ()


@pytest.mark.parametrize(
    ("codec", "layout", "suffix"),
    [
        ("prores_ks", "yuva444p10le", "mov"),
        ("ffv1", "yuva420p", "mkv"),
        ("png", "rgba", "mov"),
        ("qtrle", "argb", "mov"),
        ("ffv1", "yuva444p16le", "mkv"),
    ],
)
def test_opacity_is_laid_over_white(codec: str, layout: str, suffix: str, tmp_path: Path) -> None:
    """ProRes came out opaque, ffv1 as if its opacity were not there."""
    picture = "color=red@0.5:size=32x32:rate=5:duration=1,format=rgba"
    make("-f", "lavfi", "-i", picture, "-c:v", codec, "-pix_fmt", layout, tmp_path / f"a.{suffix}")
    clip = open_clip(tmp_path / f"a.{suffix}")
    pixels = next(clip.frames())[16, 16].astype(int)
    assert np.abs(pixels - [255, 127, 127]).max() <= 4
    assert "transparency, if any, laid over white" in clip.notes


def test_opacity_that_is_not_decoded_is_told(tmp_path: Path) -> None:
    picture = "color=red@0.5:size=32x32:rate=5:duration=1,format=yuva420p"
    make("-f", "lavfi", "-i", picture, "-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", tmp_path / "a.webm")
    assert "transparency is not kept" in open_clip(tmp_path / "a.webm").notes


TAGS = {"P3": ((12, 13), DISPLAY_P3, None), "P3, BT.709 curve": ((12, 1), DISPLAY_P3, None)}
TAGS |= {
    "BT.2020": ((9, 14), BT2020, None),
    "linear": ((1, 8), (*DISPLAY_P3[:0], 0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329), 1.0),
}


@pytest.mark.parametrize("name", TAGS)
def test_wide_colors_of_clips_are_converted(name: str, tmp_path: Path) -> None:
    (primaries, transfer), chromaticities, power = TAGS[name]
    pixels = np.random.default_rng(8).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    encode_rgb(tmp_path / "a.mkv", pixels, color_primaries=primaries, color_trc=transfer)
    clip = open_clip(tmp_path / "a.mkv")
    assert np.abs(next(clip.frames()) - expected_srgb(pixels / 255, chromaticities, power)).max() < 0.7
    assert len(clip.notes) == 1
    assert clip.notes[0].startswith("converted from ")


@pytest.mark.parametrize("tags", [(1, 1), (2, 2), (6, 6), (5, 1)])
def test_usual_colors_of_clips_are_kept_without_a_word(tags: tuple[int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(8).integers(0, 256, (16, 24, 3), dtype=np.uint8)
    encode_rgb(tmp_path / "a.mkv", pixels, color_primaries=tags[0], color_trc=tags[1])
    clip = open_clip(tmp_path / "a.mkv")
    assert np.array_equal(next(clip.frames()), pixels)
    assert clip.notes == ()


@pytest.mark.parametrize(("transfer", "said"), [(16, "PQ"), (18, "HLG"), (9, "logarithmic")])
def test_colors_that_are_kept_as_they_are_are_told(transfer: int, said: str, tmp_path: Path) -> None:
    pixels = np.full((16, 24, 3), 90, np.uint8)
    encode_rgb(tmp_path / "a.mkv", pixels, color_primaries=9, color_trc=transfer)
    assert said in open_clip(tmp_path / "a.mkv").notes[0]


def shown_s(path: Path) -> list[float]:
    """When libav shows each frame, from the first on."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


UNEVEN = "setpts='(N+gte(N,15)*15)/30/TB+0.01'"


def test_uneven_times_are_kept(plain: Path, tmp_path: Path) -> None:
    """Frame 14 lasts half a second longer than the others."""
    for name in ("a.mkv", "a.mp4", "a.avi", "a.flv"):
        codec = "mpeg4" if name == "a.avi" else "libx264"
        make("-i", plain, "-vf", UNEVEN, "-fps_mode", "passthrough", "-c:v", codec, tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clip = open_clip(tmp_path / name)
            assert len(list(clip)) == len(shown_s(tmp_path / name))
        assert clip.frame_times is not None
        starts = [float(clip.frame_times.time_s(frame)) for frame in range(30)]
        assert np.allclose(starts[:30], [(n + 15 * (n >= 15)) / 30 for n in range(30)], rtol=0, atol=1.1e-3)
        assert clip.duration_s is not None
        assert abs(clip.duration_s - Fraction(3, 2)) <= Fraction(1, 500)
        assert clip.frames_per_second == clip.frame_times.mean_rate
    assert open_clip(plain).frame_times is None


@pytest.mark.parametrize("start", [0.3, 0.9])
def test_an_edit_list_and_uneven_times(start: float, plain: Path, tmp_path: Path) -> None:
    make("-i", plain, "-vf", UNEVEN, "-fps_mode", "passthrough", "-g", 60, "-bf", 2, tmp_path / "a.mp4")
    make("-ss", start, "-i", tmp_path / "a.mp4", "-c", "copy", tmp_path / "b.mp4")
    clip = open_clip(tmp_path / "b.mp4")
    shown = shown_s(tmp_path / "b.mp4")
    assert len(list(clip)) == len(shown) == clip.frame_count
    if clip.frame_times is None:
        starts = [n / float(clip.frames_per_second) for n in range(len(shown))]
    else:
        starts = [float(clip.frame_times.time_s(frame)) for frame in range(len(shown))]
    assert np.allclose(starts, shown, rtol=0, atol=1e-3)
    with av.open(str(tmp_path / "b.mp4")) as container:
        stream = container.streams.video[0]
        announced = float(stream.duration * stream.time_base)
    assert clip.duration_s is not None
    assert abs(float(clip.duration_s) - announced) < 0.04


def test_frames_at_the_same_time_are_spread(plain: Path, tmp_path: Path) -> None:
    twice = "setpts='floor(N/2)*2/30/TB+gte(N,20)*0.7/TB'"
    make("-i", plain, "-vf", twice, "-fps_mode", "passthrough", "-c:v", "ffv1", tmp_path / "a.mkv")
    clip = open_clip(tmp_path / "a.mkv")
    assert clip.frame_times is not None
    gaps = np.diff([float(clip.frame_times.time_s(frame)) for frame in range(19)])
    assert np.allclose(gaps, 1 / 30, atol=2e-3)


def test_invisible_frames_take_no_time(plain: Path, tmp_path: Path) -> None:
    """VP8 hides frames that others are predicted from."""
    words = ("-c:v", "libvpx", "-auto-alt-ref", 1, "-lag-in-frames", 16, "-b:v", "60k", "-g", 60)
    make("-stream_loop", 2, "-i", plain, *words, tmp_path / "a.webm")
    clip = open_clip(tmp_path / "a.webm")
    assert clip.frame_times is None
    assert clip.frames_per_second == 30
    make("-stream_loop", 2, "-i", plain, "-vf", UNEVEN, "-fps_mode", "passthrough", *words, tmp_path / "b.webm")
    clip, shown = open_clip(tmp_path / "b.webm"), shown_s(tmp_path / "b.webm")
    assert clip.frame_times is not None
    assert clip.frame_times.frame_count == len(shown)
    assert np.allclose([float(clip.frame_times.time_s(frame)) for frame in range(len(shown))], shown, atol=1e-6)


@pytest.mark.parametrize("rate", ["1000", "2400", "1/60", "30000/1001"])
def test_rates_of_every_kind(rate: str, plain: Path, tmp_path: Path) -> None:
    """1000 frames a second were taken as 25."""
    make(
        "-r",
        rate,
        "-i",
        plain,
        "-frames:v",
        5,
        "-c:v",
        "libx264",
        "-video_track_timescale",
        240_000,
        tmp_path / "a.mp4",
    )
    assert open_clip(tmp_path / "a.mp4").frames_per_second == Fraction(rate)


def test_damaged_frames_are_told(plain: Path, tmp_path: Path) -> None:
    """A stream that begins behind its key frame decodes to frames that nobody vouches for."""
    make("-i", plain, "-c", "copy", "-bsf:v", "noise=amount=400:drop=0", tmp_path / "a.mkv")
    data = tmp_path / "a.ts"
    make("-i", plain, "-c", "copy", "-bsf:v", "h264_mp4toannexb", tmp_path / "b.ts")
    broken = bytearray((tmp_path / "b.ts").read_bytes())
    rng = np.random.default_rng(9)
    for place in rng.integers(len(broken) // 3, len(broken), 12):
        broken[place] ^= 0xFF
    data.write_bytes(broken)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frames = list(open_clip(data))
    assert frames
    assert any("damaged" in str(warning.message) for warning in told)


def test_pictures_that_only_libav_reads_are_pictures(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (16, 1))
    Path(tmp_path / "a.pgm").write_bytes(b"P5 32 16 255\n" + ramp.tobytes())
    for suffix in ("sgi", "dpx"):
        make("-i", tmp_path / "a.pgm", "-pix_fmt", "rgb24", tmp_path / f"a.{suffix}")
        picture = open_signal(tmp_path / f"a.{suffix}")
        assert isinstance(picture, Picture)
        assert np.abs(picture.pixels[..., 0].astype(int) - ramp).max() <= 1
    half = np.full((4, 6, 3), 0.214, np.float32)
    (tmp_path / "a.pfm").write_bytes(b"PF\n6 4\n-1.0\n" + half.astype("<f4").tobytes())
    picture = open_signal(tmp_path / "a.pfm")
    assert picture.medium == "picture"
    assert abs(int(picture.pixels[0, 0, 0]) - 127) <= 1


def test_a_film_of_pictures_stays_a_film(plain: Path, tmp_path: Path) -> None:
    make("-i", plain, "-frames:v", 4, "-c:v", "mjpeg", "-q:v", 2, "-f", "mjpeg", tmp_path / "a.mjpeg")
    clip = open_signal(tmp_path / "a.mjpeg")
    assert isinstance(clip, Clip)
    assert len(list(clip)) == 4


def test_what_is_written_is_tagged_as_what_it_is(tmp_path: Path, photo: np.ndarray) -> None:
    with ClipWriter(tmp_path / "a.mp4", 96, 64, 25) as writer:
        writer.write(photo)
    clip = open_clip(tmp_path / "a.mp4")
    assert clip.notes == ()
    assert np.abs(next(clip.frames()).astype(int) - photo).mean() < 3
    with pytest.raises(SignalError, match="not a picture"):
        read_image(tmp_path / "a.mp4")
