# SPDX-License-Identifier: Apache-2.0
"""The demo's timed capture is one that our reader takes, small, credited, and moves where it should."""

from pathlib import Path

import numpy as np
import pytest

from lamina.data.captures.timed import TimedCapture, read_timed_capture

FOLDER = Path(__file__).parents[2] / "demo" / "freeview"


@pytest.fixture(scope="module")
def capture() -> TimedCapture:
    return read_timed_capture(FOLDER, background=(255, 255, 255))


def test_cameras_frames_and_split(capture: TimedCapture) -> None:
    assert len(capture) == 16
    assert capture.test == (0, 8)
    assert (capture.frame_count, capture.frames_per_second) == (30, 15)
    assert all((view.camera.width, view.camera.height) == (240, 160) for view in capture.views)


def test_it_is_small_and_credited() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_500_000
    assert "Stephane Agullo" in (FOLDER / "NOTICE.md").read_text()
    assert "demo/freeview/" in (FOLDER.parents[1] / "NOTICE").read_text()


def test_cameras_see_the_points_where_the_pictures_show_something(capture: TimedCapture) -> None:
    assert len(capture.points) > 2000
    for number in (1, 6, 11):
        camera, pixels = capture.views[number].camera, capture.pixels(0, number)
        found, depths = camera.project(capture.points)
        column, row = np.floor(found).astype(int).T
        inside = (depths > 0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        assert inside.mean() > 0.7
        assert (pixels[row[inside], column[inside]].min(axis=1) < 250).mean() > 0.97


def test_the_robot_moves_and_the_ground_does_not(capture: TimedCapture) -> None:
    for number in (3, 9):
        first, later = (capture.pixels(frame, number).astype(int) for frame in (0, 12))
        moved = np.abs(first - later).max(axis=2) > 40
        assert moved[:80].mean() > 0.02
        assert moved[-24:].mean() < 0.005
