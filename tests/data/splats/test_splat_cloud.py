# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from made_up_clouds import make_cloud

from lamina.data.splats import SplatCloud, cloud_of_linear
from lamina.data.splats.cloud import concatenated


def test_linear_values_come_back() -> None:
    cloud = make_cloud(50, 2)
    again = cloud_of_linear(cloud.means, cloud.rotations, cloud.scales, cloud.opacities, cloud.sh)
    np.testing.assert_allclose(again.log_scales, cloud.log_scales, atol=1e-5)
    np.testing.assert_allclose(again.logit_opacities, cloud.logit_opacities, atol=1e-3)


def test_ends_of_linear_values_stay_finite() -> None:
    cloud = make_cloud(2, 0)
    opacities = np.array([0.0, 1.0], np.float32)
    again = cloud_of_linear(cloud.means, cloud.rotations, np.zeros((2, 3), np.float32), opacities, cloud.sh)
    assert np.isfinite(again.log_scales).all()
    assert np.isfinite(again.logit_opacities).all()
    np.testing.assert_allclose(again.opacities, opacities, atol=2e-6)


def test_degree_is_filled_with_zeros_and_cut() -> None:
    cloud = make_cloud(5, 1)
    wide = cloud.with_degree(3)
    assert wide.degree == 3
    assert np.array_equal(wide.sh[:, :4], cloud.sh)
    assert not wide.sh[:, 4:].any()
    assert np.array_equal(wide.with_degree(0).sh, cloud.sh[:, :1])


def test_concatenation_keeps_order_and_the_higher_degree() -> None:
    first, second = make_cloud(3, 1), make_cloud(4, 2, seed=1)
    both = concatenated([first, second])
    assert (len(both), both.degree) == (7, 2)
    assert np.array_equal(both.selected(slice(3, None)).sh, second.sh)


def test_wrong_shapes_are_refused() -> None:
    cloud = make_cloud(4, 1)
    with pytest.raises(ValueError, match="rotations"):
        SplatCloud(cloud.means, cloud.log_scales, cloud.means, cloud.logit_opacities, cloud.sh)
    with pytest.raises(ValueError, match="coefficients"):
        SplatCloud(cloud.means, cloud.log_scales, cloud.rotations, cloud.logit_opacities, cloud.sh[:, :3])
