# SPDX-License-Identifier: Apache-2.0
"""The capture itself: split, extent, pixels kept within a bound."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from written_models import WrittenImage, write_capture, written

from lamina.data.captures import Capture, is_capture, read_capture
from lamina.data.captures.capture import PixelCache, held_out
from lamina.errors import SignalError


def test_cache_keeps_what_is_in_and_stays_within_its_bound() -> None:
    decoded: list[int] = []

    def decode(number: int) -> np.ndarray:
        decoded.append(number)
        return np.full((10, 10, 3), number, np.uint8)

    cache = PixelCache(decode, 2 * 300 + 299)
    for _ in range(3):
        for number in range(5):
            assert cache(number)[0, 0, 0] == number
            assert cache.size_bytes <= 3 * 300
    # A sweep finds the first two and decodes the other three.
    assert decoded == [0, 1, 2, 3, 4, 2, 3, 4, 2, 3, 4]
    assert cache(4) is cache(4)
    assert len(decoded) == 11
    with pytest.raises(ValueError, match="read-only"):
        cache(0)[0, 0, 0] = 1


def test_cache_of_nothing_keeps_the_last_view_only() -> None:
    cache = PixelCache(lambda number: np.full((2, 2, 3), number, np.uint8), 0)
    assert cache(1) is cache(1)
    assert cache(2) is not cache(1)
    assert cache.size_bytes == 12


def test_cache_serves_threads() -> None:
    cache = PixelCache(lambda number: np.full((4, 4, 3), number, np.uint8), 10 * 48)
    wrong: list[int] = []

    def sweep() -> None:
        wrong.extend(number for number in range(30) if (cache(number) != number).any())

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.size_bytes <= 11 * 48


@pytest.mark.parametrize(
    ("names", "every", "expected"),
    [
        ([f"{n:03d}.jpg" for n in range(20)], 8, (0, 8, 16)),
        (["a", "b"], 8, (0,)),
        (["a", "b", "c"], 0, ()),
        ([f"cam{n:02d}.png" for n in range(21)], 8, (0,)),
        ([f"cam{n:02d}.png" for n in range(1, 21)], 8, (0, 8, 16)),
        (["camera_1.png", "camera_2.png", "camera_3.png"], 2, (0, 2)),
    ],
)
def test_every_eighth_view_is_held_out_and_the_first_camera_of_a_rig(names: list, every: int, expected: tuple) -> None:
    assert held_out(names, every) == expected


@pytest.mark.parametrize("every", [1, -8])
def test_held_out_rejects_what_leaves_nothing(every: int) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        held_out(["a", "b"], every)


def test_extent_is_of_the_training_cameras(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    places = ((-100.0, 0, 0), (1.0, 0, 0), (-1.0, 0, 0))
    content.images = [WrittenImage(f"{n}.png", (1, 0, 0, 0), place) for n, place in enumerate(places)]
    capture = read_capture(write_capture(tmp_path, content, photo))
    assert capture.test == (0,)
    assert capture.camera_extent == pytest.approx(1.1)


def test_a_camera_that_stands_still_has_an_extent_by_what_it_sees(tmp_path: Path, photo: np.ndarray) -> None:
    capture = read_capture(write_capture(tmp_path, written("PINHOLE"), photo))
    points = np.array([[0.0, 0, 5], [0, 0, 8], [0, 1, 30]])
    alone = replace(capture, train=capture.train[:1], points=points, point_colors=np.zeros((3, 3), np.uint8))
    place = alone.views[alone.train[0]].camera.position_world
    middle = np.median(np.linalg.norm(points - place, axis=1))
    assert alone.camera_extent == pytest.approx(0.05 * middle)
    empty = np.zeros((0, 3))
    assert replace(alone, points=empty, point_colors=empty.astype(np.uint8)).camera_extent == 1.0


def test_transposed_pictures_are_turned_where_their_camera_is_turned(tmp_path: Path, photo: np.ndarray) -> None:
    content = written("PINHOLE")
    content.width, content.height, content.parameters = 32, 48, (50.0, 50.0, 16.0, 24.0)
    write_capture(tmp_path, content, np.ascontiguousarray(photo.transpose(1, 0, 2)))
    turned = np.ascontiguousarray(photo[:32, :48])
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(turned).save(tmp_path / "images" / "b.png", exif=exif)
    pixels = read_capture(tmp_path).pixels(1)
    assert np.array_equal(pixels, np.rot90(turned, -1))


@pytest.mark.parametrize("scale", [0, 1.5, -1])
def test_read_capture_rejects_scales(scale: float, tmp_path: Path, photo: np.ndarray) -> None:
    write_capture(tmp_path, written("PINHOLE"), photo)
    with pytest.raises(ValueError, match="expected a scale"):
        read_capture(tmp_path, scale=scale)


def test_folders_without_poses_are_no_captures(tmp_path: Path) -> None:
    assert not is_capture(tmp_path)
    assert not is_capture(tmp_path / "nothing")
    with pytest.raises(
        SignalError, match=r"no capture; expected a folder with a COLMAP model .*reconstruct them first"
    ):
        read_capture(tmp_path)
    with pytest.raises(SignalError, match=r"no such folder"):
        read_capture(tmp_path / "nothing")


def test_captures_reject_splits_that_overlap(tmp_path: Path, photo: np.ndarray) -> None:
    capture = read_capture(write_capture(tmp_path, written("PINHOLE"), photo))
    with pytest.raises(IndexError, match="view 3 of 3"):
        capture.pixels(3)
    for train, test in (((0, 1), (1, 2)), ((0, 1), (7,))):
        with pytest.raises(ValueError, match="apart"):
            Capture("x", capture.views, train, test, capture.points, capture.point_colors, (0, 0, 0), capture.load)
