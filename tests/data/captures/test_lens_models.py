# SPDX-License-Identifier: Apache-2.0
"""COLMAP's camera models: where they put points, their inverse, and pictures through them."""

import math

import numpy as np
import pytest
from drawn_views import pose, psnr, seen_by, seen_by_pinhole

from lamina.cameras.camera import Camera
from lamina.data.captures.colmap import PARAMETERS, lens_of
from lamina.data.captures.distortion import Distortion
from lamina.data.captures.lens import WIDEST_HALF_ANGLE, Lens, check_lens
from lamina.data.captures.undistort import undistort
from lamina.errors import SignalError

WIDTH, HEIGHT = 120, 80
NUMBERS = {
    "SIMPLE_PINHOLE": (70.0, 61.0, 39.0),
    "PINHOLE": (70.0, 72.0, 61.0, 39.0),
    "SIMPLE_RADIAL": (70.0, 61.0, 39.0, -0.08),
    "RADIAL": (70.0, 61.0, 39.0, -0.08, 0.02),
    "OPENCV": (70.0, 72.0, 61.0, 39.0, -0.08, 0.02, 0.004, -0.003),
    "OPENCV_FISHEYE": (50.0, 52.0, 61.0, 39.0, -0.03, 0.004, -0.002, 0.0004),
    "FULL_OPENCV": (70.0, 72.0, 61.0, 39.0, 0.3, -0.05, 0.002, -0.001, 0.01, 0.35, 0.02, 0.003),
    "FOV": (60.0, 62.0, 61.0, 39.0, 1.1),
    "SIMPLE_RADIAL_FISHEYE": (50.0, 61.0, 39.0, -0.03),
    "RADIAL_FISHEYE": (50.0, 61.0, 39.0, -0.03, 0.004),
    "THIN_PRISM_FISHEYE": (50.0, 52.0, 61.0, 39.0, -0.03, 0.004, 0.002, -0.001, -0.002, 0.0004, 0.003, -0.002),
    "SIMPLE_FISHEYE": (50.0, 61.0, 39.0),
    "FISHEYE": (50.0, 52.0, 61.0, 39.0),
}
WIDE = [model for model in NUMBERS if model.endswith("FISHEYE") or model == "FOV"]


def lens(model: str) -> Lens:
    return lens_of(model, WIDTH, HEIGHT, NUMBERS[model], "camera 1")


def grid(pinhole: Lens | Camera) -> np.ndarray:
    """Pixel centres on the plane at depth 1."""
    rows, columns = np.mgrid[: pinhole.height, : pinhole.width] + 0.5
    places = np.stack([columns - pinhole.center_x_px, rows - pinhole.center_y_px], -1).reshape(-1, 2)
    return places / (pinhole.focal_x_px, pinhole.focal_y_px)


def to_pixels(lens: Lens, plane: np.ndarray) -> np.ndarray:
    focal, center = (lens.focal_x_px, lens.focal_y_px), (lens.center_x_px, lens.center_y_px)
    return lens.distortion.of(plane) * focal + center


def test_all_models_are_tried() -> None:
    assert set(NUMBERS) == set(PARAMETERS)


@pytest.mark.parametrize("model", NUMBERS)
def test_points_are_where_colmap_puts_them(model: str) -> None:
    pycolmap = pytest.importorskip("pycolmap")
    camera = pycolmap.Camera(model=model, width=WIDTH, height=HEIGHT, params=list(NUMBERS[model]))
    plane = np.random.default_rng(3).uniform(-1.5, 1.5, (200, 2))
    plane[0] = 0.0
    theirs = camera.img_from_cam(np.concatenate([plane, np.ones((200, 1))], axis=1))
    assert np.allclose(to_pixels(lens(model), plane), theirs, atol=1e-6)


def test_fisheyes_are_opencvs_in_its_own_words() -> None:
    # OpenCV, fisheye camera model: theta_d = theta (1 + k1 theta^2 + k2 theta^4 + k3 theta^6 + k4 theta^8).
    focal_x, focal_y, center_x, center_y, k1, k2, k3, k4 = NUMBERS["OPENCV_FISHEYE"]
    a, b = 0.8, -0.5
    r = math.hypot(a, b)
    theta = math.atan(r)
    distorted = theta * (1 + k1 * theta**2 + k2 * theta**4 + k3 * theta**6 + k4 * theta**8)
    expected = [focal_x * distorted / r * a + center_x, focal_y * distorted / r * b + center_y]
    assert np.allclose(to_pixels(lens("OPENCV_FISHEYE"), np.array([[a, b]])), [expected], atol=1e-12)


def test_the_rational_model_is_opencvs_in_its_own_words() -> None:
    *_, k1, k2, p1, p2, k3, k4, k5, k6 = NUMBERS["FULL_OPENCV"]
    x, y = 0.4, -0.3
    r2 = x * x + y * y
    radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
    expected = [
        x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    ]
    assert np.allclose(lens("FULL_OPENCV").distortion.of(np.array([[x, y]])), [expected], atol=1e-15)


