# SPDX-License-Identifier: Apache-2.0
"""Frames keep their times: out of files of others, through a stream, into files of others, to the tick."""

import json
import subprocess
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import lamina
from lamina.data import ClipWriter, open_clip
from lamina.times import FrameTimes, TimeSpan, seconds_of

ffmpeg = pytest.importorskip("imageio_ffmpeg", reason="writes what PyAV cannot")

pytestmark = pytest.mark.usefixtures("mosaic")

SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=30:duration=1")
UNEVEN = "setpts='(N+gte(N,15)*15)/30/TB+0.01'"
"""Frame 15 and those after it come half a second late."""
DURATIONS_MS = (40, 40, 200, 30, 1500, 70)


def make(*words: object) -> None:
    command = [ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", *map(str, words)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def uneven_film(path: Path, *words: object) -> None:
    make(*SOURCE, "-vf", UNEVEN, "-fps_mode", "passthrough", "-pix_fmt", "yuv420p", *words, path)


def animation(path: Path, durations_ms: tuple[float, ...] = DURATIONS_MS) -> None:
    rng = np.random.default_rng(len(durations_ms))
    frames = [Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)) for _ in durations_ms]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=list(durations_ms), loop=0)


def jittery(path: Path) -> None:
    """Times as telephones write them: in 1/90000 s, none like the other."""
    steps = [2900 + 37 * (number * number % 23) for number in range(20)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 90000)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = sum(steps[:number]), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def evenly(path: Path, rate: object, count: int) -> None:
    make("-r", rate, *SOURCE[:3], "testsrc2=size=64x48", "-r", rate, "-frames:v", count, "-pix_fmt", "yuv420p", path)


INPUTS: dict[str, Callable[[Path], None]] = {
    "uneven.mkv": uneven_film,
    "uneven.mp4": lambda path: uneven_film(path, "-bf", 3),
    "uneven.webm": lambda path: uneven_film(path, "-c:v", "libvpx-vp9", "-deadline", "realtime"),
    "uneven.ts": lambda path: uneven_film(path, "-c:v", "libx264", "-muxdelay", 0),
    "jittery.mov": jittery,
    "thousand.mp4": lambda path: evenly(path, 1000, 12),
    "ntsc.mkv": lambda path: evenly(path, "30000/1001", 40),
    "animation.gif": animation,
    "animation.png": animation,
    "animation.webp": animation,
}
"""Ten small files, made here."""


def starts_s(path: Path) -> list[float]:
    """When PyAV shows each frame, from the first on."""
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    return [time - times[0] for time in times]


def duration_s(path: Path) -> float:
    """What libav says of the stream; of containers that say it of the file alone, that."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.duration is not None:
            return float(stream.duration * stream.time_base)
        assert container.duration is not None
        return container.duration / av.time_base


def expected_starts(path: Path) -> list[float]:
    """Of a file: libav's own; libav reads no animated WebP."""
    if path.suffix == ".webp":
        return [sum(DURATIONS_MS[:number]) / 1000 for number in range(len(DURATIONS_MS))]
    return starts_s(path)


