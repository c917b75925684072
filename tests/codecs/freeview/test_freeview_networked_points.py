# SPDX-License-Identifier: Apache-2.0
"""Latent points of the paper's method: who is near, how points become coarser, where anchors stand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networked_samples import Act, first_of, ground_of

from lamina.anchors.layers import anchors_of
from lamina.codecs.freeview.networked.nearest import nearest_points
from lamina.codecs.freeview.networked.points import places_of, point_scales, sampled, sizes_for
from lamina.networks.constants import POSITION_BITS

BOX = 1 << POSITION_BITS


def nearest_twin(places: np.ndarray, count: int) -> np.ndarray:
    """All pairs, sorted by distance, then by row; the last again where there are too few."""
    distances = np.square(places[:, None] - places[None]).sum(axis=2)
    rows = np.broadcast_to(np.arange(len(places)), distances.shape)
    order = np.lexsort((rows, distances), axis=1)[:, :count]
    return np.concatenate([order, np.repeat(order[:, -1:], count - order.shape[1], axis=1)], axis=1)


def places_in(count: int, side: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, side, (count, 3))


@pytest.mark.parametrize("count", [1, 2, 5, 8, 9, 64, 65, 400])
@pytest.mark.parametrize("side", [2, 7, 2 * BOX + 1])
@pytest.mark.parametrize("neighbors", [1, 4, 15])
def test_nearest_points_are_those_of_all_pairs(count: int, side: int, neighbors: int) -> None:
    places = places_in(count, side)
    assert (nearest_points(places, neighbors) == nearest_twin(places, neighbors)).all()


@given(st.lists(st.tuples(*[st.integers(0, 5)] * 3), min_size=1, max_size=40), st.integers(1, 15), st.integers(0, 18))
@settings(deadline=None, max_examples=150)
def test_ties_go_to_the_lower_row(found: list[tuple[int, ...]], neighbors: int, shift: int) -> None:
    places = np.array(found, np.int64) << shift
    assert (nearest_points(places, neighbors) == nearest_twin(places, neighbors)).all()


def test_ties_written_out() -> None:
    places = np.array([[5, 5, 5], [4, 5, 5], [6, 5, 5], [5, 4, 5], [5, 5, 5]])
    assert nearest_points(places, 4)[0].tolist() == [0, 4, 1, 2]
    assert nearest_points(places, 4)[4].tolist() == [0, 4, 1, 2]
    assert nearest_points(places, 3)[2].tolist() == [2, 0, 4]


def test_too_few_points_stand_in_for_those_that_are_not_there() -> None:
    places = np.array([[0, 0, 0], [9, 0, 0]])
    assert nearest_points(places, 4).tolist() == [[0, 1, 1, 1], [1, 0, 0, 0]]
    assert nearest_points(places[:1], 3).tolist() == [[0, 0, 0]]


def test_no_points_have_no_neighbors_and_no_coarser_points() -> None:
    nothing = np.zeros((0, 3), np.int64)
    assert nearest_points(nothing, 4).shape == (0, 4)
    for scale in point_scales(nothing, (10, 100), 4):
        assert scale.count == 0
        assert scale.offsets.shape == (0, 4, 3)


@pytest.mark.parametrize("size", [1, 2, 3, 1000, 1 << 17, 1 << 20, 1 << 21])
def test_sampling_is_equation_6(size: int) -> None:
    places = places_in(300, BOX)
    coarse, rows = sampled(places, size)
    # floor(x / eps + .5) eps, in Python's integers: (2 x + eps) // (2 eps) is the same floor, without a float.
    expected = [tuple((2 * x + size) // (2 * size) * size for x in place) for place in places.tolist()]
    assert [tuple(place) for place in coarse[rows].tolist()] == expected
    assert [tuple(place) for place in coarse.tolist()] == sorted(set(expected))
    assert np.abs(coarse[rows] - places).max() <= size / 2
    if size < 1 << 17:
        assert (coarse[rows] == np.floor(places / size + 0.5).astype(np.int64) * size).all()


@pytest.mark.parametrize("ratio", [0.2, 0.4])
def test_sizes_give_at_most_the_ratio_and_one_less_would_not(ratio: float) -> None:
    directions = np.random.default_rng(4).normal(size=(5_000, 3))
    places = (BOX / 2 + 0.4 * BOX * directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.int64)
    sizes = sizes_for(places, 3, ratio)
    assert len(sizes) == 2
    assert sizes[0] < sizes[1]
    for size in sizes:
        coarse = sampled(places, size)[0]
        assert 0.8 * ratio * len(places) <= len(coarse) <= ratio * len(places) < len(sampled(places, size - 1)[0])
        places = coarse


@pytest.mark.parametrize("count", [0, 1, 2, 3, 9])
@pytest.mark.parametrize("scales", [1, 2, 3, 8])
def test_sizes_rise_however_few_points_there_are(count: int, scales: int) -> None:
    sizes = sizes_for(places_in(count, BOX), scales, 0.2)
    assert len(sizes) <= scales - 1
    assert list(sizes) == sorted(set(sizes))
    assert all(1 <= size <= BOX for size in sizes)


def test_scales_know_who_is_above_and_how_far_neighbors_are() -> None:
    places = places_in(200, 1 << 14)
    scales = point_scales(places, (900, 5_000), 4)
    own = places
    for scale, size in zip(scales, (900, 5_000, None), strict=True):
        away = own[scale.neighbors] - own[:, None]
        unit = np.median(np.sqrt(np.square(away[:, -1]).sum(axis=1)))
        assert np.allclose(scale.offsets, away / unit, rtol=1e-6)
        assert (scale.offsets[:, 0] == 0).all()
        assert np.median(np.linalg.norm(scale.offsets[:, -1], axis=1)) == pytest.approx(1, abs=0.02)
        if size is None:
            assert len(scale.above) == 0
            break
        coarse, rows = sampled(own, size)
        assert (scale.above == rows).all()
        own = coarse


def test_points_all_at_one_place_have_finite_offsets() -> None:
    for scale in point_scales(np.full((5, 3), 77), (10,), 4):
        assert np.isfinite(scale.offsets).all()


def test_places_are_the_middles_of_the_octrees_cells() -> None:
    first = first_of(Act())
    facts, ground = first.facts.anchors, ground_of(first)
    positions = anchors_of(facts, 0, first.layers[0]).positions.numpy().astype(np.float64)
    places = places_of([layer.indices for layer in first.layers], facts.base_depth)
    expected = np.asarray(facts.origin) + places / BOX * facts.side
    assert np.abs(positions - expected).max() <= 1e-6 * facts.side
    live = first.layers[0].is_live
    assert (ground.places == places[live]).all()
    assert (ground.rows == np.flatnonzero(live)).all()
    assert 0 < len(ground.rows) <= len(places)


def test_places_of_several_layers_are_one_after_another() -> None:
    cells = [np.array([[0, 1, 0]], np.int32), np.array([[3, 0, 2], [1, 1, 1]], np.int32)]
    places = places_of(cells, 1)
    assert places.tolist() == [
        [BOX // 4, 3 * BOX // 4, BOX // 4],
        [7 * BOX // 8, BOX // 8, 5 * BOX // 8],
        [3 * BOX // 8] * 3,
    ]
    assert places_of([], 3).shape == (0, 3)
