# SPDX-License-Identifier: Apache-2.0
"""The demo's capture is one that our reader takes, small, and its cameras belong to its pictures."""

from pathlib import Path

import numpy as np
import pytest

from lamina.data.captures import Capture, read_capture

FOLDER = Path(__file__).parents[2] / "demo" / "scene"


@pytest.fixture(scope="module")
def capture() -> Capture:
    return read_capture(FOLDER)


def test_views_and_split(capture: Capture) -> None:
    assert len(capture) == 40
    assert capture.test == (0, 8, 16, 24, 32)
    assert all((view.camera.width, view.camera.height) == (320, 240) for view in capture.views)


def test_it_is_small_and_credited() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 1_400_000
    assert "Stephane Agullo" in (FOLDER / "NOTICE.md").read_text()
    assert "Stephane Agullo" in (FOLDER.parents[1] / "NOTICE").read_text()


def test_cameras_see_the_points_where_the_pictures_show_something(capture: Capture) -> None:
    """Points are on the ground and the robot, around which all is white: a wrong axis or pose puts them there."""
    assert len(capture.points) > 2000
    for number in range(0, 40, 3):
        camera, pixels = capture.views[number].camera, capture.pixels(number)
        found, depths = camera.project(capture.points)
        column, row = np.floor(found).astype(int).T
        inside = (depths > 0) & (column >= 0) & (column < camera.width) & (row >= 0) & (row < camera.height)
        assert inside.mean() > 0.7
        shown = pixels[row[inside], column[inside]]
        assert (shown.min(axis=1) < 250).mean() > 0.97
        mirrored = pixels[row[inside], camera.width - 1 - column[inside]]
        assert (shown.min(axis=1) < 250).sum() >= (mirrored.min(axis=1) < 250).sum()
