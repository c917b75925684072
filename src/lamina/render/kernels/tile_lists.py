# SPDX-License-Identifier: Apache-2.0
"""Splats -> tile lists: which splats touch which 16 x 16 tile, and which of its rows. Counting sort, exact extents.

Entries of a tile are in splat order, whatever the number of threads, so sums over a list are reproducible.

No fastmath here: lists are counted in one kernel and filled in another, and both must round every extent alike, or a
splat on the border of a tile is written where no room was counted for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import CUTOFF_MAHALANOBIS_SQUARED, TILE_PX

TILE = np.int64(TILE_PX)
ZERO = np.float32(0.0)
CUTOFF = np.float32(CUTOFF_MAHALANOBIS_SQUARED)


MOMENTS = 9
"""Sums that rendering kernels gather of every entry: three colors, then a Gaussian's six of order nought to two."""

ENTRY_LIMIT = 1 << 28
"""Entries at most: lists of 2.4 GB, 9.7 GB of moments on the way back. Models from outside can ask for any number."""


class TileLists(NamedTuple):
    """Splats by tile, in one flat list."""

    tile_starts: np.ndarray
    """(tiles + 1,) int64: entries of tile i are entry[tile_starts[i]:tile_starts[i + 1]]."""
    entry_splat: np.ndarray
    """(entries,) int32: splat of each entry."""
    entry_rows: np.ndarray
    """(entries,) uint8: first row * 16 + last row (inclusive) that the splat touches inside the tile."""
    splat_starts: np.ndarray
    """(n + 1,) int64: entries of splat i are splat_entries[splat_starts[i]:splat_starts[i + 1]]."""
    splat_entries: np.ndarray
    """(entries,) int32: where in the flat list each splat's entries stand."""


@compiled(inline="always")
def ellipse_boundary(variance_u, variance_v, covariance):
    """The cut-off ellipse as u(v) = slope v +- sqrt(chord - ratio v^2), |v| <= reach; u is largest at v = peak."""
    slope = covariance / variance_v
    chord = CUTOFF * max(variance_u - slope * covariance, np.float32(0.0))
    ratio = chord / (CUTOFF * variance_v)
    return slope, chord, ratio, math.sqrt(CUTOFF * variance_v), covariance * math.sqrt(CUTOFF / variance_u)


@compiled(inline="always")
def band_extent(boundary, low, high):
    """Extent along u of an ellipse where v is in [low, high] (relative to the centre); (1, -1) when it misses.

    The boundary is concave, so its maximum over a band lies at the unconstrained maximum clamped into the band.
    """
    slope, chord, ratio, reach, peak = boundary
    low = max(low, -reach)
    high = min(high, reach)
    if low > high:
        return np.float32(1.0), np.float32(-1.0)
    v_right = min(max(peak, low), high)
    v_left = min(max(-peak, low), high)
    right = slope * v_right + math.sqrt(max(np.float32(0.0), chord - ratio * v_right * v_right))
    left = slope * v_left - math.sqrt(max(np.float32(0.0), chord - ratio * v_left * v_left))
    return left, right


@compiled(inline="always")
def first_last(low, high, count):
    """Pixel-centre samples i + 0.5 of 0...count-1 inside [low, high], a little generous against rounding."""
    first = max(0, math.ceil(low - np.float32(0.501)))
    last = min(count - 1, math.floor(high - np.float32(0.499)))
    return first, last


@compiled(inline="always")
def tile_row_span(across, x, y, tile_row, width):
    """Tiles (first, last) of a tile row that a splat touches; `across` is its boundary x(y)."""
    low = np.float32(tile_row * TILE) + np.float32(0.5) - y
    left, right = band_extent(across, low, low + np.float32(TILE - 1))
    first, last = first_last(x + left, x + right, width)
    if left > right or first > last:
        return 1, 0
    return first // TILE, last // TILE


@compiled(inline="always")
def splat_rows(geometry, i, height):
    """Pixel rows (first, last) that splat i touches; (1, 0) for none or for a splat that is not finite."""
    reach = math.sqrt(CUTOFF * geometry[7, i])
    y = geometry[1, i]
    if not (abs(y) < np.float32(1e9) and reach < np.float32(1e9) and abs(geometry[0, i]) < np.float32(1e9)):
        return 1, 0
    return first_last(y - reach, y + reach, height)


