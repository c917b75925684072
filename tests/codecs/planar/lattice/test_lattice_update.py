# SPDX-License-Identifier: Apache-2.0
"""Predicted frames on the wire: flags of all kinds, deltas, new splats, and motion that all layers share."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lattice_samples import (
    SHORT,
    STEP_CODE,
    assert_same,
    crop,
    fit,
    header,
    key_state,
    random_shapes,
    random_splats,
    short,
    timed,
)

from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.coding import (
    LayerContext,
    decode_layer,
    encode_layer,
    from_plain_rows,
    key_context,
    plain_rows,
    splats_of,
    state_of,
    tree_order,
)
from lamina.codecs.planar.lattice.fit.alignment import Scene, aligned, make_scene, squared_error
from lamina.codecs.planar.lattice.fit.canvas import make_canvas, render_pixels
from lamina.codecs.planar.lattice.fit.motion_search import BLOCK_PX, blocks_shape, estimate
from lamina.codecs.planar.lattice.fit.picture import make_sketch
from lamina.codecs.planar.lattice.fit.settle import joined
from lamina.codecs.planar.lattice.motion import (
    LONGEST_VECTOR,
    MOTION_CONTEXTS,
    NODE_PX,
    Motion,
    code_details,
    field_shape,
    motion_of,
    move_places,
)
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.codecs.planar.lattice.syntax import LatticeUpdate
from lamina.codecs.planar.lattice.update import CHANGED, KEPT, RECOLORED, REMOVED
from lamina.codecs.planar.lattice.walk import C0, PHI, RHO, M, X, Y
from lamina.codecs.planar.packing import LayerState
from lamina.entropy.binary import fresh_contexts
from lamina.entropy.walk import measured_bits, open_meter
from lamina.errors import BitstreamError

WIDTH, HEIGHT = 90, 70
FACTS = header(WIDTH, HEIGHT)
AREA = coded_area(WIDTH, HEIGHT)


def moved_rows(splats: LatticeSplats, motion: Motion | None) -> np.ndarray:
    """Rows of the frame before, moved as both sides move them."""
    x, y = splats.x.copy(), splats.y.copy()
    if motion is not None:
        move_places(x, y, motion.field, AREA)
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
    random: np.random.Generator, before: LayerState, motion: Motion | None, added: int, kinds: tuple[int, ...]
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


def random_motion(random: np.random.Generator, reach: int = 300, before: Motion | None = None) -> Motion:
    details = random.integers(-reach, reach + 1, (*field_shape(WIDTH, HEIGHT), 2)).astype(np.int32)
    details[random.random(details.shape) < 0.5] = 0
    return motion_of(details, None if before is None else before.field)


@given(seed=st.integers(0, 2**32), count=st.integers(0, 50), added=st.integers(0, 12), moving=st.booleans())
@settings(deadline=None, max_examples=25)
def test_chains_of_random_updates_come_back(seed: int, count: int, added: int, moving: bool) -> None:
    random = np.random.default_rng(seed)
    state = key_state(random_splats(random, count, WIDTH, HEIGHT), WIDTH, HEIGHT)
    before = decode_layer(FACTS, encode_layer(FACTS, state, None, ()), None, ())
    for _ in range(3):
        motion = random_motion(random, 300, before.context.motion) if moving else None
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
    move_places(x, y, random_motion(random, reach).field, AREA)
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
    assert blocks_shape(BLOCK_PX + 1, BLOCK_PX) == (1, 2)
    assert Y == X + 1


def test_a_field_is_interpolated_between_coarse_nodes() -> None:
    details = np.zeros((9, 9, 2), np.int32)
    details[0, 0], details[0, 8] = (16, -8), (16, 0)
    field = motion_of(details, None).field
    np.testing.assert_array_equal(field[0, :, 0], 64)
    np.testing.assert_array_equal(field[0, :, 1], np.arange(-32, 1, 4))
    np.testing.assert_array_equal(field[4, :, 0], 32)
    assert not field[8].any()
    details[4, 4] = (4, 0)
    finer = motion_of(details, None).field
    assert finer[4, 4, 0] == 32 + 16
    assert finer[4, 6, 0] == 32 + 8
    assert finer[0, 4, 0] == 64
    np.testing.assert_array_equal(motion_of(np.zeros_like(details), finer).field, finer)


def test_places_move_along_the_interpolated_field() -> None:
    details = np.zeros((9, 9, 2), np.int32)
    details[0, 0] = 32
    field = motion_of(details, None).field
    x, y = np.array([0, 64 * 16, 32 * 16]), np.array([0, 0, 32 * 16])
    x, y = x.astype(np.int32), y.astype(np.int32)
    move_places(x, y, field, (4 * NODE_PX * 8, 4 * NODE_PX * 8))
    np.testing.assert_array_equal(x, [128, 64 * 16 + 64, 32 * 16 + 72])
    np.testing.assert_array_equal(y, [128, 64, 32 * 16 + 72])


def test_a_field_that_stays_is_cheaper_as_a_change() -> None:
    motion = random_motion(np.random.default_rng(3))
    sizes = []
    for details, is_change in ((motion.details, False), (np.zeros_like(motion.details), True)):
        meter = open_meter()
        code_details(meter, fresh_contexts(MOTION_CONTEXTS), 0, details.copy(), is_change)
        sizes.append(measured_bits(meter))
    assert sizes[1] < 0.1 * sizes[0]


def photograph_splats() -> tuple[Scene, LatticeSplats]:
    """Splats fitted to a photograph, and the scene of the same photograph moved by 3 px."""
    wide = crop("kodim15", 80, 64)
    part = fit(timed([np.ascontiguousarray(wide[:, 3:67])]), short(200, lattice=replace(SHORT, steps=200)))[0]
    still = joined([splats_of(state) for state in part.layers])
    sketch = make_sketch(np.ascontiguousarray(wide[:, :64]), short(200), tuple(part.header.background))
    step = int(part.layers[0].integers["step"][0]) / 65536.0
    return make_scene(sketch.targets.full, still, step), still


def test_alignment_finds_what_a_camera_did() -> None:
    scene, still = photograph_splats()
    found = aligned(scene, (64, 64), key_context(0, 3, still.count), 1e-4)
    assert found is not None
    motion, moved = found
    inner = motion.field[1:4, 1:4]
    assert np.abs(np.median(inner[..., 0]) - 48) <= 4
    assert np.abs(np.median(inner[..., 1])) <= 4
    assert squared_error(scene, moved) < 0.4 * squared_error(scene, still)


def test_alignment_leaves_what_is_where_it_was() -> None:
    scene, still = photograph_splats()
    rendered = render_pixels(scene.canvas, to_parameters(still, scene.step))
    same = make_scene(make_canvas(rendered), still, scene.step)
    assert aligned(same, (64, 64), key_context(0, 3, still.count), 1e-4) is None
