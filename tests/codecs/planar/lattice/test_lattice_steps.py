# SPDX-License-Identifier: Apache-2.0
"""The lattice itself: stored tables, steps that follow from integers, and parameters that return to their points."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lattice_samples import assert_on_lattice, random_splats

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.fit.freeze import quantize_geometry
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters

CLASSES = range(steps.CLASSES)


def unit_of(k: int) -> int:
    return steps.shape_step(k)


def test_stored_tables_are_the_same_everywhere() -> None:
    digests = [hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()[:16] for table in steps.stored_tables()]
    assert digests == BINS_AND_GRIDS


BINS_AND_GRIDS = ["ea8629c9e3b35fff", "958fb3f98e9fc085"]
"""First 64 bits of the SHA-256 of each table. They are part of the format: a change is a new version of it."""


@pytest.mark.parametrize("rho", [0, 1, 64, 255, 400, steps.RHO_LIMIT])
def test_stored_tables_are_the_functions_that_they_stand_for(rho: int) -> None:
    bins, grids = steps.stored_tables()
    assert bins[rho] == pytest.approx(64 * 256 * math.pi * math.sinh(2 * rho / 256), abs=0.51)
    assert grids[rho] == pytest.approx(65536 * math.log2(math.cosh(2 * rho / 256)) / 2, abs=0.51)


def test_shape_steps_halve_from_class_to_class_between_their_limits() -> None:
    assert [unit_of(k) for k in CLASSES] == [128, 128, 64, 32, 16, 8, 4, 2, 1]


@given(k=st.integers(0, 8), rho=st.integers(1, steps.RHO_LIMIT))
@settings(deadline=None, max_examples=200)
def test_angle_bins_cost_the_energy_of_a_shape_step(k: int, rho: int) -> None:
    bins = steps.angle_bins(k, rho, steps.stored_tables()[0])
    assert bins % 4 == 0
    wanted = math.pi * math.sinh(2 * rho / 256) * 256 / unit_of(k)
    assert abs(bins - max(wanted, 4.0)) <= 2.01


@pytest.mark.parametrize("k", CLASSES)
def test_a_round_splat_has_one_angle(k: int) -> None:
    assert steps.angle_bins(k, 0, steps.stored_tables()[0]) == 1


@given(k=st.integers(0, 8), m=st.integers(steps.M_LOWEST, steps.M_HIGHEST), rho=st.integers(0, steps.RHO_LIMIT))
@settings(deadline=None, max_examples=300)
def test_position_grids_follow_the_formula_from_integers(k: int, m: int, rho: int) -> None:
    power = steps.position_grid(k, m, rho, steps.stored_tables()[1])
    assert steps.FINEST_GRID <= power <= steps.COARSEST_GRID
    real = math.log2(1.3 * math.exp(m / 256) * 2.0**-k / math.sqrt(math.cosh(2 * rho / 256)))
    assert abs(power - min(max(real, steps.FINEST_GRID), steps.COARSEST_GRID)) <= 0.51
    arrays = [np.array([value], np.int32) for value in (k, m // unit_of(k), rho // unit_of(k))]
    whole = steps.position_grid(
        k, m // unit_of(k) * unit_of(k), rho // unit_of(k) * unit_of(k), steps.stored_tables()[1]
    )
    assert steps.position_grids(*arrays).tolist() == [whole]


@given(seed=st.integers(0, 2**32), side=st.sampled_from([(1, 1), (3, 200), (64, 48), (4000, 30)]))
@settings(deadline=None, max_examples=40)
def test_parameters_of_lattice_points_round_to_the_same_points(seed: int, side: tuple[int, int]) -> None:
    splats = random_splats(np.random.default_rng(seed), 60, *side)
    assert_on_lattice(splats, *side)
    energy = np.square(splats.color.astype(np.int64)).sum(axis=1)
    # An amplitude exactly between two classes, |a|^2 = 2^(2k + 1), may go to either.
    between = np.log2(energy) % 2 == 1
    step = 0.137
    found = np.zeros((splats.count, 6), np.int32)
    quantize_geometry(to_parameters(splats, step), step, coded_area(*side), *steps.stored_tables(), found)
    wanted = np.stack([splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y], axis=1)
    np.testing.assert_array_equal(found[~between], wanted[~between])


@given(seed=st.integers(0, 2**32))
@settings(deadline=None, max_examples=25)
def test_rounding_takes_wild_parameters_into_the_lattice(seed: int) -> None:
    random = np.random.default_rng(seed)
    parameters = np.empty((8, 50), np.float32)
    parameters[:2] = random.normal(0, 300, (2, 50))
    parameters[2] = random.normal(0, 8, 50)
    parameters[3:5] = random.normal(0, 3, (2, 50))
    parameters[5:] = random.normal(0, 10.0 ** random.uniform(-9, 2), (3, 50))
    found = np.zeros((50, 6), np.int32)
    quantize_geometry(parameters, 0.1, coded_area(37, 21), *steps.stored_tables(), found)
    columns = (np.ascontiguousarray(column) for column in found.T)
    assert_on_lattice(LatticeSplats(*columns, np.zeros((50, 3), np.int32)), 37, 21)
