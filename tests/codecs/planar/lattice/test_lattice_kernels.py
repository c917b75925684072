# SPDX-License-Identifier: Apache-2.0
"""The fused fit step against float64 autograd of the readable formulas; color solves against least squares."""

import numpy as np
import pytest
import torch
from lattice_samples import crop

from lamina.codecs.planar.lattice.color import ROTATION, from_rgb, to_rgb
from lamina.codecs.planar.lattice.fit.canvas import Canvas, Splats, gradients, make_canvas, render_pixels
from lamina.codecs.planar.lattice.fit.color_solver import solve_colors
from lamina.codecs.planar.lattice.fit.optimize import make_targets
from lamina.render.planar_reference import accumulate_levels

WIDTH, HEIGHT = 45, 38
TOLERANCE = 1e-3
"""Largest difference of a gradient, relative to the largest entry of its kind."""


def scene(count: int = 12) -> np.ndarray:
    """(8, n) parameters: round and long splats, some partly outside, none with its rim on a pixel center by design."""
    random = np.random.default_rng(3)
    parameters = np.empty((8, count), np.float32)
    parameters[0] = random.uniform(-3, WIDTH + 3, count)
    parameters[1] = random.uniform(-3, HEIGHT + 3, count)
    parameters[2] = random.uniform(0.3, 2.2, count)
    angle, rho = random.uniform(0, 2 * np.pi, count), random.uniform(0, 1.4, count)
    parameters[3], parameters[4] = rho * np.cos(angle), rho * np.sin(angle)
    parameters[3:5, 0] = 0.0
    parameters[3:5, 1] = 2e-4
    parameters[5:] = random.normal(0, 0.3, (3, count))
    return parameters


def covariance(parameters: torch.Tensor, ratios: tuple[float, float]) -> torch.Tensor:
    """(n, 3) xx, xy, yy of exp(2 [[m + d, e], [e, m - d]]), scaled to the level's size."""
    m, d, e = parameters[2:5]
    half_log = torch.stack([torch.stack([m + d, e], 1), torch.stack([e, m - d], 1)], 1)
    scale = torch.diag(torch.tensor(ratios, dtype=torch.float64))
    full = scale @ torch.linalg.matrix_exp(2.0 * half_log) @ scale
    return torch.stack([full[:, 0, 0], full[:, 0, 1], full[:, 1, 1]], 1)


def rate_nats(parameters: torch.Tensor, step: float) -> torch.Tensor:
    """docs/codecs/planar.md, "rate term"."""
    m, d, e = parameters[2:5]
    steps = parameters[5:] * torch.exp(m) / step
    rho = torch.sqrt(d * d + e * e + 1e-30)
    shape = 2.0 * torch.log(torch.cosh(2.0 * rho)) - 2.0 * m
    return (2.5 * torch.log1p((steps**2).sum(0)) + shape + 0.5 * torch.log1p(steps**2).sum(0)).sum()


def expected(
    parameters: np.ndarray,
    target: np.ndarray,
    ratios: tuple[float, float],
    split: int,
    weights: tuple[float, float],
    rate: tuple[float, float],
) -> tuple[np.ndarray, float, float]:
    """Gradients and both mean squared errors by autograd in float64."""
    values = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
    positions = (values[:2] * torch.tensor(ratios, dtype=torch.float64)[:, None]).T
    height, width, _ = target.shape
    lower, top = accumulate_levels(positions, covariance(values, ratios), values[5:].T, split, width, height)
    wanted = torch.tensor(target, dtype=torch.float64)
    errors = [((level - wanted) ** 2).sum() for level in (lower, top)]
    loss = weights[0] * errors[0] + weights[1] * errors[1] + rate[0] * rate_nats(values, rate[1])
    (found,) = torch.autograd.grad(loss, values)
    return found.T.numpy(), errors[0].item() / target.size, errors[1].item() / target.size


CASES = {
    "top alone": ((1.0, 1.0), 0, (0.0, 1.0), (0.0, 0.1)),
    "two levels": ((1.0, 1.0), 5, (0.4, 1.0), (0.0, 0.1)),
    "all in the lower level": ((1.0, 1.0), 12, (0.7, 0.3), (0.0, 0.1)),
    "smaller level, ratios differ": ((0.61, 0.73), 0, (0.0, 1.0), (0.0, 0.1)),
    "with rate": ((1.0, 1.0), 5, (0.2, 1.0), (0.05, 0.13)),
}


