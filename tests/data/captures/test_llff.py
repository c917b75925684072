# SPDX-License-Identifier: Apache-2.0
"""poses_bounds.npy with pictures beside it."""

from pathlib import Path

import numpy as np
import pytest
from written_models import Written, write_binary

from lamina.data import write_image
from lamina.data.captures import is_capture, read_capture
from lamina.errors import SignalError


def write_llff(folder: Path, photo: np.ndarray, count: int = 3, pictures: str = "images_4") -> np.ndarray:
    """Cameras in a row along x that look along +z of the world, y down."""
    rows = np.zeros((count, 17))
    for number in range(count):
        down, right, back = (0, 1, 0), (1, 0, 0), (0, 0, -1)
        position, size = (0.5 * number, 0.0, -2.0), (256.0, 384.0, 320.0)
        rows[number, :15] = np.stack([down, right, back, position, size], axis=1).reshape(-1)
        rows[number, 15:] = 2.0, 9.0
        path = folder / pictures / f"image{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, photo)
    np.save(folder / "poses_bounds.npy", rows)
    return rows


def test_llffs_axes_become_opencvs(tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    assert is_capture(tmp_path)
    capture = read_capture(tmp_path)
    camera = capture.views[1].camera
    assert np.allclose(camera.position_world, (0.5, 0.0, -2.0))
    pixels, depths = camera.project(np.array([[0.5, 0.0, 2.0], [1.0, 0.25, 2.0]]))
    assert np.allclose(depths, 4.0)
    assert np.allclose(pixels, [[48, 32], [48 + 80 * 0.125, 32 + 80 * 0.0625]])
    assert (camera.width, camera.height, camera.focal_x_px) == (96, 64, 80.0)
    assert (capture.test, capture.points.shape) == ((0,), (0, 3))


def test_the_nearest_and_the_farthest_depth_are_kept_where_they_are_depths(tmp_path: Path, photo: np.ndarray) -> None:
    rows = write_llff(tmp_path, photo)
    rows[1, 15:] = 1.5, 12.0
    np.save(tmp_path / "poses_bounds.npy", rows)
    assert read_capture(tmp_path).depth_bounds == (1.5, 12.0)
    rows[2, 15] = 0.0
    np.save(tmp_path / "poses_bounds.npy", rows)
    assert read_capture(tmp_path).depth_bounds is None


def test_points_and_distortion_of_the_model_beside_it_are_used(tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    content = Written("SIMPLE_RADIAL", (320.0, 192.0, 128.0, -0.2), 384, 256)
    write_binary(tmp_path / "sparse" / "0", content)
    (tmp_path / "sparse" / "0" / "images.bin").unlink()
    capture = read_capture(tmp_path)
    assert np.array_equal(capture.points, content.points)
    assert capture.views[0].camera.focal_x_px < 78
    assert not np.array_equal(capture.pixels(0), photo)
    other = Written("SIMPLE_RADIAL", (300.0, 192.0, 128.0, -0.2), 384, 256)
    write_binary(tmp_path / "sparse" / "0", other)
    (tmp_path / "sparse" / "0" / "images.bin").unlink()
    capture = read_capture(tmp_path)
    assert capture.views[0].camera.focal_x_px == 80.0
    assert capture.notes == ("the camera in 0/ is not that of poses_bounds.npy: not used",)


def test_renamed_copies_without_originals_belong_to_poses_in_order(tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    content = Written("SIMPLE_PINHOLE", (320.0, 192.0, 128.0), 384, 256)
    write_binary(tmp_path / "sparse" / "0", content)
    capture = read_capture(tmp_path)
    assert np.allclose(capture.views[1].camera.position_world, (0.5, 0.0, -2.0))
    assert capture.notes == (
        "the model's pictures are not there: those that are belong to poses_bounds.npy, in order of their names",
    )


def test_another_number_of_pictures_is_told(tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    (tmp_path / "images_4" / "image001.png").unlink()
    with pytest.raises(SignalError, match=r"2 pictures, but poses_bounds\.npy has 3 poses; expected one for each"):
        read_capture(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({0: np.nan}, r"row 0 is not finite"),
        ({0: 0.5}, r"row 0 \(image000\.png\): its first three columns are no rotation"),
        ({14: 0.0}, r"row 0 \(image000\.png\): focal lengths 0\.0"),
        ({4: 1000.0}, r"image000\.png: the picture is 96x64, but its camera is for 384x1000"),
    ],
)
def test_rows_that_are_no_camera_are_told(row: dict, message: str, tmp_path: Path, photo: np.ndarray) -> None:
    rows = write_llff(tmp_path, photo)
    for column, value in row.items():
        rows[0, column] = value
    np.save(tmp_path / "poses_bounds.npy", rows)
    with pytest.raises(SignalError, match=message):
        read_capture(tmp_path)


@pytest.mark.parametrize("length", [0, 5, 64, 90, 200])
def test_cut_off_arrays_are_told(length: int, tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    path = tmp_path / "poses_bounds.npy"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SignalError, match=r"poses_bounds\.npy: not a NumPy array"):
        read_capture(tmp_path)


def test_arrays_of_other_shapes_and_pickles_are_refused(tmp_path: Path, photo: np.ndarray) -> None:
    write_llff(tmp_path, photo)
    np.save(tmp_path / "poses_bounds.npy", np.zeros((3, 14)))
    with pytest.raises(SignalError, match=r"float64 \(3, 14\); expected floats of shape \(views, 17\)"):
        read_capture(tmp_path)
    np.save(tmp_path / "poses_bounds.npy", np.array([{"a": 1}], dtype=object))
    with pytest.raises(SignalError, match=r"not a NumPy array"):
        read_capture(tmp_path)
    header = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 17), }"
    (tmp_path / "poses_bounds.npy").write_bytes(header.ljust(127) + b"\n")
    with pytest.raises(SignalError, match=r"not a NumPy array"):
        read_capture(tmp_path)