@pytest.mark.parametrize("model", NUMBERS)
def test_the_inverse_gives_the_points_back(model: str) -> None:
    plane = np.random.default_rng(4).uniform(-1.2, 1.2, (300, 2))
    distortion = lens(model).distortion
    assert np.allclose(distortion.undone(distortion.of(plane)), plane, atol=1e-8)
    assert np.allclose(distortion.undone(np.zeros((1, 2))), 0.0)


@pytest.mark.parametrize("model", NUMBERS)
def test_every_pixel_of_the_pinhole_is_in_the_picture(model: str) -> None:
    pinhole = lens(model).undistorted()
    seen = to_pixels(lens(model), grid(pinhole))
    assert seen.min() >= 0
    assert (seen.max(axis=0) <= (WIDTH, HEIGHT)).all()


@pytest.mark.parametrize("model", NUMBERS)
def test_pictures_come_out_as_a_pinhole_would_have_taken_them(model: str) -> None:
    through, motion = lens(model), pose(0.3)
    pinhole = through.undistorted()
    inner = (pinhole.focal_x_px, pinhole.focal_y_px, pinhole.center_x_px, pinhole.center_y_px)
    expected = seen_by_pinhole(Camera(motion, *inner, WIDTH, HEIGHT))
    picture = seen_by(through, motion)
    assert psnr(undistort(picture, through, pinhole), expected) > 40
    if through.distorts():
        assert psnr(picture, expected) < 33


@pytest.mark.parametrize("model", WIDE)
def test_kernel_and_readable_twin_agree(model: str) -> None:
    through = lens(model)
    pinhole = through.undistorted()
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    ramp = np.stack([2 * columns, 3 * rows, 0 * rows], axis=-1).astype(np.uint8)
    found = undistort(ramp, through, pinhole).astype(float)
    seen = (to_pixels(through, grid(pinhole)) - 0.5).reshape(HEIGHT, WIDTH, 2)
    inside = ((seen > 1) & (seen < (WIDTH - 3, HEIGHT - 3))).all(axis=-1)
    assert inside.mean() > 0.9
    # Cubics keep ramps exactly: what is left is rounding to 8 bits.
    assert np.abs(found[..., :2] - (2, 3) * seen)[inside].max() <= 0.51


def test_a_pinhole_is_at_most_120_degrees_wide_and_says_what_it_leaves_out() -> None:
    whole = Lens(200, 200, 100 / math.radians(95), 100 / math.radians(95), 100.0, 100.0, Distortion(projection="angle"))
    pinhole = whole.undistorted()
    assert math.atan(100 / pinhole.focal_x_px) == pytest.approx(WIDEST_HALF_ANGLE)
    assert math.atan(100 / pinhole.focal_y_px) == pytest.approx(WIDEST_HALF_ANGLE)
    # Left out is what is further than 60 degrees to a side: no circle, but nearly.
    angle = np.hypot(*(grid(whole).T))
    expected = 1 - (angle < WIDEST_HALF_ANGLE).mean()
    assert whole.share_left_out() == pytest.approx(expected, abs=0.1)
    assert whole.share_left_out() < expected
    assert lens("PINHOLE").share_left_out() == 0.0


def test_coefficients_that_fold_beyond_the_pinhole_do_no_harm() -> None:
    # theta_d falls from 74 degrees on: a circular fisheye, of which the corners of the picture are black.
    folding = Lens(200, 150, 60.0, 60.0, 100.0, 75.0, Distortion((-0.2, 0.0, 0.0, 0.0), projection="angle"))
    pinhole = folding.undistorted()
    seen = to_pixels(folding, grid(pinhole))
    assert seen.min() >= 0
    assert (seen.max(axis=0) <= (200, 150)).all()
    assert np.allclose(folding.distortion.undone(folding.distortion.of(grid(pinhole))), grid(pinhole), atol=1e-8)
    assert folding.share_left_out() > 0.2


@pytest.mark.parametrize("model", WIDE)
@pytest.mark.parametrize("k1", [-5.0, 1e30, -1e200])
def test_wide_lenses_that_no_camera_has_are_refused(model: str, k1: float) -> None:
    distortion = Distortion((k1, 0, 0, 0), projection=lens(model).distortion.projection)
    with pytest.raises(SignalError, match="folds a picture of 120x80"):
        Lens(WIDTH, HEIGHT, 50.0, 50.0, 60.0, 40.0, distortion).undistorted()


@pytest.mark.parametrize("omega", [3.2, float("nan"), 1e-9])
def test_fields_of_view_that_no_lens_has_are_refused(omega: float) -> None:
    with pytest.raises(SignalError, match=r"camera 1: field of view .*; expected radians"):
        check_lens(Lens(WIDTH, HEIGHT, 50, 50, 60, 40, Distortion(projection="fov", omega=omega)), "camera 1")


def test_a_tiny_field_of_view_is_a_pinhole() -> None:
    assert not lens_of("FOV", WIDTH, HEIGHT, (60.0, 62.0, 61.0, 39.0, 1e-9), "camera 1").distorts()


def test_models_of_whole_spheres_are_refused() -> None:
    for model in ("RAD_TAN_THIN_PRISM_FISHEYE", "DIVISION", "EQUIRECTANGULAR"):
        with pytest.raises(SignalError, match=f"camera model {model}; expected one of SIMPLE_PINHOLE"):
            lens_of(model, WIDTH, HEIGHT, (1.0,), "camera 1")