@pytest.mark.parametrize("case", CASES)
def test_gradients_match_autograd(case: str) -> None:
    ratios, split, weights, rate = CASES[case]
    parameters = scene()
    size = (round(HEIGHT * ratios[1]), round(WIDTH * ratios[0]))
    target = from_rgb(crop("kodim08", size[1], size[0]) / 255.0 - 0.5)
    wanted, lower, top = expected(parameters, target, ratios, split, weights, rate)
    canvas = make_canvas(target, ratios)
    found, found_lower, found_top = gradients(canvas, Splats(parameters.copy()), split, weights, rate)
    assert found_top == pytest.approx(top, rel=1e-4)
    if split:
        assert found_lower == pytest.approx(lower, rel=1e-4)
    error = np.abs(found - wanted).max(axis=0) / np.abs(wanted).max(axis=0)
    assert error.max() < TOLERANCE, error


def test_the_rate_term_alone_matches_autograd() -> None:
    parameters = scene()
    values = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
    (wanted,) = torch.autograd.grad(0.7 * rate_nats(values, 0.11), values)
    parameters_f32 = Splats(parameters)
    canvas = make_canvas(np.zeros((HEIGHT, WIDTH, 3), np.float32))
    without, _, _ = gradients(canvas, parameters_f32, 0, (0.0, 1.0), (0.0, 0.11))
    with_rate, _, _ = gradients(canvas, parameters_f32, 0, (0.0, 1.0), (0.7, 0.11))
    found, reference = with_rate - without, wanted.T.numpy()
    assert np.abs(found[:, :2]).max() == 0.0
    np.testing.assert_allclose(found[:, 2:], reference[:, 2:], rtol=2e-3, atol=2e-3)


def test_rendering_is_the_sum_of_splats_alone() -> None:
    canvas = make_canvas(np.zeros((HEIGHT, WIDTH, 3), np.float32))
    parameters = scene()
    alone = sum(render_pixels(canvas, np.ascontiguousarray(parameters[:, i : i + 1])) for i in range(12))
    np.testing.assert_allclose(render_pixels(canvas, parameters), alone, atol=2e-6)


def design(canvas: Canvas, parameters: np.ndarray) -> np.ndarray:
    """(pixels, n): each splat alone, with color 1."""
    columns = []
    for i in range(parameters.shape[1]):
        one = np.ascontiguousarray(parameters[:, i : i + 1]).copy()
        one[5:] = 1.0
        columns.append(render_pixels(canvas, one)[:, :, 0].reshape(-1))
    return np.stack(columns, axis=1).astype(np.float64)


@pytest.mark.parametrize(("splits", "weights"), [((9,), (1.0,)), ((3, 6, 9), (0.3, 0.2, 1.0))])
def test_solved_colors_are_least_squares(splits: tuple[int, ...], weights: tuple[float, ...]) -> None:
    target = from_rgb(crop("kodim15", WIDTH, HEIGHT) / 255.0 - 0.4)
    canvas, parameters, ridge = make_canvas(target), scene(9), 0.02
    free = np.ones(9, bool)
    free[4] = False
    shapes = design(canvas, parameters)
    wanted = target.reshape(-1, 3).astype(np.float64)
    normal = np.diag(ridge * np.pi * np.exp(2.0 * parameters[2].astype(np.float64)))
    right = np.zeros((9, 3))
    for split, weight in zip(splits, weights, strict=True):
        level = shapes * (np.arange(9) < split)
        normal += weight * level.T @ level
        right += weight * level.T @ wanted
    fixed = parameters[5:, 4].astype(np.float64)
    right -= np.outer(normal[:, 4], fixed)
    solution = np.linalg.solve(normal[np.ix_(free, free)], right[free])
    solve_colors(canvas, parameters, splits, weights, free, 60, ridge)
    np.testing.assert_allclose(parameters[5:, free].T, solution, atol=2e-4)
    np.testing.assert_array_equal(parameters[5:, 4], fixed.astype(np.float32))


def test_the_color_space_is_orthonormal_and_turns_back() -> None:
    np.testing.assert_allclose(ROTATION @ ROTATION.T, np.eye(3), atol=1e-12)
    pixels = crop() / np.float32(255.0)
    np.testing.assert_allclose(to_rgb(from_rgb(pixels)), pixels, atol=1e-6)


def test_levels_of_one_size_share_a_canvas() -> None:
    large, small = np.zeros((20, 30, 3), np.float32), np.zeros((10, 15, 3), np.float32)
    targets = make_targets((small, large, large))
    assert targets.canvases[1] is targets.canvases[2] is targets.full
    assert targets.canvases[0].ratios == (0.5, 0.5)
