# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_clouds import assert_same, make_cloud

from lamina.data.splats import SplatCloud, read_splats, write_splats
from lamina.data.splats.axes import AXES, axes_name, from_capture, harmonics, to_capture
from lamina.render.spherical_harmonics import basis

LETTERS = {"R": (1, 0, 0), "L": (-1, 0, 0), "D": (0, 1, 0), "U": (0, -1, 0), "F": (0, 0, 1), "B": (0, 0, -1)}
"""In a capture."""
AS_SPELLED = sorted(set(AXES) - {"LFD", "RFD", "LBU", "RBU"})


def covariances(cloud: SplatCloud) -> np.ndarray:
    w, x, y, z = (cloud.rotations / np.linalg.norm(cloud.rotations, axis=1, keepdims=True)).astype(float).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    scaled = np.array(rows).transpose(2, 0, 1) * cloud.scales[:, None]
    return scaled @ scaled.transpose(0, 2, 1)


def test_harmonics_are_those_of_the_renderer() -> None:
    directions = np.random.default_rng(1).normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = basis(torch.from_numpy(directions), 3).numpy()[:, 1:]
    np.testing.assert_allclose(harmonics(directions), expected, atol=1e-7)


@pytest.mark.parametrize("axes", AXES)
def test_shapes_and_colors_turn_with_the_axes(axes: str) -> None:
    cloud = make_cloud(30, 3)
    turned = from_capture(cloud, axes)
    matrix = np.linalg.lstsq(cloud.means, turned.means, rcond=None)[0].T.round()
    np.testing.assert_allclose(turned.means, cloud.means @ matrix.T, atol=1e-5)
    if axes in AS_SPELLED:
        assert np.array_equal(matrix, np.array([LETTERS[letter] for letter in axes]))
    np.testing.assert_allclose(covariances(turned), matrix @ covariances(cloud) @ matrix.T, atol=1e-6)
    direction = np.array([[0.36, -0.48, 0.8]])
    seen = np.einsum("nkc,k->nc", cloud.sh[:, 1:], harmonics(direction)[0])
    np.testing.assert_allclose(
        np.einsum("nkc,k->nc", turned.sh[:, 1:], harmonics(direction @ matrix.T)[0]), seen, atol=1e-5
    )


@pytest.mark.parametrize("axes", AXES)
def test_turning_there_and_back_changes_nothing(axes: str) -> None:
    cloud = make_cloud(20, 2)
    again = to_capture(from_capture(cloud, axes), axes)
    if AXES.index(axes) < 8:
        assert_same(again, cloud)
    assert np.array_equal(again.means, cloud.means)
    np.testing.assert_allclose(again.rotations, cloud.rotations, atol=1e-6)
    np.testing.assert_allclose(again.sh, cloud.sh, atol=1e-6)


def test_any_format_is_read_and_written_in_other_axes(splat_samples: Path, tmp_path: Path) -> None:
    cloud = make_cloud(10, 1)
    write_splats(tmp_path / "a.ply", cloud, axes="ruf")
    assert np.array_equal(read_splats(tmp_path / "a.ply").means, cloud.means * (1, -1, 1))
    assert_same(read_splats(tmp_path / "a.ply", axes="RUF"), cloud)
    plain, turned = (read_splats(splat_samples / "robot_300.sog", axes=axes) for axes in ("auto", "rub"))
    assert np.array_equal(turned.means, plain.means * (1, -1, -1))


def test_names_of_axes_are_checked() -> None:
    assert (axes_name("Auto"), axes_name("rub")) == ("auto", "RUB")
    with pytest.raises(ValueError, match="axes 'xyz'; expected 'auto' or one of LDB, RDB"):
        axes_name("xyz")
