# SPDX-License-Identifier: Apache-2.0
"""Gaussians2D and the two shape parameterisations."""

import numpy as np
import pytest
import torch

from lamina.render.gaussians2d import Gaussians2D, cholesky_to_covariance, concatenate, log_euclidean_to_covariance
from lamina.render.planar_arrays import log_euclidean_covariances


def splats(count: int, dtype: torch.dtype = torch.float32) -> Gaussians2D:
    positions = torch.arange(2 * count, dtype=dtype).reshape(count, 2)
    covariances = torch.tensor([[4.0, 1.0, 2.0]], dtype=dtype).repeat(count, 1)
    return Gaussians2D(positions, covariances, torch.ones(count, 3, dtype=dtype))


def test_length_prefix_and_concatenation():
    whole = splats(5)
    parts = concatenate([whole.prefix(2), whole.prefix(0), whole.prefix(3)])
    assert len(whole) == 5
    assert len(parts) == 5
    assert torch.equal(parts.positions, whole.positions[[0, 1, 0, 1, 2]])


def test_repr_shows_shape_not_values():
    assert repr(splats(3)) == "Gaussians2D(n=3, torch.float32, cpu)"


def test_scaled_multiplies_positions_and_products():
    scaled = splats(2).scaled(2.0, 3.0)
    assert torch.equal(scaled.positions[1], torch.tensor([4.0, 9.0]))
    assert torch.equal(scaled.covariances[0], torch.tensor([16.0, 6.0, 18.0]))


def test_to_keeps_values():
    whole = splats(2)
    assert torch.equal(whole.to("cpu").colors, whole.colors)


@pytest.mark.parametrize("count", [-1, 6])
def test_prefix_rejects_counts_outside(count: int):
    with pytest.raises(ValueError, match=r"0\.\.\.5"):
        splats(5).prefix(count)


def test_concatenate_rejects_nothing_and_mixed_types():
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])
    with pytest.raises(ValueError, match="agree in dtype"):
        concatenate([splats(1), splats(1, torch.float64)])


@pytest.mark.parametrize(
    ("positions", "covariances", "colors", "named"),
    [
        ((3, 3), (3, 3), (3, 3), "positions"),
        ((3, 2), (2, 3), (3, 3), "covariances"),
        ((3, 2), (3, 3), (3, 4), "colors"),
        ((3,), (3, 3), (3, 3), "positions"),
        ((), (0, 3), (0, 3), "positions"),
    ],
)
def test_gaussians_rejects_wrong_shapes(positions: tuple, covariances: tuple, colors: tuple, named: str):
    with pytest.raises(ValueError, match=rf"{named} must have shape"):
        Gaussians2D(torch.zeros(positions), torch.zeros(covariances), torch.zeros(colors))


def test_gaussians_rejects_mixed_or_integer_types():
    with pytest.raises(ValueError, match="colors must be float32"):
        Gaussians2D(torch.zeros(1, 2), torch.zeros(1, 3), torch.zeros(1, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="positions must be float32"):
        Gaussians2D(*(torch.zeros(1, size, dtype=torch.int64) for size in (2, 3, 3)))


def test_cholesky_is_the_product_of_its_factor():
    l11, l21, l22 = torch.tensor([2.0]), torch.tensor([-1.5]), torch.tensor([0.5])
    factor = torch.tensor([[2.0, 0.0], [-1.5, 0.5]])
    product = factor @ factor.T
    assert torch.allclose(cholesky_to_covariance(l11, l21, l22)[0], product[[0, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize("anisotropy", [0.0, 1e-9, 0.05, 0.0819, 0.082, 1.0, 4.0])
def test_log_euclidean_is_the_matrix_exponential(anisotropy: float):
    m, d, e = 0.3, anisotropy, -0.7 * anisotropy
    logarithm = 2.0 * torch.tensor([[m + d, e], [e, m - d]], dtype=torch.float64)
    expected = torch.matrix_exp(logarithm)[[0, 0, 1], [0, 1, 1]]
    found = log_euclidean_to_covariance(*(torch.tensor([v], dtype=torch.float64) for v in (m, d, e)))[0]
    assert torch.allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("anisotropy", [0.0, 1e-9, 1e-4, 0.05, 0.0819, 0.082, 1.0, 4.0, 100.0])
def test_covariances_of_arrays_are_those_of_tensors(anisotropy: float):
    rows = np.array([[0.3], [anisotropy], [-0.7 * anisotropy]], np.float32)
    expected = log_euclidean_to_covariance(*torch.from_numpy(rows).double()).float().numpy()
    np.testing.assert_allclose(log_euclidean_covariances(*rows), expected, rtol=1e-6)


@pytest.mark.parametrize("anisotropy", [0.0, 1e-9, 0.08, 0.1, 1.0])
def test_log_euclidean_has_two_derivatives_everywhere(anisotropy: float):
    inputs = tuple(
        torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (0.3, anisotropy, -0.7 * anisotropy)
    )
    assert torch.autograd.gradcheck(log_euclidean_to_covariance, inputs)
    assert torch.autograd.gradgradcheck(log_euclidean_to_covariance, inputs)
