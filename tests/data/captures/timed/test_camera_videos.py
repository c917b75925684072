# SPDX-License-Identifier: Apache-2.0
"""Videos of cameras: any frame in any order is the one that decoding from the start gives; damage and gaps are told."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_captures import HEIGHT, NAMES, WIDTH, drawn, ring, save, write_colmap

from lamina.data import open_clip
from lamina.data.captures import read_timed_capture
from lamina.data.captures.timed.video_index import dropped_frame, index_of
from lamina.errors import SignalError

COUNT = 23


def write_coded(
    path: Path, camera: int, times: list[int] | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> None:
    """H.264 as cameras write it: groups of 6 frames, B-frames, 4:2:0; `times` in thirtieths of a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"g": "6", "bf": "3", "crf": "16"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 30)
        for number, time in enumerate(times or range(COUNT)):
            pixels = drawn(ring()[camera], number)[0][: size[1], : size[0]]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        write_coded(tmp_path / f"{name}.mp4", number)
    write_colmap(tmp_path / "sparse" / "0", [f"{name}.png" for name in NAMES])
    return tmp_path


def test_any_frame_in_any_order_is_that_of_a_decoder_from_the_start(rig: Path) -> None:
    expected = list(open_clip(rig / "cam02.mp4"))
    capture = read_timed_capture(rig, cache_bytes=0)
    assert (capture.frame_count, len(expected), capture.frames_per_second) == (COUNT, COUNT, 30)
    orders = [*range(COUNT), 0, 22, 5, 6, 7, 3, 17, 11, 12, 2, 2, *reversed(range(COUNT)), 13, 20]
    for frame in orders:
        assert np.array_equal(capture.pixels(frame, 2), expected[frame]), frame
    for frame in (0, 9):
        assert np.abs(capture.pixels(frame, 2).astype(float) - drawn(ring()[2], frame)[0]).mean() < 3


def test_reading_all_cameras_in_order_decodes_each_frame_once(rig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lamina.data.captures.timed import video_track

    begun: list[Path] = []
    opened = video_track.opened_video

    def counted(path: Path):
        begun.append(path)
        return opened(path)

    monkeypatch.setattr(video_track, "opened_video", counted)
    capture = read_timed_capture(rig)
    begun.clear()
    for frame in range(COUNT):
        for view in (3, 0, 4, 1, 2, 0, 3):
            capture.pixels(frame, view)
    # The background was looked for in the first frame, with decoders that stand there still.
    assert len(begun) <= 5


def test_several_threads_may_ask(rig: Path) -> None:
    expected = list(open_clip(rig / "cam01.mp4"))
    capture = read_timed_capture(rig, cache_bytes=0)
    wrong: list[int] = []

    def sweep(order: int) -> None:
        wrong.extend(
            frame for frame in range(COUNT)[::order] if not np.array_equal(capture.pixels(frame, 1), expected[frame])
        )

    threads = [threading.Thread(target=sweep, args=(order,)) for order in (1, -1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_index_is_what_decoding_finds(rig: Path) -> None:
    index = index_of(rig / "cam00.mp4")
    assert (index.count, index.frames_per_second, len(index.keys)) == (COUNT, 30, 4)
    assert [index.key_before(frame) for frame in (0, 5, 6, 22)] == [index.times[frame] for frame in (0, 0, 6, 18)]
    assert dropped_frame(index) is None


def test_a_dropped_frame_is_told_unless_a_rate_is_given(rig: Path) -> None:
    write_coded(rig / "cam03.mp4", 3, [*range(10), *range(11, 24)])
    with pytest.raises(SignalError, match=r"cam03\.mp4: frame 10 comes later than frames do: one was dropped.*ffmpeg"):
        read_timed_capture(rig)
    assert read_timed_capture(rig, frames_per_second=30).frame_count == COUNT


def test_a_late_start_is_noted(rig: Path) -> None:
    write_coded(rig / "cam03.mp4", 3, list(range(40, 40 + COUNT)))
    notes = read_timed_capture(rig).notes
    assert notes[0] == "cam03 begins 40.0 frames after cam00, by their files: paired by number all the same"
    assert index_of(rig / "cam03.mp4").start_s == pytest.approx(40 / 30, abs=0.001)


def test_damage_names_the_frame_and_leaves_those_before(rig: Path) -> None:
    path = rig / "cam01.mp4"
    data = bytearray(path.read_bytes())
    start = data.find(b"mdat") + len(data[: data.find(b"mdat")]) // 2
    expected = list(open_clip(path))
    middle = start + (len(data) - start) // 2
    data[middle : middle + 200] = bytes(200)
    path.write_bytes(bytes(data))
    capture = read_timed_capture(rig)
    told = ""
    for frame in range(COUNT):
        try:
            pixels = capture.pixels(frame, 1)
        except SignalError as error:
            told = str(error)
            break
        assert np.array_equal(pixels, expected[frame]), "concealed damage is no frame"
    assert "cam01.mp4" in told
    assert "damaged" in told


def test_cut_off_and_empty_files_are_told(rig: Path) -> None:
    path = rig / "cam01.mp4"
    path.write_bytes(path.read_bytes()[:-600])
    with pytest.raises(SignalError, match=r"cam01\.mp4: not a video file that libav reads"):
        read_timed_capture(rig)
    path.write_bytes(b"")
    with pytest.raises(SignalError, match=r"cam01\.mp4: not a video file"):
        read_timed_capture(rig)


def test_a_video_of_another_shape_than_its_camera_is_told(rig: Path) -> None:
    write_coded(rig / "cam01.mp4", 1, size=(WIDTH, 32))
    with pytest.raises(SignalError, match=r"cam01\.mp4: the picture is 96x32, but its camera is for 96x64"):
        read_timed_capture(rig)


def test_two_videos_of_one_camera_are_told(rig: Path) -> None:
    write_coded(rig / "cam01.mkv", 1)
    with pytest.raises(SignalError, match=r"cam01\.mkv and cam01\.mp4 are of one camera; expected one of them"):
        read_timed_capture(rig)


def test_videos_in_other_containers_are_read(rig: Path) -> None:
    (rig / "cam01.mp4").unlink()
    write_coded(rig / "cam01.mkv", 1)
    expected = list(open_clip(rig / "cam01.mkv"))
    capture = read_timed_capture(rig, cache_bytes=0)
    for frame in (0, 21, 8, 9, 4):
        assert np.array_equal(capture.pixels(frame, 1), expected[frame])


def test_masks_of_videos_are_numbered_pictures(rig: Path) -> None:
    for frame in range(COUNT):
        save(rig / "masks" / "cam02" / f"{frame + 1:04d}.png", drawn(ring()[2], frame)[1].astype(np.uint8) * 255)
    capture = read_timed_capture(rig)
    assert np.array_equal(capture.mask(4, 2), drawn(ring()[2], 4)[1])
    assert capture.mask(4, 1) is None
