# SPDX-License-Identifier: Apache-2.0
"""Tile lists, of the CPU kernel and of plain PyTorch: nothing that a splat touches is missed, and order is kept."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.render.constants import CUTOFF_EXPONENT
from lamina.render.gaussians2d import log_euclidean_to_covariance
from lamina.render.kernels import tile_lists
from lamina.render.kernels.planar_splats import prepare_splats
from lamina.render.kernels.tile_lists import build_tile_lists
from lamina.render.tile_entries import invert_covariances, list_tile_entries

INSIDE = 0.999
"""Share of the cut-off up to which a pixel must be covered: nearer to the ellipse, rounding decides."""


@st.composite
def scenes(draw):
    """Width, height and a few splats: rows x, y, log scale, anisotropies."""
    width, height = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    place = st.floats(-40.0, 110.0, width=32)
    rows = st.tuples(place, place, st.floats(-3.0, 4.0), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
    return width, height, np.array(draw(st.lists(rows, min_size=1, max_size=6)), np.float64)


def tensors_of(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    values = torch.from_numpy(rows)
    shapes = log_euclidean_to_covariance(*values[:, 2:].unbind(dim=1))
    return values[:, :2].float(), shapes.float()


def geometry_of(positions: torch.Tensor, covariances: torch.Tensor) -> np.ndarray:
    n = positions.shape[0]
    geometry, planes = np.empty((8, n), np.float32), np.empty((3, n), np.float32)
    prepare_splats(positions.numpy(), covariances.numpy(), np.zeros((n, 3), np.float32), geometry, planes)
    return geometry


def touched_pixels(geometry: np.ndarray, i: int, width: int, height: int) -> np.ndarray:
    """Rows (x, y) of pixels whose centres are inside the ellipse."""
    x, y, a, b, c = geometry[:5, i].astype(np.float64)
    ys, xs = np.mgrid[0:height, 0:width]
    dx, dy = xs + 0.5 - x, ys + 0.5 - y
    power = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
    inside = power < INSIDE * CUTOFF_EXPONENT
    return np.stack([xs[inside], ys[inside]], axis=1)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(scenes())
def test_every_touched_pixel_is_in_an_entry(scene):
    width, height, rows = scene
    positions, covariances = tensors_of(rows)
    geometry = geometry_of(positions, covariances)
    lists = build_tile_lists(geometry, width, height)
    _, usable = invert_covariances(positions, covariances)
    entries = list_tile_entries(positions, covariances, usable, width, height)
    pairs = set(zip(entries.splat.tolist(), entries.tile.tolist(), strict=True))
    tiles_x = -(-width // 16)
    rows_of = {}
    for tile in range(len(lists.tile_starts) - 1):
        for k in range(lists.tile_starts[tile], lists.tile_starts[tile + 1]):
            rows_of[int(lists.entry_splat[k]), tile] = divmod(int(lists.entry_rows[k]), 16)
    for i in range(len(rows)):
        for x, y in touched_pixels(geometry, i, width, height).tolist():
            tile = (y // 16) * tiles_x + x // 16
            assert (i, tile) in rows_of
            first, last = rows_of[i, tile]
            assert first <= y % 16 <= last
            assert (i, tile) in pairs


@settings(max_examples=40, deadline=None, derandomize=True)
@given(scenes(), st.integers(1, 5))
def test_lists_are_sorted_complete_and_independent_of_chunks(scene, chunk_count):
    width, height, rows = scene
    geometry = geometry_of(*tensors_of(rows))
    lists = build_tile_lists(geometry, width, height)
    for one, other in zip(lists, build_tile_lists(geometry, width, height, chunk_count), strict=True):
        assert np.array_equal(one, other)
    assert lists.tile_starts[-1] == lists.splat_starts[-1] == len(lists.entry_splat)
    for tile in range(len(lists.tile_starts) - 1):
        assert np.all(np.diff(lists.entry_splat[lists.tile_starts[tile] : lists.tile_starts[tile + 1]]) > 0)
    for i in range(len(rows)):
        own = lists.splat_entries[lists.splat_starts[i] : lists.splat_starts[i + 1]]
        assert np.all(lists.entry_splat[own] == i)


def test_lists_are_tight_for_a_diagonal_splat():
    """A thin diagonal must not fill its bounding box: 8 x 8 tiles, of which it touches a band."""
    positions = torch.tensor([[64.0, 64.0]])
    covariances = torch.tensor([[500.0, 495.0, 500.0]])
    lists = build_tile_lists(geometry_of(positions, covariances), 128, 128)
    assert 8 <= len(lists.entry_splat) <= 24
    spans = (lists.entry_rows & 15) - (lists.entry_rows >> 4)
    assert int(spans.min()) < 15


@pytest.mark.parametrize("place", [(-500.0, 10.0), (10.0, 5000.0), (1e8, 1e8), (-3e38, 0.0), (math.nan, 0.0)])
def test_lists_reject_splats_outside(place):
    lists = build_tile_lists(geometry_of(torch.tensor([place]), torch.tensor([[9.0, 0.0, 9.0]])), 64, 48)
    assert len(lists.entry_splat) == 0
    assert np.array_equal(lists.tile_starts, np.zeros(13))


def test_lists_reject_more_entries_than_memory_holds(monkeypatch):
    monkeypatch.setattr(tile_lists, "ENTRY_LIMIT", 11)
    geometry = geometry_of(torch.tensor([[32.0, 24.0]]), torch.tensor([[1e6, 0.0, 1e6]]))
    with pytest.raises(ValueError, match="1 splats touch 12 tiles in all, at most 11"):
        build_tile_lists(geometry, 64, 48)
