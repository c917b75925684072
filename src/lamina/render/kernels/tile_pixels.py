# SPDX-License-Identifier: Apache-2.0
"""The pixels of a tile: pictures (h, w, 3) enter and leave, rows of sixteen are what the blending kernels work on.

A tile is three planes of 16 x 16 float32, one after the other, zero outside the picture; a pixel row of it is one
vector (simd.py). The Gaussian over a row is here too; its exp is a polynomial, since the cut-off bounds the argument.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled
from lamina.render.constants import CUTOFF_EXPONENT, TILE_AREA_PX, TILE_PX
from lamina.render.kernels.simd import choose_above, keep_above, load_row, load_triples, store_row, store_triples

# exp(p) for p in [-ln 255, 0] as poly(p / 16)^16; the polynomial is exp's on [-0.3465, 0], minimax degree 4 (relative
# error 1.3e-6 after the power), in powers of p.
E0, E1, E2, E3, E4 = (
    np.float32(value / 16.0**power)
    for power, value in enumerate(
        (0.9999999189895517, 0.9999888873646101, 0.4997504244476486, 0.16467033242596515, 0.034997879067121006)
    )
)
FLOOR = np.float32(-CUTOFF_EXPONENT)
ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)

COLUMN = (np.arange(TILE_AREA_PX) % TILE_PX + 0.5).astype(np.float32)
ROW = (np.arange(TILE_AREA_PX) // TILE_PX + 0.5).astype(np.float32)

GREEN = np.uint64(TILE_AREA_PX)
BLUE = np.uint64(2 * TILE_AREA_PX)
NEXT_ROW = np.uint64(TILE_PX)


@compiled(inline="always", fastmath=True)
def gaussian_row(power, most):
    """exp(power) of a row, zero beyond the cut-off. What lanes beyond it compute is finite or not: it is not kept.

    A power above `most`, which it has at the centre, is rounding: of a needle, whose conic's terms cancel. It counts as
    `most`, or the polynomial would grow with its sixteenth power.
    """
    power = choose_above(most, power, power, most)
    e = (((power * E4 + E3) * power + E2) * power + E1) * power + E0
    e = e * e
    e = e * e
    e = e * e
    return keep_above(e * e, power, FLOOR)


@compiled()
def read_tile(pixels, left, upper, tile):
    """Three planes of one tile from contiguous (h, w, 3); what lies beyond the picture is left as it is."""
    height, width, _ = pixels.shape
    columns = min(TILE_PX, width - left)
    for row in range(min(TILE_PX, height - upper)):
        to = row * TILE_PX
        if columns == TILE_PX:
            planes = load_triples(pixels, ((upper + row) * width + left) * 3)
            store_row(tile, to, planes[0])
            store_row(tile, to + TILE_AREA_PX, planes[1])
            store_row(tile, to + 2 * TILE_AREA_PX, planes[2])
        else:
            for column in range(columns):
                for channel in range(3):
                    tile[to + column + channel * TILE_AREA_PX] = pixels[upper + row, left + column, channel]


@compiled()
def write_tile(tile, pixels, left, upper):
    """The inverse of `read_tile`."""
    height, width, _ = pixels.shape
    columns = min(TILE_PX, width - left)
    for row in range(min(TILE_PX, height - upper)):
        at = row * TILE_PX
        if columns == TILE_PX:
            planes = (load_row(tile, at), load_row(tile, at + TILE_AREA_PX), load_row(tile, at + 2 * TILE_AREA_PX))
            store_triples(pixels, ((upper + row) * width + left) * 3, planes)
        else:
            for column in range(columns):
                for channel in range(3):
                    pixels[upper + row, left + column, channel] = tile[at + column + channel * TILE_AREA_PX]


@compiled(parallel=True)
def read_tiles(pixels, tiles):
    """Fills (tiles, 768) from (h, w, 3)."""
    tiles_x = (pixels.shape[1] + TILE_PX - 1) // TILE_PX
    for tile in prange(tiles.shape[0]):
        tiles[tile, :] = ZERO
        read_tile(pixels, (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX, tiles[tile])


@compiled(parallel=True)
def write_tiles(tiles, pixels):
    """Fills (h, w, 3) from (tiles, 768)."""
    tiles_x = (pixels.shape[1] + TILE_PX - 1) // TILE_PX
    for tile in prange(tiles.shape[0]):
        write_tile(tiles[tile], pixels, (tile % tiles_x) * TILE_PX, (tile // tiles_x) * TILE_PX)


def to_tiles(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 3) -> (tiles, 768): planes of each 16 x 16 tile one after the other, zero beyond the picture."""
    height, width, _ = pixels.shape
    tiles = np.empty((-(-height // TILE_PX) * -(-width // TILE_PX), 3 * TILE_AREA_PX), np.float32)
    read_tiles(np.ascontiguousarray(pixels, np.float32), tiles)
    return tiles


def from_tiles(tiles: np.ndarray, width: int, height: int) -> np.ndarray:
    """(tiles, 768) -> (h, w, 3): the inverse of `to_tiles`."""
    pixels = np.empty((height, width, 3), np.float32)
    write_tiles(np.ascontiguousarray(tiles, np.float32), pixels)
    return pixels
