# SPDX-License-Identifier: Apache-2.0
"""Binary hash grids: HAC's sizes and border rule, kernels and twin alike, reals and integers alike."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.networks.constants import POSITION_BITS
from lamina.networks.hash_grid import (
    FixedHashGrid,
    HashGrid,
    cell_centres,
    features_reference,
    init_hash_grid,
    sign_bits,
    straight_through_sign,
)
from lamina.networks.hash_layout import MAX_NODES, HashGridSpec, geometric_nodes

SIDE = 1 << POSITION_BITS
SMALL = HashGridSpec((4, 7, 19), (6, 33), 8, 7, 3)
"""Levels with and without hash in both kinds, and features that fill no row."""


def positions_with_borders(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    inside = rng.integers(0, SIDE + 1, (count, 3))
    edges = np.array(list(product((0, 1, SIDE // 2, SIDE), repeat=3)))
    outside = np.array([[-1, 5, 5], [5, SIDE + 1, 5], [2**31 - 1, 0, 0], [0, 0, -(2**31)]])
    return np.concatenate([inside, edges, outside]).astype(np.int32)


def random_grid(spec: HashGridSpec, seed: int = 0) -> HashGrid:
    grid = init_hash_grid(spec, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        grid.parameters.mul_(1.3e4)  # signs stay; some leave -1...1, where gradients end
    return grid


def by_hacs_rule(spec: HashGridSpec, signs: np.ndarray, point: np.ndarray) -> list[float]:
    """Features of one point of the unit cube: border nodes skipped, remaining weights renormalised."""
    found = []
    for row, size in zip(spec.table.tolist(), spec.level_sizes, strict=True):
        axes, nodes = [axis for axis in row[:3] if axis >= 0], row[3]
        place = point[axes] * (nodes - 2) + 0.5
        below = np.floor(place).astype(int)
        total, weights = np.zeros(spec.feature_count), 0.0
        for step in product((0, 1), repeat=len(axes)):
            node = below + step
            if node.min() < 1 or node.max() > nodes - 2:
                continue
            weight = float(np.prod(np.where(step, place - below, below + 1 - place)))
            if nodes ** len(axes) <= size:
                entry = sum(int(n) * nodes**axis for axis, n in enumerate(node))
            else:
                entry = 0
                for n, prime in zip(node.tolist(), (1, 2654435761, 805459861), strict=False):
                    entry ^= n * prime
                entry = (entry & 0xFFFFFFFF) % size
            total += weight * signs[row[4] + entry]
            weights += weight
        found += (total / weights).tolist()
    return found


def test_the_default_is_hacs_grid() -> None:
    spec = HashGridSpec()
    assert spec.sign_count == 1_766_272
    assert spec.width == 96
    assert spec.level_sizes[0] == 5832
    assert sum(spec.level_sizes[:12]) == 95_944
    assert sum(spec.level_sizes[12:16]) == 115_208
    assert spec.nodes_3d == geometric_nodes(16, 512, 12)
    assert spec.nodes_2d == geometric_nodes(128, 1024, 4)
    assert spec.table[-1].tolist() == [1, 2, -1, 1026, spec.entry_count - 32768, 32767]


def test_features_follow_hacs_border_rule() -> None:
    positions = positions_with_borders(40)[:-4]
    fixed = random_grid(SMALL).freeze()
    expected = [by_hacs_rule(SMALL, fixed.signs, position / SIDE) for position in positions]
    assert np.abs(fixed(positions) / 1024 - np.array(expected)).max() < 2**-8  # 2**-9 for weights of 10 bits an axis
    assert np.abs(fixed(positions) / 1024 - np.array(expected)).mean() < 2**-10


@given(
    nodes_3d=st.lists(st.integers(3, 60), max_size=3),
    nodes_2d=st.lists(st.integers(3, MAX_NODES), min_size=1, max_size=2),
    sizes=st.tuples(st.integers(3, 12), st.integers(3, 12), st.integers(1, 8)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_kernels_equal_their_twin_in_values_and_gradients(nodes_3d, nodes_2d, sizes, seed) -> None:
    spec = HashGridSpec(tuple(nodes_3d), tuple(nodes_2d), *sizes)
    grid, positions = random_grid(spec, seed), torch.from_numpy(positions_with_borders(200, seed))
    upstream = torch.randn((len(positions), spec.width), generator=torch.Generator().manual_seed(seed))
    found = grid(positions)
    expected = features_reference(spec, straight_through_sign(grid.parameters), positions)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    (gradient,) = torch.autograd.grad(found, grid.parameters, upstream)
    (expected_gradient,) = torch.autograd.grad(expected, grid.parameters, upstream)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-4, rtol=1e-4)
    assert not gradient[grid.parameters.abs() > 1].any()


def test_reals_and_integers_agree_within_half_a_unit() -> None:
    spec = HashGridSpec()
    grid = init_hash_grid(spec, torch.Generator().manual_seed(2))
    positions = positions_with_borders(3000, 3)
    integers = grid.freeze()(positions)
    assert integers.dtype == np.int32
    assert np.abs(integers / 1024 - grid(torch.from_numpy(positions)).detach().numpy()).max() <= 0.5001 / 1024
    assert not integers[-4:].any()
    assert np.abs(integers[:-4]).max() <= 1024


def test_batches_and_threads_change_no_bit() -> None:
    grid, positions = random_grid(SMALL), positions_with_borders(20_000)
    fixed = grid.freeze()
    whole = fixed(positions)
    assert np.array_equal(np.concatenate([fixed(positions[i : i + 999]) for i in range(0, 20_068, 999)]), whole)
    assert fixed(positions[:0]).shape == (0, SMALL.width)
    gradients, threads = [], torch.get_num_threads()
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            assert np.array_equal(fixed(positions), whole)
            loss = grid(torch.from_numpy(positions)).square().sum()
            gradients.append(torch.autograd.grad(loss, grid.parameters)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*gradients)


def test_entries_that_no_position_uses_become_positive_and_change_nothing() -> None:
    grid, positions = random_grid(SMALL), positions_with_borders(30)
    plain, cleared = grid.freeze(), grid.freeze(torch.from_numpy(positions))
    assert np.array_equal(plain(positions), cleared(positions))
    assert (cleared.signs < 0).sum() < (plain.signs < 0).sum()
    assert ((cleared.signs == plain.signs) | (cleared.signs == 1)).all()


def test_cost_of_signs_is_their_entropy_and_falls_with_its_gradient() -> None:
    parameters = torch.tensor([0.5, 0.2, 0.0, -0.1], requires_grad=True)
    bits = sign_bits(parameters)
    assert bits.item() == pytest.approx(4 * 0.811278, abs=1e-4)
    bits.backward()
    assert (parameters.grad < 0).all()  # a larger parameter is more likely +1, which most are
    assert float(sign_bits(torch.ones(1000))) < 0.1


def test_centres_of_cells_are_exact() -> None:
    assert cell_centres(np.array([[0, 1, 3]]), 2).tolist() == [[SIDE // 8, 3 * SIDE // 8, 7 * SIDE // 8]]
    assert cell_centres(np.array([[0, 0, 2**19 - 1]], np.int32), 19).tolist() == [[1, 1, SIDE - 1]]
    with pytest.raises(ValueError, match=r"0\.\.\.19"):
        cell_centres(np.zeros((1, 3), np.int32), 20)


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes_3d": (), "nodes_2d": ()},
        {"nodes_3d": (2,)},
        {"nodes_2d": (MAX_NODES + 1,)},
        {"nodes_3d": (9,) * 17},
        {"log2_table_3d": 2},
        {"log2_table_2d": 20},
        {"feature_count": 9},
        {"log2_table_3d": 19, "log2_table_2d": 19, "feature_count": 8},
    ],
)
def test_grids_beyond_the_limits_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match="expected"):
        HashGridSpec(**wrong)


def test_wrong_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="a row an entry"):
        HashGrid(SMALL, torch.zeros(5, 3))
    with pytest.raises(ValueError, match="each -1 or"):
        FixedHashGrid(SMALL, np.zeros((SMALL.entry_count, 3), np.int8))
    with pytest.raises(ValueError, match="expected integers"):
        random_grid(SMALL)(torch.zeros(4, 3))
    with pytest.raises(ValueError, match="growing"):
        geometric_nodes(16, 8, 3)
