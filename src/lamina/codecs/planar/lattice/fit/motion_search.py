# SPDX-License-Identifier: Apache-2.0
"""Motion between two pictures, on the encoder's side: one vector a block, by search.

A first guess for `alignment`: it finds motion that is too far for a gradient to lead to.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int32
from numba import prange

from lamina.codecs.planar.lattice.fit.placement import blur
from lamina.compiled import compiled

BLOCK_PX = 32
"""Side of a block in full-size pixels."""

REACH_PX = 24
"""Longest motion searched, each way."""

VECTOR_UNITS = 4
"""Vectors count in 1/4 px."""

VECTOR_BITS = 8.0
"""Typical cost of a vector that differs from its neighbour's: worth this much squared error in the search."""


def blocks_shape(width: int, height: int) -> tuple[int, int]:
    """Blocks down and across."""
    return -(-height // BLOCK_PX), -(-width // BLOCK_PX)


@compiled(inline="always", fastmath=True)
def block_error(now, before, top, left, bottom, right, dx, dy):
    """Squared error of a block predicted from (x - dx, y - dy), bilinear; `dx`, `dy` in 1/4 px."""
    height, width = now.shape
    whole_x, whole_y = dx >> 2, dy >> 2
    part_x, part_y = np.float32((dx & 3) * 0.25), np.float32((dy & 3) * 0.25)
    # Content moved by +d: it was at x - d, that is at x - whole - part.
    total = np.float32(0.0)
    for y in range(top, bottom):
        y1 = min(max(y - whole_y, 0), height - 1)
        y0 = min(max(y - whole_y - 1, 0), height - 1)
        for x in range(left, right):
            x1 = min(max(x - whole_x, 0), width - 1)
            x0 = min(max(x - whole_x - 1, 0), width - 1)
            upper = before[y0, x1] + part_x * (before[y0, x0] - before[y0, x1])
            lower = before[y1, x1] + part_x * (before[y1, x0] - before[y1, x1])
            difference = now[y, x] - (lower + part_y * (upper - lower))
            total += difference * difference
    return total


@compiled(parallel=True, fastmath=True)
def search(now, before, seeds, penalty, out):
    """Best vector of each block: the candidates' best, then steps of 8...1/4 px around it. (rows, columns, 2) out."""
    height, width = now.shape
    for row in prange(out.shape[0]):
        for column in range(out.shape[1]):
            top, left = row * BLOCK_PX, column * BLOCK_PX
            bottom, right = min(top + BLOCK_PX, height), min(left + BLOCK_PX, width)
            best_x, best_y = 0, 0
            best = block_error(now, before, top, left, bottom, right, 0, 0) - penalty
            for k in range(seeds.shape[0]):
                error = block_error(now, before, top, left, bottom, right, seeds[k, 0], seeds[k, 1])
                if error < best:
                    best, best_x, best_y = error, seeds[k, 0], seeds[k, 1]
            step = 32
            while step >= 1:
                center_x, center_y = best_x, best_y
                for move_y in range(-1, 2):
                    for move_x in range(-1, 2):
                        dx, dy = center_x + step * move_x, center_y + step * move_y
                        if abs(dx) > 4 * REACH_PX or abs(dy) > 4 * REACH_PX:
                            continue
                        error = block_error(now, before, top, left, bottom, right, dx, dy)
                        if error < best:
                            best, best_x, best_y = error, dx, dy
                if best_x == center_x and best_y == center_y:
                    step >>= 1
            out[row, column, 0], out[row, column, 1] = best_x, best_y


def global_seeds(now: Float32[np.ndarray, "h w"], before: Float32[np.ndarray, "h w"]) -> Int32[np.ndarray, "k 2"]:
    """Likely motions of the whole picture: peaks of phase correlation, in 1/4 px."""
    spectrum = np.fft.rfft2(now) * np.conj(np.fft.rfft2(before))
    correlation = np.fft.irfft2(spectrum / (np.abs(spectrum) + 1e-6), s=now.shape)
    order = np.argpartition(-correlation.reshape(-1), 6)[:6]
    rows, columns = np.unravel_index(order, now.shape)
    rows = np.where(rows > now.shape[0] // 2, rows - now.shape[0], rows)
    columns = np.where(columns > now.shape[1] // 2, columns - now.shape[1], columns)
    near = (np.abs(rows) <= REACH_PX) & (np.abs(columns) <= REACH_PX)
    return (VECTOR_UNITS * np.stack([columns[near], rows[near]], axis=1)).astype(np.int32)


def estimate(
    now: Float32[np.ndarray, "h w"], before: Float32[np.ndarray, "h w"], worth_of_bit: float
) -> Int32[np.ndarray, "rows columns 2"]:
    """Vectors of all blocks between two lumas; zero where moving a block does not pay for its bits."""
    out = np.zeros((*blocks_shape(now.shape[1], now.shape[0]), 2), np.int32)
    seeds = global_seeds(now, before) if min(now.shape) >= 16 else np.zeros((0, 2), np.int32)
    smooth_now, smooth_before = blur(now, 0.7), blur(before, 0.7)
    search(smooth_now, smooth_before, seeds, VECTOR_BITS * worth_of_bit, out)
    # A second pass lets blocks take over their neighbours' vectors.
    common, counts = np.unique(out.reshape(-1, 2), axis=0, return_counts=True)
    popular = common[np.argsort(-counts)][:8].astype(np.int32)
    search(smooth_now, smooth_before, np.concatenate([seeds, popular]), VECTOR_BITS * worth_of_bit, out)
    return out
