# SPDX-License-Identifier: Apache-2.0
"""Key frames on the wire: any lattice splats come back as they were, at the size that the meter says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lattice_samples import assert_on_lattice, assert_same, crop, fit, header, key_state, random_splats, short, still

from lamina.codecs.planar.lattice import priors, steps, walk
from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer, splats_of, split_shape, to_rows, walk_splats
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area
from lamina.codecs.planar.lattice.syntax import LatticeLayer, breakdown
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.entropy.walk import measured_bits, open_meter
from lamina.errors import BitstreamError

WIDEST = (1 << 15, 1 << 12)
"""The largest picture that a header may claim."""


def there_and_back(splats: LatticeSplats, width: int, height: int, layer: int = 0, layers: int = 3) -> LayerState:
    """Writes and reads a layer, and checks that it is the same."""
    facts = header(width, height, layers)
    state = key_state(splats, width, height, layer, layers)
    below = (state,) * layer
    payload = encode_layer(facts, state, None, below)
    decoded = decode_layer(facts, payload, None, below)
    assert_same(decoded, state)
    assert sum(breakdown(payload).values()) == len(payload)
    return decoded


def sorted_rows(splats: LatticeSplats) -> np.ndarray:
    """Splats as a set: rows in an order of their own."""
    columns = [splats.k, splats.m, splats.rho, splats.phi, splats.x, splats.y, *splats.color.T]
    rows = np.stack(columns, axis=1)
    return rows[np.lexsort(rows.T)]


@given(seed=st.integers(0, 2**32), count=st.integers(0, 80), layer=st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_random_splats_come_back(seed: int, count: int, layer: int) -> None:
    random = np.random.default_rng(seed)
    width, height = (int(side) for side in random.integers(1, 300, 2))
    splats = random_splats(random, count, width, height)
    decoded = there_and_back(splats, width, height, layer)
    np.testing.assert_array_equal(sorted_rows(splats_of(decoded)), sorted_rows(splats))


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (1 << 15, 1), (17, 3), WIDEST])
@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_pictures_of_any_size_hold_any_count(size: tuple[int, int], count: int) -> None:
    there_and_back(random_splats(np.random.default_rng(count), count, *size), *size)


def test_many_splats_share_a_cell() -> None:
    splats = random_splats(np.random.default_rng(5), 300, 2, 2)
    there_and_back(splats, 2, 2)
    in_a_corner = random_splats(np.random.default_rng(6), 300, 2, 2)
    there_and_back(in_a_corner, *WIDEST)


@pytest.mark.parametrize("k", range(steps.CLASSES))
def test_extreme_shapes_and_colors_come_back(k: int) -> None:
    unit = steps.shape_step(k)
    lowest, highest, longest = -(-steps.M_LOWEST // unit), steps.M_HIGHEST // unit, steps.RHO_LIMIT // unit
    bins = steps.angle_bins(k, longest * unit, steps.stored_tables()[0])
    rows = [
        (m, rho, phi)
        for m in (lowest, highest)
        for rho in (0, 1, longest)
        for phi in (0, bins - 1)
        if rho > 1 or not phi
    ]
    m, rho, phi = (np.array(column, np.int32) for column in zip(*rows, strict=True))
    classes = np.full(len(rows), k, np.int32)
    half = 1 << (steps.position_grids(classes, m, rho) + 3)
    largest = (1 << 24) - 1
    color = np.array([[largest, -largest, 0], [0, 0, -1], [-largest, 0, largest]], np.int32)
    there_and_back(LatticeSplats(classes, m, rho, phi, half, half, np.resize(color, (len(rows), 3))), 64, 48)


def test_splats_beyond_the_format_are_refused_when_writing() -> None:
    good = random_splats(np.random.default_rng(7), 4, 64, 48)
    color = good.color.copy()
    color[2, 1] = 1 << 24
    state = key_state(LatticeSplats(good.k, good.m, good.rho, good.phi, good.x, good.y, color), 64, 48)
    with pytest.raises(ValueError, match="out of"):
        encode_layer(header(64, 48), state, None, ())


def test_a_stream_is_as_long_as_its_meter_says() -> None:
    splats = random_splats(np.random.default_rng(8), 1500, 500, 400)
    facts, state = header(500, 400), key_state(splats, 500, 400)
    payload = encode_layer(facts, state, None, ())
    _, head_bytes = LatticeLayer.unpack(payload)
    meter = open_meter()
    contexts = priors.fresh_contexts(0, facts.levels)
    walk_splats(meter, split_shape(facts, 0), contexts, *to_rows(splats_of(state)), walk.cells_of(500, 400))
    bits = measured_bits(meter)
    assert abs(8 * (len(payload) - head_bytes) - bits) < 0.001 * bits + 40


def test_trained_counts_pay_on_a_photograph_that_they_have_not_seen() -> None:
    part = fit(still(crop("kodim15")), short(60))[0]
    rows, fine = to_rows(splats_of(part.layers[0]))
    cells = walk.cells_of(64, 48)
    cost = []
    for contexts in (priors.fresh_contexts(0, 3), np.tile(np.int32([16, 16, 32 * 256]), (walk.CONTEXT_COUNT, 1))):
        meter = open_meter()
        walk_splats(meter, split_shape(part.header, 0), contexts, rows.copy(), fine.copy(), cells)
        cost.append(measured_bits(meter))
    assert cost[0] < 0.95 * cost[1]


def test_the_areas_of_positions_are_whole_cells() -> None:
    assert coded_area(1, 1) == (2, 2)
    assert coded_area(7, 8) == (8, 8)
    assert walk.cells_of(7, 8) == (4, 4)


def damaged(payload: bytes, facts: PlanarHeader) -> LayerState:
    decoded = decode_layer(facts, payload, None, ())
    assert_on_lattice(splats_of(decoded), facts.width, facts.height)
    return decoded


def test_reading_rejects_other_lengths_and_other_frames() -> None:
    facts = header(64, 48)
    payload = encode_layer(facts, key_state(random_splats(np.random.default_rng(9), 20, 64, 48), 64, 48), None, ())
    with pytest.raises(BitstreamError, match="empty"):
        damaged(b"", facts)
    with pytest.raises(BitstreamError):
        damaged(payload[:-1], facts)
    with pytest.raises(BitstreamError):
        damaged(payload + b"\0", facts)
    with pytest.raises(BitstreamError, match="frame before"):
        damaged(bytes([payload[0] | 128]) + payload[1:], facts)
