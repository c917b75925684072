# SPDX-License-Identifier: Apache-2.0
"""Predicted frames on the wire: flags of all kinds, deltas, new splats, and motion that all layers share."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lattice_samples import STEP_CODE, assert_same, header, key_state, random_shapes, random_splats

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.coding import (
    LayerContext,
    decode_layer,
    encode_layer,
    from_plain_rows,
    plain_rows,
    splats_of,
    state_of,
    tree_order,
)
from lamina.codecs.planar.lattice.motion import BLOCK_PX, LONGEST_VECTOR, estimate, field_shape, move_places
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area
from lamina.codecs.planar.lattice.syntax import LatticeUpdate
from lamina.codecs.planar.lattice.update import CHANGED, KEPT, RECOLORED, REMOVED
from lamina.codecs.planar.lattice.walk import C0, PHI, RHO, M, X, Y
from lamina.codecs.planar.model import LayerState
from lamina.errors import BitstreamError

WIDTH, HEIGHT = 90, 70
FACTS = header(WIDTH, HEIGHT)
AREA = coded_area(WIDTH, HEIGHT)


def moved_rows(splats: LatticeSplats, motion: np.ndarray | None) -> np.ndarray:
    """Rows of the frame before, moved as both sides move them."""
    x, y = splats.x.copy(), splats.y.copy()
    if motion is not None:
        move_places(x, y, motion, AREA)
    return plain_rows(replace(splats, x=x, y=y))


def reshape(random: np.random.Generator, splats: LatticeSplats, rows: np.ndarray, chosen: np.ndarray) -> None:
    """New geometry for the chosen rows, in their classes; positions move by whole cells of the new grid, inside."""
    k = splats.k[chosen]
    m, rho, phi = random_shapes(random, k)
    rows[chosen, M], rows[chosen, RHO], rows[chosen, PHI] = m, rho, phi
    shift = steps.position_grids(k, m, rho) + 4
    for axis in range(2):
        here = rows[chosen, X + axis]
        low, high = -(here >> shift), (AREA[axis] * 16 - 1 - here) >> shift
        rows[chosen, X + axis] = here + (random.integers(low, high + 1) << shift)


def next_state(
    random: np.random.Generator, before: LayerState, motion: np.ndarray | None, added: int, kinds: tuple[int, ...]
) -> LayerState:
    """A frame after `before`, with flags drawn from `kinds`."""
    old = splats_of(before)
    rows = moved_rows(old, motion)
    flags = random.choice(np.array(kinds, np.uint8), old.count)
    reshape(random, old, rows, np.flatnonzero(flags == CHANGED))
    recolored = np.flatnonzero((flags == CHANGED) | (flags == RECOLORED))
    rows[recolored, C0:] += random.integers(-40, 41, (len(recolored), 3)).astype(np.int32)
    new = plain_rows(tree_order(random_splats(random, added, WIDTH, HEIGHT), WIDTH, HEIGHT))
    splats = from_plain_rows(np.concatenate([rows[flags != REMOVED], new]))
    context = LayerContext(before.context.contexts, before.context.update_contexts, flags, added, motion)
    return state_of(splats, STEP_CODE, context)


def random_motion(random: np.random.Generator, reach: int = 300) -> np.ndarray:
    return random.integers(-reach, reach + 1, (*field_shape(WIDTH, HEIGHT), 2)).astype(np.int32)


@given(seed=st.integers(0, 2**32), count=st.integers(0, 50), added=st.integers(0, 12), moving=st.booleans())
@settings(deadline=None, max_examples=25)
def test_chains_of_random_updates_come_back(seed: int, count: int, added: int, moving: bool) -> None:
    random = np.random.default_rng(seed)
    state = key_state(random_splats(random, count, WIDTH, HEIGHT), WIDTH, HEIGHT)
    before = decode_layer(FACTS, encode_layer(FACTS, state, None, ()), None, ())
    for _ in range(3):
        motion = random_motion(random) if moving else None
        after = next_state(random, before, motion, added, (KEPT, KEPT, RECOLORED, CHANGED, REMOVED))
        payload = encode_layer(FACTS, after, before, ())
        decoded = decode_layer(FACTS, payload, before, ())
        assert_same(decoded, after)
        np.testing.assert_array_equal(decoded.context.flags, after.context.flags)
        before = decoded


@pytest.mark.parametrize("kind", [KEPT, RECOLORED, CHANGED, REMOVED])
def test_frames_with_one_kind_of_change_come_back(kind: int) -> None:
    random = np.random.default_rng(kind)
    before = key_state(random_splats(random, 30, WIDTH, HEIGHT), WIDTH, HEIGHT)
    after = next_state(random, before, None, 0, (kind,))
    payload = encode_layer(FACTS, after, before, ())
    decoded = decode_layer(FACTS, payload, before, ())
    assert_same(decoded, after)
    assert splats_of(decoded).count == (0 if kind == REMOVED else 30)
    head, head_bytes = LatticeUpdate.unpack(payload)
    assert head.has_updates == (kind != KEPT)
    if kind == KEPT:
        assert len(payload) == head_bytes <= 2


def test_upper_layers_move_with_the_base() -> None:
    random = np.random.default_rng(11)
    layers = [key_state(random_splats(random, 25, WIDTH, HEIGHT), WIDTH, HEIGHT, layer) for layer in range(3)]
    motion = random_motion(random)
    below: tuple[LayerState, ...] = ()
    for before in layers:
        after = next_state(random, before, motion, 3, (KEPT, CHANGED))
        payload = encode_layer(FACTS, after, before, below)
        assert LatticeUpdate.unpack(payload)[0].has_motion == (not below)
        decoded = decode_layer(FACTS, payload, before, below)
        assert_same(decoded, after)
        below = (*below, decoded)
    with pytest.raises(BitstreamError, match="base layer"):
        decode_layer(
            FACTS,
            encode_layer(FACTS, next_state(random, layers[1], motion, 0, (KEPT,)), layers[1], ()),
            layers[1],
            below[:1],
        )


@pytest.mark.parametrize("reach", [0, 1, LONGEST_VECTOR])
def test_places_stay_in_the_picture_however_far_they_move(reach: int) -> None:
    random = np.random.default_rng(reach)
    splats = random_splats(random, 200, WIDTH, HEIGHT)
    x, y = splats.x.copy(), splats.y.copy()
    move_places(x, y, random_motion(random, reach), AREA)
    assert np.all((x >= 0) & (x < 16 * AREA[0]) & (y >= 0) & (y < 16 * AREA[1]))
    if reach == 0:
        np.testing.assert_array_equal(x, splats.x)
        np.testing.assert_array_equal(y, splats.y)


def texture(width: int, height: int, shift: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    x, y = x - shift[0], y - shift[1]
    waves = np.sin(0.31 * x + 0.11 * y) + np.cos(0.23 * y - 0.09 * x) + np.sin(0.05 * x * math.pi + 0.17 * y)
    return (0.2 * waves).astype(np.float32)


def test_motion_of_a_picture_is_found() -> None:
    field = estimate(texture(96, 64, (5.0, -3.25)), texture(96, 64), 1e-4)
    assert field.shape == (2, 3, 2)
    assert np.abs(field[:, 1] - np.array([20, -13])).max() <= 1


def test_no_motion_is_found_where_it_does_not_pay() -> None:
    same = texture(96, 64)
    assert not estimate(same, same, 1e-4).any()
    noise = np.random.default_rng(1).normal(0, 1e-3, same.shape).astype(np.float32)
    assert not estimate(same + noise, same, 1e-2).any()
    assert estimate(same[:5, :7].copy(), same[:5, :7].copy(), 1e-4).shape == (1, 1, 2)
    assert field_shape(BLOCK_PX + 1, BLOCK_PX) == (1, 2)
    assert Y == X + 1
