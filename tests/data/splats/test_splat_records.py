# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest
from made_up_clouds import make_cloud

from lamina.data.splats import read_splat, read_splats
from lamina.data.splats.cloud import COLOR_OF_CONSTANT
from lamina.errors import SignalError

RECORD = np.dtype([("mean", "<f4", 3), ("scale", "<f4", 3), ("color", "u1", 4), ("rotation", "u1", 4)])


def test_fixture_holds_what_its_maker_reads(splat_samples: Path) -> None:
    cloud = read_splats(splat_samples / "minimal.splat")
    assert (len(cloud), cloud.degree) == (4, 0)
    assert cloud.means.tolist() == [[-1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(cloud.log_scales, np.log(0.1), rtol=1e-6)
    np.testing.assert_allclose(cloud.logit_opacities, 2.2192035, rtol=1e-6)
    np.testing.assert_allclose(cloud.sh[1, 0], [0.5908179, -0.5908179, 0.0069508], atol=1e-6)
    # Bytes 128 128 128 255: w, x, y, z.
    assert cloud.rotations.tolist() == [[0, 0, 0, 1]] * 4


def test_values_are_within_a_byte(tmp_path: Path) -> None:
    cloud = make_cloud(200, 0)
    unit = cloud.rotations / np.linalg.norm(cloud.rotations, axis=1, keepdims=True)
    records = np.zeros(200, RECORD)
    records["mean"], records["scale"] = cloud.means, cloud.scales
    records["color"][:, :3] = np.round((cloud.sh[:, 0] * COLOR_OF_CONSTANT + 0.5) * 255)
    records["color"][:, 3] = np.round(cloud.opacities * 255)
    records["rotation"] = np.clip(np.round(unit * 128 + 128), 0, 255)
    records.tofile(tmp_path / "a.splat")
    again = read_splat(tmp_path / "a.splat")
    assert np.array_equal(again.means, cloud.means)
    np.testing.assert_allclose(again.log_scales, cloud.log_scales, atol=1e-5)
    assert np.abs(again.opacities - cloud.opacities).max() <= 0.51 / 255
    assert np.abs(again.sh - cloud.sh).max() <= 0.51 / 255 / COLOR_OF_CONSTANT
    assert np.abs(np.sum(unit * again.rotations, axis=1)).min() > 1 - 1e-4


def test_a_rotation_of_zeros_is_none_and_thin_scales_stay_finite(tmp_path: Path) -> None:
    records = np.zeros(1, RECORD)
    records["rotation"] = 128
    records.tofile(tmp_path / "a.splat")
    cloud = read_splat(tmp_path / "a.splat")
    assert cloud.rotations.tolist() == [[1, 0, 0, 0]]
    assert np.isfinite(cloud.log_scales).all()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "0 bytes; expected 32"),
        (bytes(33), "33 bytes; expected 32 for each"),
        (bytes(31), "31 bytes"),
        (b"\xff" * 32, "scales of 1 Gaussians"),
        (np.array([0, 0, 0, -1, 1, 1, 0, 0], "<f4").tobytes(), "scales of 1 Gaussians are negative"),
        (np.array([np.inf, 0, 0, 1, 1, 1, 0, 0], "<f4").tobytes(), "positions of 1 Gaussians"),
    ],
)
def test_read_splat_rejects(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bad.splat").write_bytes(data)
    with pytest.raises(SignalError, match=rf"bad\.splat: .*{problem}"):
        read_splat(tmp_path / "bad.splat")
