# SPDX-License-Identifier: Apache-2.0
"""Folders that are still being written: frames are waited for, whole; an end, a gap and damage are told."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_captures import (
    NAMES,
    drawn,
    ring,
    write_colmap,
    write_folders,
    write_frame_folders,
    write_panoptic,
    write_videos,
)

from lamina.data.captures import TimedCapture, read_timed_capture
from lamina.data.captures.timed import Arrival
from lamina.errors import SignalError


def never() -> bool:
    return False


def folders(root: Path, frames: range) -> Path:
    write_colmap(root / "sparse" / "0", [f"{name}.png" for name in NAMES])
    return write_folders(root, frames)


def frame_path(root: Path, camera: int, frame: int) -> Path:
    """Of any of the layouts."""
    name = NAMES[camera]
    panoptic = root / "ims" / str(int(name[3:])) / f"{frame:06d}.jpg"
    if panoptic.parent.is_dir():
        return panoptic
    folder = root / f"frame{frame:06d}"
    return folder / "images" / f"{name}.png" if folder.is_dir() else root / name / f"{frame:06d}.png"


LAYOUTS = {"folders": folders, "frames": write_frame_folders, "panoptic": write_panoptic}


@pytest.fixture(params=list(LAYOUTS))
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Six frames, whole, of which tests copy some."""
    return LAYOUTS[request.param](tmp_path / "recorded", range(6))


def growing(recorded: Path) -> Path:
    """Its first frame only."""
    root = recorded.parent / "growing"
    shutil.copytree(recorded, root)
    for frame in range(1, 6):
        for path in [*root.rglob(f"*{frame:06d}*")]:
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
    return root


def record(recorded: Path, root: Path, frame: int) -> None:
    """Copy a frame's pictures and masks."""
    for path in sorted(recorded.rglob(f"*{frame:06d}*")):
        if path.is_dir():
            shutil.copytree(path, root / path.relative_to(recorded))
        elif not (root / path.relative_to(recorded)).exists():
            shutil.copyfile(path, root / path.relative_to(recorded))


def test_frames_are_read_as_they_come(recorded: Path) -> None:
    root = growing(recorded)
    capture = read_timed_capture(root, follow=True)
    assert (capture.frame_count, len(capture), len(capture.test)) == (None, 5, 1)
    assert capture.wait_for(0, never)
    assert [look.frame for look in capture.looks()] == [0]

    def camera() -> None:
        for frame in range(1, 6):
            time.sleep(0.05)
            record(recorded, root, frame)
        (root / "capture.ended").touch()

    writer = threading.Thread(target=camera)
    writer.start()
    frame, seen = 0, []
    whole = read_timed_capture(recorded)
    while capture.wait_for(frame, never):
        seen.append(frame)
        for view in range(5):
            assert np.array_equal(capture.pixels(frame, view), whole.pixels(frame, view))
            masks = capture.mask(frame, view), whole.mask(frame, view)
            assert (masks[0] is None) == (masks[1] is None)
            assert masks[0] is None or np.array_equal(masks[0], masks[1])
        frame += 1
    writer.join()
    assert seen == list(range(6))
    assert [look.frame for look in capture.looks()] == list(range(6))
    assert capture.fingerprint() == read_timed_capture(root, follow=True).fingerprint()


def test_a_picture_that_is_half_written_is_waited_for(recorded: Path) -> None:
    root = growing(recorded)
    capture = read_timed_capture(root, follow=True)
    record(recorded, root, 1)
    path = frame_path(root, 3, 1)
    data = path.read_bytes()
    for length in (0, 1, 100, len(data) // 2, len(data) - 60):
        path.write_bytes(data[:length])
        assert capture.arrival is not None
        assert capture.arrival(1) is Arrival.COMING, length
    path.write_bytes(data)
    assert capture.wait_for(1, never)


def test_waiting_stops_when_it_is_told_to(recorded: Path) -> None:
    capture = read_timed_capture(growing(recorded), follow=True)
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 3

    assert not capture.wait_for(1, should_stop)
    assert len(asked) == 4


def test_a_frame_that_was_passed_over_is_told(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.captures.timed.growing.PATIENCE_S", 0.2)
    root = growing(recorded)
    capture = read_timed_capture(root, follow=True)
    for frame in (1, 2, 3):
        record(recorded, root, frame)
    frame_path(root, 2, 1).unlink()
    began_s = time.monotonic()
    with pytest.raises(SignalError, match=r"missing; later pictures of the camera are there: frame 1 will not come"):
        capture.wait_for(1, never)
    assert time.monotonic() - began_s >= 0.2


def test_a_picture_that_stays_damaged_is_told(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamina.data.captures.timed.growing.PATIENCE_S", 0.1)
    root = growing(recorded)
    capture = read_timed_capture(root, follow=True)
    record(recorded, root, 1)
    record(recorded, root, 2)
    path = frame_path(root, 1, 1)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SignalError, match=r"damaged or unreadable picture.*; later pictures of the camera are there"):
        capture.wait_for(1, never)


def test_ranges_of_a_growing_capture_end_where_they_say(recorded: Path) -> None:
    root = growing(recorded)
    for frame in (1, 2, 3):
        record(recorded, root, frame)
    capture = read_timed_capture(root, follow=True, frames=(1, 3))
    assert (capture.frame_count, capture.first_frame) == (None, 1)
    assert [capture.wait_for(frame, never) for frame in range(3)] == [True, True, False]
    assert np.array_equal(capture.pixels(1, 2), read_timed_capture(recorded).pixels(2, 2))
    with pytest.raises(SignalError, match=r"frames 3:2 are not all there: the capture is still being written"):
        capture.cut(3, 2)


def test_the_first_frame_must_be_there(recorded: Path) -> None:
    root = growing(recorded)
    path = frame_path(root, 4, 0)
    path.unlink()
    with pytest.raises(
        SignalError, match=r"not there yet|pictures in the model are missing|1 of 5 poses are of no camera"
    ):
        read_timed_capture(root, follow=True)


def test_masks_that_come_late_are_waited_for(tmp_path: Path) -> None:
    root = write_panoptic(tmp_path, range(3))
    late = root / "seg" / "1" / "000001.png"
    data = late.read_bytes()
    late.unlink()
    capture = read_timed_capture(root, follow=True)
    assert capture.arrival is not None
    assert capture.arrival(1) is Arrival.COMING
    late.write_bytes(data)
    assert capture.wait_for(1, never)
    assert np.array_equal(capture.mask(1, 1), drawn(ring()[1], 1)[1])


def test_videos_cannot_be_followed(tmp_path: Path) -> None:
    write_colmap(write_videos(tmp_path, 2) / "sparse", [f"{name}.png" for name in NAMES])
    with pytest.raises(SignalError, match="videos cannot be followed while they are written; expected a picture file"):
        read_timed_capture(tmp_path, follow=True)


def test_complete_captures_do_not_wait(tmp_path: Path) -> None:
    capture: TimedCapture = read_timed_capture(folders(tmp_path, range(2)))
    stops: Callable[[], bool] = pytest.fail
    assert [capture.wait_for(frame, stops) for frame in range(4)] == [True, True, False, False]
    with pytest.raises(IndexError):
        capture.wait_for(-1, never)
