# SPDX-License-Identifier: Apache-2.0
"""Lenses and their inverse; pictures through them."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lamina.data import write_image
from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import Lens, check_lens
from lamina.data.captures.photographs import Photograph, decoder, view_of
from lamina.data.captures.undistort import undistort
from lamina.errors import SignalError

BARREL = Lens(96, 64, 90.0, 88.0, 47.0, 33.0, Distortion((-0.2, 0.05, 0.0, 0.0), (0.002, -0.001)))
PINCUSHION = Lens(96, 64, 90.0, 90.0, 48.0, 32.0, Distortion((0.15, 0.1, 0.02, 0.01)))


def grid(lens: Lens) -> np.ndarray:
    """Pixel centres on the plane at depth 1."""
    rows, columns = np.mgrid[: lens.height, : lens.width] + 0.5
    return np.stack([(columns - lens.center_x_px) / lens.focal_x_px, (rows - lens.center_y_px) / lens.focal_y_px], -1)


@pytest.mark.parametrize("lens", [BARREL, PINCUSHION])
def test_undistort_is_the_inverse_of_distort(lens: Lens) -> None:
    plane = grid(lens).reshape(-1, 2)
    assert np.allclose(lens.distortion.undone(lens.distortion.of(plane)), plane, atol=1e-9)


def test_distort_is_opencvs_model_in_its_own_words() -> None:
    x, y = 0.3, -0.2
    square = x * x + y * y
    radial = 1 - 0.2 * square + 0.05 * square**2
    expected = [
        x * radial + 2 * 0.002 * x * y - 0.001 * (square + 2 * x * x),
        y * radial + 0.002 * (square + 2 * y * y) - 2 * 0.001 * x * y,
    ]
    assert np.allclose(BARREL.distortion.of(np.array([[x, y]])), [expected], atol=1e-15)


@pytest.mark.parametrize("lens", [BARREL, PINCUSHION])
def test_every_pixel_of_the_pinhole_has_a_source(lens: Lens) -> None:
    pinhole = lens.undistorted()
    assert not pinhole.distorts()
    assert (pinhole.width, pinhole.height) == (96, 64)
    seen = lens.distortion.of(grid(pinhole).reshape(-1, 2)) * (lens.focal_x_px, lens.focal_y_px)
    seen += (lens.center_x_px, lens.center_y_px)
    assert seen.min() >= 0
    assert (seen.max(axis=0) <= (96, 64)).all()
    # The frame touches the border: nothing is thrown away that an upright rectangle could keep.
    assert min(seen.min(), *((96, 64) - seen.max(axis=0))) < 1.0


@pytest.mark.parametrize("lens", [BARREL, PINCUSHION])
def test_a_ramp_comes_out_where_the_lens_says(lens: Lens) -> None:
    rows, columns = np.mgrid[:64, :96]
    ramp = np.stack([2 * columns, 3 * rows, 128 + 0 * rows], axis=-1).astype(np.uint8)
    pinhole = lens.undistorted()
    out = undistort(ramp, lens, pinhole).astype(float)
    seen = lens.distortion.of(grid(pinhole).reshape(-1, 2)).reshape(64, 96, 2) * (lens.focal_x_px, lens.focal_y_px)
    seen += (lens.center_x_px - 0.5, lens.center_y_px - 0.5)
    inner = (slice(3, -3), slice(3, -3))
    # Cubics keep ramps exactly: what is left is rounding to 8 bits.
    assert np.abs(out[inner][..., 0] - 2 * seen[inner][..., 0]).max() <= 0.51
    assert np.abs(out[inner][..., 1] - 3 * seen[inner][..., 1]).max() <= 0.51
    assert (out[..., 2] == 128).all()


def test_a_pinhole_gives_the_same_pixels(photo: np.ndarray) -> None:
    lens = Lens(96, 64, 80.0, 80.0, 48.0, 32.0)
    assert np.array_equal(undistort(photo, lens, lens), photo)


def test_half_a_pixel_costs_less_sharpness_than_averaging_neighbours(photo: np.ndarray) -> None:
    lens = Lens(96, 64, 80.0, 80.0, 48.0, 32.0)
    moved = undistort(photo, lens, Lens(96, 64, 80.0, 80.0, 47.5, 32.0))[:, 2:-3].astype(float)
    averaged = (photo[:, 2:-3].astype(float) + photo[:, 3:-2]) / 2

    def detail(pixels: np.ndarray) -> float:
        return float(np.square(np.diff(pixels, axis=1)).mean())

    assert detail(moved) > 1.2 * detail(averaged)
    assert np.abs(moved - averaged).mean() < 3.0


def test_a_strong_barrel_does_not_alias(tmp_path: Path) -> None:
    lens = Lens(96, 64, 58.0, 58.0, 48.0, 32.0, Distortion((-0.25, 0.08, 0.0, 0.0)))
    assert lens.undistorted().focal_x_px < 0.85 * 58
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    write_image(tmp_path / "a.png", stripes)
    photograph = Photograph("a", tmp_path / "a.png", lens, np.eye(4))
    averaged = decoder([photograph], Fraction(1), (0, 0, 0))(0)
    skipping = undistort(stripes, lens, lens.undistorted())
    camera = view_of(photograph, Fraction(1)).camera
    assert averaged.shape == skipping.shape == (camera.height, camera.width, 3)
    middle = (slice(24, 40), slice(32, 64))
    assert abs(averaged[middle].mean() - 100) < 3
    assert averaged[middle].std() < 0.7 * skipping[middle].std()


def test_undistort_rejects_a_picture_of_another_size(photo: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected a picture of"):
        undistort(photo[:-1], BARREL, BARREL.undistorted())


def test_distortion_of_less_than_a_hundredth_of_a_pixel_is_none() -> None:
    assert not Lens(96, 64, 90.0, 90.0, 48.0, 32.0, Distortion((1e-5, 0.0, 0.0, 0.0))).distorts()
    assert Lens(96, 64, 90.0, 90.0, 48.0, 32.0, Distortion((1e-3, 0.0, 0.0, 0.0))).distorts()


def test_resized_lenses_distort_alike() -> None:
    half = BARREL.resized(48, 32)
    assert (half.focal_x_px, half.center_y_px, half.distortion) == (45.0, 16.5, BARREL.distortion)


@pytest.mark.parametrize("k1", [-5.0, 1e30, -1e200])
def test_coefficients_that_fold_the_picture_are_refused(k1: float) -> None:
    with pytest.raises(SignalError, match="folds a picture of 96x64"):
        Lens(96, 64, 90.0, 90.0, 48.0, 32.0, Distortion((k1, 0.0, 0.0, 0.0))).undistorted()


@pytest.mark.parametrize(
    ("lens", "message"),
    [
        (Lens(0, 64, 90.0, 90.0, 48.0, 32.0), r"size 0x64; expected 1\.\.\.65536"),
        (Lens(1 << 20, 64, 90.0, 90.0, 48.0, 32.0), r"size 1048576x64"),
        (Lens(96, 64, float("nan"), 90.0, 48.0, 32.0), r"focal lengths nan"),
        (Lens(96, 64, 90.0, 90.0, float("inf"), 32.0), r"principal point or distortion"),
    ],
)
def test_lenses_that_no_camera_has_are_refused(lens: Lens, message: str) -> None:
    with pytest.raises(SignalError, match=f"camera 3: {message}"):
        check_lens(lens, "camera 3")