@pytest.mark.parametrize("name", INPUTS)
def test_times_go_through_a_stream_and_out_again(name: str, run, tmp_path: Path) -> None:
    source, coded, film = tmp_path / name, tmp_path / "a.lam", tmp_path / "film.mp4"
    INPUTS[name](source)
    assert run("encode", source, coded, "--quiet")[0] == 0
    expected = expected_starts(source)
    with lamina.open(coded) as media:
        assert np.allclose(media.times_s, expected, rtol=0, atol=1.01e-3 if name == "ntsc.mkv" else 1e-6)
        length_s = media.duration_s
        assert media.has_variable_rate == ("ntsc" not in name and "thousand" not in name)
    assert run("decode", coded, film, "--quiet")[0] == 0
    assert np.allclose(starts_s(film), expected, rtol=0, atol=1.01e-3 if name == "ntsc.mkv" else 1e-6)
    assert duration_s(film) == pytest.approx(length_s, abs=1e-6)
    if source.suffix in (".mp4", ".mov", ".gif"):
        assert duration_s(source) == pytest.approx(length_s, abs=1e-6)
    if source.suffix in (".png", ".webp", ".gif"):
        assert length_s == sum(DURATIONS_MS) / 1000


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".gif"])
def test_films_keep_the_times_that_they_can(suffix: str, run, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    assert run("encode", tmp_path / "a.webp", tmp_path / "a.lam", "--quiet")[0] == 0
    film = tmp_path / f"film{suffix}"
    assert run("decode", tmp_path / "a.lam", film, "--quiet")[0] == 0
    assert np.allclose(starts_s(film), [0, 0.04, 0.08, 0.28, 0.31, 1.81], rtol=0, atol=1e-6)
    assert duration_s(film) == pytest.approx(1.88, abs=1e-6)
    assert open_clip(film).duration_s == Fraction(188, 100) or suffix == ".mkv"


def test_the_faults_that_were_met(run, tmp_path: Path) -> None:
    """Frame 30 at 1.40 s was shown at 1.00; 16 s of an animation became 1.6; 1000 frames a second became 25."""
    animation(tmp_path / "a.webp", tuple([20] * 50 + [1500] * 10))
    clip = open_clip(tmp_path / "a.webp")
    assert (clip.duration_s, clip.notes) == (16, ())
    late = "setpts='(N+gte(N,12)*12)/30/TB+0.01'"
    make(
        *SOURCE[:3],
        "testsrc2=size=64x48:rate=30:duration=2",
        "-vf",
        late,
        "-fps_mode",
        "passthrough",
        tmp_path / "b.mkv",
    )
    assert run("encode", tmp_path / "b.mkv", tmp_path / "b.lam", "--quiet")[0] == 0
    with lamina.open(tmp_path / "b.lam") as media:
        assert media.times_s[30] == 1.4
        assert media.duration_s == pytest.approx(2.4, abs=0.002)
    evenly(tmp_path / "c.mkv", 1000, 8)
    clip = open_clip(tmp_path / "c.mkv")
    assert (clip.frames_per_second, clip.frame_times) == (1000, None)


def test_evenly_spaced_clips_make_the_files_that_they_made(run, clip: Path, tmp_path: Path) -> None:
    assert run("encode", clip, tmp_path / "a.lam", "--quiet")[0] == 0
    data = (tmp_path / "a.lam").read_bytes()
    assert data[7] == 0
    assert run("encode", clip, tmp_path / "b.lam", "--fps", "25", "--quiet")[0] == 0
    assert (tmp_path / "b.lam").read_bytes() == data


def test_a_rate_that_is_typed_goes_before_times(run, tmp_path: Path) -> None:
    animation(tmp_path / "a.gif")
    assert run("encode", tmp_path / "a.gif", tmp_path / "a.lam", "--fps", "10", "--quiet")[0] == 0
    with lamina.open(tmp_path / "a.lam") as media:
        assert (media.has_variable_rate, media.duration_s) == (False, 0.6)


def test_info_says_how_long_it_lasts(run, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    assert run("encode", tmp_path / "a.webp", tmp_path / "a.lam", "--quiet")[0] == 0
    _, said, _ = run("info", tmp_path / "a.lam")
    assert "variable rate" in said.splitlines()[0]
    assert "1.88 s" in said.splitlines()[0]
    facts = json.loads(run("info", tmp_path / "a.lam", "--json")[1])
    assert (facts["duration_s"], facts["has_variable_rate"]) == (1.88, True)
    size_bytes = (tmp_path / "a.lam").stat().st_size
    assert facts["levels"][-1]["kilobits_per_second"] == pytest.approx(8e-3 * size_bytes / 1.88)
    levels = json.loads(run("compare", tmp_path / "a.lam", tmp_path / "a.webp", "--json", "--quiet")[1])["levels"]
    assert levels[-1]["kilobits_per_second"] == pytest.approx(8e-3 * size_bytes / 1.88)


def test_cuts_keep_times(run, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    assert run("encode", tmp_path / "a.webp", tmp_path / "a.lam", "--quiet")[0] == 0
    assert run("cut", tmp_path / "a.lam", tmp_path / "b.lam", "--level", 0)[0] == 0
    with lamina.open(tmp_path / "a.lam") as whole, lamina.open(tmp_path / "b.lam") as cut:
        assert cut.times == whole.times
        assert cut.level_count == 1


def test_an_encode_that_goes_on_keeps_times(mosaic, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    whole = lamina.encode(tmp_path / "a.webp", tmp_path / "a.lam")
    calls = 0

    def stop(progress: lamina.Progress) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise lamina.Interrupted("enough")

    with pytest.raises(lamina.Interrupted):
        lamina.encode(tmp_path / "a.webp", tmp_path / "b.lam", progress=stop)
    journal = tmp_path / "b.lam.part" / "stream.lam"
    if journal.exists():
        with lamina.open(journal) as part:
            assert part.times is not None
            assert whole.times is not None
            assert list(part.times.ticks) == list(whole.times.ticks[: part.frame_count + 1])
    lamina.encode(tmp_path / "a.webp", tmp_path / "b.lam").close()
    assert (tmp_path / "b.lam").read_bytes() == (tmp_path / "a.lam").read_bytes()


def test_yuv4mpeg2_repeats_frames_and_says_so(run, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    assert run("encode", tmp_path / "a.webp", tmp_path / "a.lam", "--quiet")[0] == 0
    with pytest.warns(RuntimeWarning, match=r"one rate for all frames: they are repeated, 100 a second$"):
        lamina.export(lamina.open(tmp_path / "a.lam"), tmp_path / "a.y4m")
    film = open_clip(tmp_path / "a.y4m")
    assert (film.frames_per_second, film.frame_count) == (100, 188)
    frames = list(film)
    changes = [number for number, (a, b) in enumerate(pairwise(frames), 1) if not np.array_equal(a, b)]
    assert changes == [4, 8, 28, 31, 181]


def write_greys(path: Path, times: FrameTimes) -> None:
    with ClipWriter(path, 8, 8, times.mean_rate, times=times) as writer:
        for number in range(times.frame_count):
            writer.write(np.full((8, 8, 3), 30 * number, np.uint8))


def test_yuv4mpeg2_of_times_without_a_common_rate_comes_near(tmp_path: Path) -> None:
    times = FrameTimes.of_seconds(seconds_of([Fraction(1, 30), Fraction(1001, 30000), Fraction(1, 24)]))
    with pytest.warns(RuntimeWarning, match=r"30 a second, each within \d+\.\d ms of its own time"):
        write_greys(tmp_path / "a.y4m", times)
    assert open_clip(tmp_path / "a.y4m").frame_count == 3


def test_gif_keeps_hundredths_and_never_less_than_two(tmp_path: Path) -> None:
    times = FrameTimes.of_seconds(seconds_of([Fraction(1, 300)] * 6 + [Fraction(1)]))
    with pytest.warns(RuntimeWarning, match="GIF holds at most 50 frames a second"):
        write_greys(tmp_path / "a.gif", times)
    assert np.allclose(np.diff(starts_s(tmp_path / "a.gif")), 0.02)
    assert open_clip(tmp_path / "a.gif").frame_count == 7


SPANS = [
    ("1.5s:3s", (38, 75)),
    ("0:01.5:0:03", (38, 75)),
    ("1s:", (25, 100)),
    (":0:02", (0, 50)),
    (":2s", (0, 50)),
    ("10:20", (10, 20)),
    ("1.5s", (37, 38)),
    ("0:00:01.5", (37, 38)),
    ("2s:9s", (50, 100)),
]


@pytest.mark.parametrize(("typed", "frames"), SPANS)
def test_ranges_are_frames_or_seconds_everywhere(typed: str, frames: tuple[int, int], run, tmp_path: Path) -> None:
    source = tmp_path / "a.y4m"
    with ClipWriter(source, 16, 8, 25) as writer:
        for number in range(100):
            writer.write(np.full((8, 16, 3), 2 * number, np.uint8))
    start, stop = frames
    part = tmp_path / "part.lam"
    assert run("encode", source, part, "--frames", typed, "--quiet")[0] == 0
    with lamina.open(part) as media:
        assert media.frame_count == stop - start
    assert run("compare", part, source, "--frames", typed, "--quiet")[0] == 0
    whole = tmp_path / "whole.lam"
    assert run("encode", source, whole, "--quiet")[0] == 0
    assert run("decode", whole, tmp_path / "out", "--frames", typed, "--quiet")[0] == 0
    assert len(list((tmp_path / "out").iterdir())) == stop - start
    written = open_clip(tmp_path / "out")
    first = next(open_clip(source).frames(start, stop))
    assert abs(int(next(written.frames())[0, 0, 0]) - int(first[0, 0, 0])) <= 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("3s:1s", "lasts no time"),
        ("1x:2s", "expected frames, such as 10:20, or times"),
        ("1.5:2s", "expected frames, such as 10:20, or times"),
        ("1s:2", "expected frames, such as 10:20, or times"),
    ],
)
def test_ranges_that_cannot_be_are_refused(typed: str, said: str, run, clip: Path, tmp_path: Path) -> None:
    status, _, errors = run("encode", clip, tmp_path / "a.lam", "--frames", typed)
    assert (status, said in errors) == (2, True)


def test_times_beyond_the_end_are_refused_with_how_long_it_lasts(run, clip: Path, photo: Path, tmp_path: Path) -> None:
    status, _, errors = run("encode", clip, tmp_path / "a.lam", "--frames", "2s:3s", "--quiet")
    assert (status, "no frames in 2s:3s; the clip lasts 0.40 s" in errors) == (1, True)
    assert run("encode", clip, tmp_path / "a.lam", "--quiet")[0] == 0
    status, _, errors = run("decode", tmp_path / "a.lam", tmp_path / "a.mp4", "--frames", "2s:", "--quiet")
    assert (status, "no frame begins in 2s:; it lasts 0.40 s and has 10 frames" in errors) == (1, True)
    assert run("encode", photo, tmp_path / "b.lam", "--quiet")[0] == 0
    status, _, errors = run("decode", tmp_path / "b.lam", tmp_path / "b.png", "--frames", "1s:2s", "--quiet")
    assert (status, "it stands still" in errors) == (1, True)


def test_parts_of_variable_rates_keep_their_times(run, tmp_path: Path) -> None:
    animation(tmp_path / "a.webp")
    assert run("encode", tmp_path / "a.webp", tmp_path / "a.lam", "--frames", "0.05s:0.35s", "--quiet")[0] == 0
    with lamina.open(tmp_path / "a.lam") as media:
        assert media.times_s == (0.0, 0.2, 0.23)
        assert media.duration_s == 1.73
        assert media.frames_in(TimeSpan(Fraction(1, 5), None)) == (1, None)
    assert run("decode", tmp_path / "a.lam", tmp_path / "a.mp4", "--frames", "1:3", "--quiet")[0] == 0
    assert np.allclose(starts_s(tmp_path / "a.mp4"), [0, 0.03])
    assert duration_s(tmp_path / "a.mp4") == pytest.approx(1.53, abs=1e-6)


def test_compare_pairs_by_time_what_has_another_rate(run, clip: Path, tmp_path: Path) -> None:
    assert run("encode", clip, tmp_path / "a.lam", "--quiet")[0] == 0
    twice = tmp_path / "twice.y4m"
    with ClipWriter(twice, 56, 40, 50) as writer:
        for frame in open_clip(clip):
            writer.write(frame)
            writer.write(255 - frame)
    status, _, warned = run("compare", tmp_path / "a.lam", twice, "--quiet")
    assert status == 0
    assert "20 frames are paired by time with the file's 10" in warned
    levels = json.loads(run("compare", tmp_path / "a.lam", twice, "--json", "--quiet")[1])["levels"]
    assert levels[-1]["psnr"] > 60
    status, _, warned = run("compare", tmp_path / "a.lam", clip, "--fps", "5", "--quiet")
    assert (status, "lasts 2.00 s, the file 0.40 s: frames are paired by their numbers" in warned) == (0, True)
    status, _, errors = run("compare", tmp_path / "a.lam", twice, "--fps", "5", "--quiet")
    assert (status, "20 frames, the file has 10" in errors) == (1, True)
