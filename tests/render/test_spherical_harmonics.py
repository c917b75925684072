# SPDX-License-Identifier: Apache-2.0
"""Spherical harmonics: the constants of 3DGS, orthonormality, and fits that give back what was evaluated."""

import math

import pytest
import torch

from lamina.render.spherical_harmonics import MIDDLE, basis, degree_of, evaluate, fit


def directions_of(count: int, *, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator, dtype=torch.float64)


def test_basis_has_the_constants_of_3dgs():
    """Values of the published code (SH_C0...SH_C3) at directions where single terms are left."""
    along_x, along_y, along_z = basis(torch.eye(3, dtype=torch.float64), 3).tolist()
    expected_z = [0.28209479177387814, 0.4886025119029199, 2 * 0.31539156525252005, 2 * 0.3731763325901154]
    assert [along_z[i] for i in (0, 2, 6, 12)] == pytest.approx(expected_z)
    expected_x = [-0.4886025119029199, 0.5462742152960396, 0.4570457994644658, -0.5900435899266435]
    assert [along_x[i] for i in (3, 8, 13, 15)] == pytest.approx(expected_x)
    expected_y = [-0.4886025119029199, -0.5462742152960396, 0.5900435899266435, 0.4570457994644658]
    assert [along_y[i] for i in (1, 8, 9, 11)] == pytest.approx(expected_y)
    diagonal = basis(torch.ones(1, 3, dtype=torch.float64), 3)[0]
    mixed = [1.0925484305920792, -1.0925484305920792, -1.0925484305920792]
    assert [diagonal[i].item() * 3 for i in (4, 5, 7)] == pytest.approx(mixed)
    assert diagonal[10].item() * 3 * math.sqrt(3) == pytest.approx(2.890611442640554)
    tilted = basis(torch.tensor([[1.0, 0.0, 1.0]], dtype=torch.float64), 3)[0]
    assert tilted[14].item() * 2 * math.sqrt(2) == pytest.approx(1.445305721320277)


def test_basis_is_orthonormal_on_the_sphere():
    """By a quadrature that is exact here: Gauss points in z, equal steps around it."""
    near, far = (math.sqrt(3 / 7 + sign * 2 / 7 * math.sqrt(6 / 5)) for sign in (-1, 1))
    heavy, light = ((18 + sign * math.sqrt(30)) / 36 for sign in (1, -1))
    z = torch.tensor([-far, -near, near, far], dtype=torch.float64)
    weights = torch.tensor([light, heavy, heavy, light], dtype=torch.float64)
    angle = torch.arange(8, dtype=torch.float64) * (math.pi / 4)
    radius = torch.sqrt(1 - z * z)[:, None]
    points = torch.stack(
        [radius * torch.cos(angle), radius * torch.sin(angle), z[:, None].expand(4, 8)], dim=-1
    ).reshape(-1, 3)
    values = basis(points, 3)
    gram = values.T @ (values * (weights[:, None] * (math.pi / 4)).expand(4, 8).reshape(-1, 1))
    assert torch.allclose(gram, torch.eye(16, dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_fit_gives_back_what_was_evaluated(degree):
    count = (degree + 1) ** 2
    generator = torch.Generator().manual_seed(2)
    sh = 0.05 * torch.randn(5, count, 3, generator=generator, dtype=torch.float64)
    directions = directions_of(40)
    colors = torch.stack([evaluate(sh, direction.expand(5, 3)) for direction in directions])
    assert torch.allclose(fit(directions, colors, degree), sh, atol=1e-12)


def test_lower_degrees_are_the_beginning_of_higher_ones():
    directions = directions_of(7)
    for degree in range(3):
        assert torch.equal(basis(directions, degree), basis(directions, 3)[:, : (degree + 1) ** 2])


def test_length_of_a_direction_does_not_matter():
    directions = directions_of(7)
    assert torch.allclose(basis(directions, 3), basis(100.0 * directions, 3), atol=1e-14)


def test_one_direction_is_fitted_with_the_smallest_coefficients():
    colors = torch.rand(1, 4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    directions = directions_of(1)
    sh = fit(directions, colors, 3)
    assert torch.allclose(evaluate(sh, directions.expand(4, 3)), colors[0], atol=1e-12)
    assert sh.norm() <= (colors[0] - MIDDLE).norm() / basis(directions, 3).norm() + 1e-12


def test_colors_are_not_negative():
    assert torch.equal(evaluate(torch.full((1, 1, 3), -10.0), torch.ones(1, 3)), torch.zeros(1, 3))


def test_gradients_reach_coefficients_and_directions():
    sh = torch.zeros(2, 16, 3, dtype=torch.float64, requires_grad=True)
    directions = directions_of(2).requires_grad_()
    assert torch.autograd.gradcheck(evaluate, (sh, directions))


@pytest.mark.parametrize("degree", [-1, 4])
def test_basis_rejects_other_degrees(degree):
    with pytest.raises(ValueError, match=r"0\.\.\.3"):
        basis(torch.ones(1, 3), degree)


@pytest.mark.parametrize("count", [0, 2, 15, 25])
def test_other_numbers_of_coefficients_are_rejected(count):
    with pytest.raises(ValueError, match="1, 4, 9 or 16"):
        degree_of(count)


@pytest.mark.parametrize(("directions", "rows"), [(0, 0), (3, 2)])
def test_fit_rejects_colors_without_directions(directions, rows):
    with pytest.raises(ValueError, match="expected colors for each"):
        fit(torch.ones(directions, 3), torch.ones(rows, 1, 3), 0)
