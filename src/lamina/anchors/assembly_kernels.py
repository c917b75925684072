# SPDX-License-Identifier: Apache-2.0
"""Loops of `assembly.py`: numbers of anchors to those of the Gaussians that are drawn, and gradients back.

Each Gaussian comes from one offset of one anchor, so both directions are one pass, without gathers in between. An
anchor's gradients are summed by one thread in the order of its offsets: the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from lamina.compiled import compiled

BLOCK_ANCHORS = 512


@compiled(parallel=True)
def gather_gaussians(sources, first, positions, offsets, scalings, shapes, colors, means, rotations, scales, shades):
    """Means and rotations of drawn Gaussians; of scales and colors what their sigmoids are taken of.

    Args:
        sources: (m,) anchor * k + offset, rising.
        first: (blocks + 1,) of each block of anchors, its first place in `sources`.
        offsets, shapes, colors: (n, k, 3 | 7 | 3).
    """
    k = offsets.shape[1]
    for block in prange(first.shape[0] - 1):
        for i in range(first[block], first[block + 1]):
            row, place = sources[i] // k, sources[i] % k
            for axis in range(3):
                means[i, axis] = positions[row, axis] + offsets[row, place, axis] * scalings[row, axis]
                scales[i, axis] = shapes[row, place, axis]
                shades[i, axis] = colors[row, place, axis]
            for part in range(4):
                rotations[i, part] = shapes[row, place, 3 + part]


@compiled(parallel=True)
def chain_to_anchors(
    sources, first, masks, tanhs, drawn, offsets, scalings, sigmoids, shades,
    grad_means, grad_rotations, grad_scales, grad_opacities, grad_shades,
    to_opacities, to_shapes, to_colors, to_scalings, to_offsets, to_masks, to_positions,
):  # fmt: skip
    """Gradients of drawn Gaussians to all that `gather_gaussians` read, zeros elsewhere.

    Args:
        tanhs: (n, k) what the opacity generator says; `drawn`: what is drawn of it, before the mask.
        sigmoids, shades: (m, 3) of scales and colors.
    """
    count, k = masks.shape
    one, zero = np.float32(1.0), np.float32(0.0)
    for block in prange(first.shape[0] - 1):
        start, stop = block * BLOCK_ANCHORS, min(count, (block + 1) * BLOCK_ANCHORS)
        to_opacities[start:stop] = zero
        to_shapes[start:stop] = zero
        to_colors[start:stop] = zero
        to_scalings[start:stop] = zero
        to_offsets[start:stop] = zero
        to_masks[start:stop] = zero
        to_positions[start:stop] = zero
        for i in range(first[block], first[block + 1]):
            row, place = sources[i] // k, sources[i] % k
            said = tanhs[row, place]
            to_opacities[row, place] = grad_opacities[i] * masks[row, place] * (one - said * said)
            to_masks[row, place] = grad_opacities[i] * drawn[row, place]
            for axis in range(3):
                pull, share, shade = grad_means[i, axis], sigmoids[i, axis], shades[i, axis]
                to_positions[row, axis] += pull
                to_offsets[row, place, axis] = pull * scalings[row, axis]
                to_scalings[row, axis] += pull * offsets[row, place, axis]
                to_scalings[row, 3 + axis] += grad_scales[i, axis] * share
                to_shapes[row, place, axis] = grad_scales[i, axis] * scalings[row, 3 + axis] * share * (one - share)
                to_colors[row, place, axis] = grad_shades[i, axis] * shade * (one - shade)
            for part in range(4):
                to_shapes[row, place, 3 + part] = grad_rotations[i, part]


@compiled(parallel=True)
def size_scales(sources, first, k, scalings, sigmoids, scales):
    """Scales of drawn Gaussians: their sigmoid times the size that their anchor gives."""
    for block in prange(first.shape[0] - 1):
        for i in range(first[block], first[block + 1]):
            row = sources[i] // k
            for axis in range(3):
                scales[i, axis] = scalings[row, 3 + axis] * sigmoids[i, axis]
