# SPDX-License-Identifier: Apache-2.0
"""Rays through a sparse grid, front to back, and gradients back to its rows.

A sample is at t0 + k * step, k a whole number: bricks in which nothing is, and blocks of a brick in which nothing is to
be seen, are stepped over by adding to k, and what is sampled does not depend on them. Which cells may be seen is a bit
each, 64 to a block of 4x4x4: a brick is a line of cache. Samples are kept for the backward pass where there is room.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from lamina.compiled import compiled

MAX_DENSITY = 30.0
"""Above it, e ** density would only lose digits."""

SPREAD = np.array([0, 1, 8, 9, 64, 65, 72, 73], np.int32)
"""Places within a brick are in Morton order."""

BLOCK_RAYS = 256
"""Of a view, marched by one thread at a time."""


@compiled(fastmath=True, _nrt=False)
def clip_to_box(origin, direction, low, high, near):
    """Where a ray enters and leaves a box; the first is larger where it misses it."""
    enter, leave = np.float32(near), np.float32(1e30)
    for axis in range(3):
        along = direction[axis]
        if abs(along) < np.float32(1e-12):
            along = np.float32(1e-12)
        one, other = (low[axis] - origin[axis]) / along, (high[axis] - origin[axis]) / along
        enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
    return enter, leave


@compiled(fastmath=True, _nrt=False)
def opacity_at(raw, delta):
    """What is seen behind a sample: (1 + e ** raw) ** -delta; deltas of four levels need no power."""
    share = np.float32(1.0) / (np.float32(1.0) + math.exp(min(raw, np.float32(MAX_DENSITY))))
    if delta == np.float32(0.5):
        return np.float32(math.sqrt(share))
    if delta == np.float32(1.0):
        return np.float32(share)
    if delta == np.float32(2.0):
        return np.float32(share * share)
    return np.float32(share**delta)


@compiled(fastmath=True, _nrt=False)
def share_at(keep, delta):
    """1 / (1 + e ** raw) of a sample that `opacity_at` is `keep`."""
    if delta == np.float32(0.5):
        return np.float32(keep * keep)
    if delta == np.float32(1.0):
        return np.float32(keep)
    if delta == np.float32(2.0):
        return np.float32(math.sqrt(keep))
    return np.float32(keep ** (np.float32(1.0) / delta))


@compiled(fastmath=True, _nrt=False)
def mark_visible(rows, corners, densities, least, visible):
    """Bits of cells of which a corner is at least that dense, into `visible` (slots, 8)."""
    for slot in range(rows.shape[0]):
        for word in range(8):
            bits = np.uint64(0)
            for place in range(64):
                cell = rows[slot, 64 * word + place]
                if cell < 0:
                    continue
                for corner in range(8):
                    if densities[corners[cell, corner]] >= least:
                        bits |= np.uint64(1) << np.uint64(place)
                        break
            visible[slot, word] = bits


@compiled(fastmath=True, _nrt=False)
def march_ray(grid, box, optics, densities, features, origin, direction, jitter, out, samples, kept):
    """One ray: composited features into `out` (c,); returns what is seen behind, and how many samples are kept."""
    _, voxel, counts, slots, rows, corners, visible = grid
    low, high, near = box
    shift, delta, least_density, least_transmittance = optics
    sample_cells, sample_fractions, sample_alphas, sample_weights = samples
    channels = features.shape[1]
    transmittance = np.float32(1.0)
    for c in range(channels):
        out[c] = np.float32(0.0)
    enter, leave = clip_to_box(origin, direction, low, high, near)
    if leave <= enter:
        return transmittance, kept
    step = np.float32(0.5) * voxel
    scale = np.float32(1.0) / voxel
    dx, dy, dz = direction[0] * np.float32(0.5), direction[1] * np.float32(0.5), direction[2] * np.float32(0.5)
    x0 = (origin[0] + enter * direction[0] - low[0]) * scale
    y0 = (origin[1] + enter * direction[1] - low[1]) * scale
    z0 = (origin[2] + enter * direction[2] - low[2]) * scale
    tiny = np.float32(1e-9)
    ix = np.float32(1.0) / (dx if abs(dx) > tiny else tiny)
    iy = np.float32(1.0) / (dy if abs(dy) > tiny else tiny)
    iz = np.float32(1.0) / (dz if abs(dz) > tiny else tiny)
    ahead_x, ahead_y, ahead_z = np.int64(dx > 0), np.int64(dy > 0), np.int64(dz > 0)
    last_x, last_y, last_z = counts[0] - 1, counts[1] - 1, counts[2] - 1
    count = np.int64((leave - enter) / step - jitter) + 1
    k = np.int64(0)
    while k < count:
        along = np.float32(k) + jitter
        x, y, z = x0 + along * dx, y0 + along * dy, z0 + along * dz
        cx = min(max(np.int64(x), 0), last_x)
        cy = min(max(np.int64(y), 0), last_y)
        cz = min(max(np.int64(z), 0), last_z)
        slot = slots[cx >> 3, cy >> 3, cz >> 3]
        place = SPREAD[cx & 7] | (SPREAD[cy & 7] << 1) | (SPREAD[cz & 7] << 2)
        bits = visible[slot, place >> 6] if slot >= 0 else np.uint64(0)
        if bits == np.uint64(0):
            # The first sample outside of the brick, or of the block.
            side = 3 if slot < 0 else 2
            far = (np.float32(((cx >> side) + ahead_x) << side) - x) * ix
            far = min(far, (np.float32(((cy >> side) + ahead_y) << side) - y) * iy)
            far = min(far, (np.float32(((cz >> side) + ahead_z) << side) - z) * iz)
            k += max(np.int64(far), 0) + 1
            continue
        k += 1
        if (bits >> np.uint64(place & 63)) & np.uint64(1) == np.uint64(0):
            continue
        cell = rows[slot, place]
        fx, fy, fz = np.float32(x - np.float32(cx)), np.float32(y - np.float32(cy)), np.float32(z - np.float32(cz))
        gx, gy, gz = np.float32(1.0) - fx, np.float32(1.0) - fy, np.float32(1.0) - fz
        r0, r1, r2, r3 = corners[cell, 0], corners[cell, 1], corners[cell, 2], corners[cell, 3]
        r4, r5, r6, r7 = corners[cell, 4], corners[cell, 5], corners[cell, 6], corners[cell, 7]
        front = (densities[r0] * gx + densities[r1] * fx) * gy + (densities[r2] * gx + densities[r3] * fx) * fy
        back = (densities[r4] * gx + densities[r5] * fx) * gy + (densities[r6] * gx + densities[r7] * fx) * fy
        density = front * gz + back * fz
        if density < least_density:
            continue
        keep = opacity_at(density + shift, delta)
        alpha = np.float32(1.0) - keep
        weight = transmittance * alpha
        a, b, g, d = gx * gy * weight, fx * gy * weight, gx * fy * weight, fx * fy * weight
        for c in range(channels):
            near_side = a * features[r0, c] + b * features[r1, c] + g * features[r2, c] + d * features[r3, c]
            far_side = a * features[r4, c] + b * features[r5, c] + g * features[r6, c] + d * features[r7, c]
            out[c] += near_side * gz + far_side * fz
        if kept < sample_weights.size:
            sample_cells[kept] = cell
            sample_fractions[kept, 0], sample_fractions[kept, 1], sample_fractions[kept, 2] = fx, fy, fz
            sample_alphas[kept], sample_weights[kept] = alpha, weight
        kept += 1
        transmittance *= keep
        if transmittance < least_transmittance:
            break
    return transmittance, kept


@compiled(fastmath=True, _nrt=False)
def march_kept(grid, box, optics, densities, features, origins, directions, jitters, out, behind, firsts, samples):
    """Many rays, keeping samples; how many there are, which may be more than there was room for."""
    kept = np.int64(0)
    for r in range(origins.shape[0]):
        firsts[r] = kept
        behind[r], kept = march_ray(
            grid, box, optics, densities, features, origins[r], directions[r], jitters[r], out[r], samples, kept
        )
    firsts[origins.shape[0]] = kept
    return kept


@compiled(fastmath=True, parallel=True)
def march_view(
    origin, numbers, slots, rows, corners, visible, high, densities, features, origins, directions, out, behind, samples
):
    """Many rays on all threads, keeping nothing.

    Args:
        numbers: (9,) float32: voxel, cells of three axes, near, and the four of optics.
        samples: (0,) float32.
    """
    count = origins.shape[0]
    for block in prange((count + BLOCK_RAYS - 1) // BLOCK_RAYS):
        # Tuples are made here: parallel loops take arrays and numbers only.
        counts = (np.int64(numbers[1]), np.int64(numbers[2]), np.int64(numbers[3]))
        grid = (origin, numbers[0], counts, slots, rows, corners, visible)
        box = (origin, high, numbers[4])
        optics = (numbers[5], numbers[6], numbers[7], numbers[8])
        cells, fractions = np.empty(0, np.int32), np.empty((0, 3), np.float32)
        nothing = (cells, fractions, samples, samples)
        for r in range(block * BLOCK_RAYS, min(count, (block + 1) * BLOCK_RAYS)):
            behind[r], _ = march_ray(
                grid, box, optics, densities, features, origins[r], directions[r], np.float32(0.5), out[r], nothing,
                np.int64(0),
            )  # fmt: skip


@compiled(fastmath=True, _nrt=False)
def march_back(grid, delta, features, firsts, samples, behind, out_gradients, behind_gradients, gradients):
    """Gradients of densities (n,) and features (n, c), added; heaviest weight of each row's samples, kept if larger."""
    corners = grid[5]
    cells, fractions, alphas, weights = samples
    density_gradients, feature_gradients, heaviest = gradients
    channels = features.shape[1]
    for r in range(behind.size):
        beyond = behind[r] * behind_gradients[r]
        for i in range(firsts[r + 1] - 1, firsts[r] - 1, -1):
            fx, fy, fz = fractions[i, 0], fractions[i, 1], fractions[i, 2]
            gx, gy, gz = np.float32(1.0) - fx, np.float32(1.0) - fy, np.float32(1.0) - fz
            w0, w1, w2, w3 = gx * gy * gz, fx * gy * gz, gx * fy * gz, fx * fy * gz
            w4, w5, w6, w7 = gx * gy * fz, fx * gy * fz, gx * fy * fz, fx * fy * fz
            cell = cells[i]
            r0, r1, r2, r3 = corners[cell, 0], corners[cell, 1], corners[cell, 2], corners[cell, 3]
            r4, r5, r6, r7 = corners[cell, 4], corners[cell, 5], corners[cell, 6], corners[cell, 7]
            weight, alpha = weights[i], alphas[i]
            told = np.float32(0.0)
            for c in range(channels):
                value = w0 * features[r0, c] + w1 * features[r1, c] + w2 * features[r2, c] + w3 * features[r3, c]
                value += w4 * features[r4, c] + w5 * features[r5, c] + w6 * features[r6, c] + w7 * features[r7, c]
                told += out_gradients[r, c] * value
                share = out_gradients[r, c] * weight
                feature_gradients[r0, c] += share * w0
                feature_gradients[r1, c] += share * w1
                feature_gradients[r2, c] += share * w2
                feature_gradients[r3, c] += share * w3
                feature_gradients[r4, c] += share * w4
                feature_gradients[r5, c] += share * w5
                feature_gradients[r6, c] += share * w6
                feature_gradients[r7, c] += share * w7
            keep = max(np.float32(1.0) - alpha, np.float32(1e-6))
            alpha_gradient = weight / alpha * told - beyond / keep
            beyond += weight * told
            # d alpha / d raw = delta * keep * e ** raw / (1 + e ** raw)
            slope = delta * keep * (np.float32(1.0) - share_at(keep, delta))
            share = alpha_gradient * slope
            density_gradients[r0] += share * w0
            density_gradients[r1] += share * w1
            density_gradients[r2] += share * w2
            density_gradients[r3] += share * w3
            density_gradients[r4] += share * w4
            density_gradients[r5] += share * w5
            density_gradients[r6] += share * w6
            density_gradients[r7] += share * w7
            if heaviest.size > 0:
                for corner in range(8):
                    row = corners[cell, corner]
                    heaviest[row] = max(heaviest[row], weight)
