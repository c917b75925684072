# SPDX-License-Identifier: Apache-2.0
"""Freezing and coordinate descent: never worse, the same every time, always on the lattice."""

import numpy as np
import pytest
from lattice_samples import assert_on_lattice, crop

from lamina.codecs.planar.lattice.color import from_rgb
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.freeze import freeze
from lamina.codecs.planar.lattice.fit.optimize import (
    FitPlan,
    Targets,
    begin,
    fit_levels,
    make_targets,
    mean_squared_error,
    phase_steps,
)
from lamina.codecs.planar.lattice.fit.refine import Freedom, Search, all_free, color_costs, points_of, refine
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters

SIZE = (61, 43)


def fitted(counts: tuple[int, ...], name: str = "kodim08") -> tuple[Targets, FitPlan, Splats]:
    """A short fit of a crop with odd sides."""
    target = from_rgb(crop(name, *SIZE) / np.float32(255.0) - np.float32(0.45))
    targets = make_targets((target,) * len(counts))
    plan = FitPlan(counts, 60, 0.15, 0.15, 0.7)
    random = np.random.default_rng(5)
    return targets, plan, fit_levels(targets, plan, begin(targets, plan, random), lambda done, error: None)


@pytest.fixture(scope="module")
def one_layer() -> tuple[Targets, FitPlan, LatticeSplats]:
    targets, plan, splats = fitted((50,))
    return targets, plan, freeze(targets, splats, plan, SIZE, 2, 4)


@pytest.fixture(scope="module")
def three_layers() -> tuple[Targets, FitPlan, LatticeSplats]:
    targets, plan, splats = fitted((8, 16, 28), "kodim15")
    return targets, plan, freeze(targets, splats, plan, SIZE, 2, 4)


def same(left: LatticeSplats, right: LatticeSplats) -> bool:
    a, b = points_of(left), points_of(right)
    return bool(np.array_equal(a.lattice, b.lattice) and np.array_equal(a.color, b.color))


def cost(targets: Targets, plan: FitPlan, start: LatticeSplats, splats: LatticeSplats) -> float:
    """Error plus worth of bits, by the prices that the descent starts with."""
    freedom = all_free(start.count)
    search = Search(targets, plan, coded_area(*SIZE), freedom)
    return search.measure(points_of(splats), -1, color_costs(points_of(start), freedom))[0]


def test_a_fit_has_the_splats_that_were_planned(one_layer, three_layers) -> None:
    assert one_layer[2].count == 50
    assert three_layers[2].count == 52
    assert sum(phase_steps(1000, 3)) == 1000


def test_frozen_splats_are_on_the_lattice(one_layer, three_layers) -> None:
    for _, _, splats in (one_layer, three_layers):
        assert_on_lattice(splats, *SIZE)


def test_freezing_costs_little_quality() -> None:
    targets, plan, splats = fitted((50,))
    before = mean_squared_error(targets.full, splats.parameters)
    frozen = freeze(targets, splats, plan, SIZE, 3, 10)
    after = mean_squared_error(targets.full, to_parameters(frozen, plan.step))
    assert 10.0 * np.log10(after / before) < 2.0


@pytest.mark.parametrize("sweeps", [0, 1, 2, 9])
def test_descent_never_makes_error_and_bits_worse(one_layer, sweeps: int) -> None:
    targets, plan, start = one_layer
    better = refine(targets, start, plan, SIZE, sweeps, np.random.default_rng(1))
    assert_on_lattice(better, *SIZE)
    assert cost(targets, plan, start, better) <= cost(targets, plan, start, start) * (1 + 1e-9)
    # A single sweep may overshoot, and is then taken back.
    assert sweeps < 9 or not same(better, start)


def test_descent_makes_the_picture_better(three_layers) -> None:
    targets, plan, start = three_layers
    better = refine(targets, start, plan, SIZE, 60, np.random.default_rng(1))
    assert_on_lattice(better, *SIZE)
    errors = [mean_squared_error(targets.full, to_parameters(s, plan.step)) for s in (start, better)]
    assert errors[1] < 0.97 * errors[0]


def test_descent_is_the_same_for_the_same_seed(three_layers) -> None:
    targets, plan, start = three_layers
    runs = [refine(targets, start, plan, SIZE, 6, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_descent_leaves_alone_what_may_not_move(three_layers) -> None:
    targets, plan, start = three_layers
    active = np.arange(start.count) % 3 == 0
    freedom = Freedom(active, start.color.copy(), np.ones(start.count, bool))
    moved = points_of(refine(targets, start, plan, SIZE, 9, np.random.default_rng(1), freedom))
    before = points_of(start)
    np.testing.assert_array_equal(moved.lattice[~active], before.lattice[~active])
    np.testing.assert_array_equal(moved.color[~active], before.color[~active])
    assert np.any(moved.lattice[active] != before.lattice[active])
    np.testing.assert_array_equal(moved.lattice[:, 0], before.lattice[:, 0])