@compiled()
def count_chunk(geometry, width, height, begin, end, drawn, counts, splat_counts):
    """Entries of each tile that is drawn from splats begin...end - 1, and of each of them."""
    tiles_x = (width + TILE - 1) // TILE
    for i in range(begin, end):
        total = 0
        first_row, last_row = splat_rows(geometry, i, height)
        if first_row <= last_row:
            across = ellipse_boundary(geometry[5, i], geometry[7, i], geometry[6, i])
            for tile_row in range(first_row // TILE, last_row // TILE + 1):
                first, last = tile_row_span(across, geometry[0, i], geometry[1, i], tile_row, width)
                for tile_column in range(first, last + 1):
                    tile = tile_row * tiles_x + tile_column
                    if drawn[tile]:
                        counts[tile] += 1
                        total += 1
        splat_counts[i] = total


@compiled(parallel=True)
def count_entries(geometry, width, height, chunk_count, drawn, counts, splat_counts):
    """Entries of each (chunk of splats, tile that is drawn), and of each splat.

    What a chunk needs is a kernel of its own: Numba takes several times as long for what stands inside of a prange.
    """
    n = geometry.shape[1]
    for chunk in prange(chunk_count):
        begin, end = n * chunk // chunk_count, n * (chunk + 1) // chunk_count
        count_chunk(geometry, width, height, begin, end, drawn, counts[chunk], splat_counts)


@compiled()
def prefix_sums(counts, splat_counts, tile_starts, splat_starts):
    """Counts -> first positions, in place for `counts`."""
    position = 0
    for tile in range(counts.shape[1]):
        tile_starts[tile] = position
        for chunk in range(counts.shape[0]):
            count = counts[chunk, tile]
            counts[chunk, tile] = position
            position += count
    tile_starts[counts.shape[1]] = position
    position = 0
    for i in range(splat_counts.shape[0]):
        splat_starts[i] = position
        position += splat_counts[i]
    splat_starts[splat_counts.shape[0]] = position


@compiled()
def fill_chunk(geometry, shape, begin, end, drawn, positions, splat_starts, entry_splat, entry_rows, splat_entries):
    """Writes splats begin...end - 1 into the lists of their tiles, of a picture of `shape` (width, height)."""
    width, height = shape
    tiles_x = (width + TILE - 1) // TILE
    for i in range(begin, end):
        slot = splat_starts[i]
        first_row, last_row = splat_rows(geometry, i, height)
        if first_row > last_row:
            continue
        x, y = geometry[0, i], geometry[1, i]
        across = ellipse_boundary(geometry[5, i], geometry[7, i], geometry[6, i])
        down = ellipse_boundary(geometry[7, i], geometry[5, i], geometry[6, i])
        for tile_row in range(first_row // TILE, last_row // TILE + 1):
            first, last = tile_row_span(across, x, y, tile_row, width)
            center = y - np.float32(tile_row * TILE)
            for tile_column in range(first, last + 1):
                tile = tile_row * tiles_x + tile_column
                if not drawn[tile]:
                    continue
                low = np.float32(tile_column * TILE) + np.float32(0.5) - x
                top, bottom = band_extent(down, low, low + np.float32(TILE - 1))
                row0, row1 = first_last(center + top, center + bottom, TILE)
                row0 = min(row0, TILE - 1)
                row1 = max(row1, row0)
                position = positions[tile]
                positions[tile] = position + 1
                entry_splat[position] = i
                entry_rows[position] = row0 * TILE + row1
                splat_entries[slot] = position
                slot += 1


@compiled(parallel=True)
def fill_entries(
    geometry, width, height, chunk_count, drawn, positions, splat_starts, entry_splat, entry_rows, splat_entries
):
    """Writes each splat into its tiles' lists at the positions counted before."""
    n = geometry.shape[1]
    for chunk in prange(chunk_count):
        begin, end = n * chunk // chunk_count, n * (chunk + 1) // chunk_count
        fill_chunk(
            geometry, (width, height), begin, end, drawn, positions[chunk], splat_starts, entry_splat, entry_rows,
            splat_entries,
        )  # fmt: skip


@compiled(parallel=True, fastmath=True)
def gather_moments(splat_starts, splat_entries, entry_moments, out):
    """Sums the moments of each splat's entries: (n, 9). One writer a splat: the same sums on any thread count."""
    for i in prange(splat_starts.shape[0] - 1):
        for j in range(MOMENTS):
            out[i, j] = ZERO
        for s in range(splat_starts[i], splat_starts[i + 1]):
            k = splat_entries[s]
            for j in range(MOMENTS):
                out[i, j] += entry_moments[k, j]


def build_tile_lists(
    geometry: np.ndarray, width: int, height: int, chunk_count: int = 2, drawn: np.ndarray | None = None
) -> TileLists:
    """Tile lists of all splats.

    Args:
        geometry: (8, n) float32 rows x, y (pixels), conic xx, xy, yy, covariance xx, xy, yy (pixels squared).
        width: pixels.
        height: pixels.
        chunk_count: pieces counted in parallel; the lists do not depend on it.
        drawn: (tiles,) bool, row by row: the lists of all others are empty; None: all are.

    Raises:
        ValueError: more than `ENTRY_LIMIT` entries.
    """
    n = geometry.shape[1]
    tiles = -(-width // TILE_PX) * -(-height // TILE_PX)
    drawn = np.ones(tiles, np.bool_) if drawn is None else drawn
    counts = np.zeros((chunk_count, tiles), np.int64)
    splat_counts = np.empty(n, np.int64)
    tile_starts = np.empty(tiles + 1, np.int64)
    splat_starts = np.empty(n + 1, np.int64)
    count_entries(geometry, width, height, chunk_count, drawn, counts, splat_counts)
    prefix_sums(counts, splat_counts, tile_starts, splat_starts)
    entries = int(tile_starts[-1])
    if entries > ENTRY_LIMIT:
        raise ValueError(
            f"{n} splats touch {entries} tiles in all, at most {ENTRY_LIMIT} fit: most are as large as the picture"
        )
    entry_splat = np.empty(entries, np.int32)
    entry_rows = np.empty(entries, np.uint8)
    splat_entries = np.empty(entries, np.int32)
    fill_entries(
        geometry, width, height, chunk_count, drawn, counts, splat_starts, entry_splat, entry_rows, splat_entries
    )
    return TileLists(tile_starts, entry_splat, entry_rows, splat_starts, splat_entries)
