# SPDX-License-Identifier: Apache-2.0
"""Which offsets make Gaussians: one bit an anchor and offset, given the parent's, the anchor before's and its own.

A fit gives each offset a role (the heads have outputs of their own for it), so slots have habits, and an anchor does
much as its parent and its neighbour on the Morton curve do. Whether finer anchors stand in its cell tells, too.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8

from lamina.anchors.context.neighborhood import Family
from lamina.entropy.binary import ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import Mixer, code_mixed_bit, fresh_mixer
from lamina.entropy.walk import Coder

SLOTS = 32
"""Offsets of an anchor, at most."""

COUNTS = 8
"""Counts of used offsets are contexts up to this, less one."""

# Rows of the mixer's slots, by first row of each model.
OWN = 0
PARENT = OWN + SLOTS * COUNTS * 2
NEIGHBOR = PARENT + SLOTS * 3 * COUNTS * 2
FAMILY = NEIGHBOR + SLOTS * 8
RECENT = FAMILY + COUNTS * COUNTS * COUNTS * 2
ROWS = RECENT + SLOTS * 16
MODELS = 5


@kernel
def walk_masks(coder, mixer, parents, has_children, above, masks):
    """All bits of a layer, in place.

    Args:
        parents: (n,) rows of `above`; -1 where there is none.
        has_children: (n,) 1 where an anchor's cell has children.
        above: (a, k) masks of the layer above.
        masks: (n, k) 0 or 1.
    """
    width = masks.shape[1]
    for i in range(masks.shape[0]):
        if ran_dry(coder):
            return
        parent, goes = parents[i], np.int64(has_children[i])
        parent_used, before_used = 0, 0
        for k in range(width):
            parent_used += bit_of(above, parent, k)
            before_used += bit_of(masks, i - 1, k)
        parent_used = min(parent_used, COUNTS - 1)
        before_used = min(before_used, COUNTS - 1)
        used, recent = 0, 0
        for k in range(width):
            state = 2 if parent < 0 else bit_of(above, parent, k)
            near = bit_of(masks, i - 1, k) + 2 * bit_of(masks, i - 2, k) + 4 * bit_of(masks, i - 3, k)
            own = min(used, COUNTS - 1)
            mixer.chosen[0] = OWN + (k * COUNTS + own) * 2 + goes
            mixer.chosen[1] = PARENT + ((k * 3 + state) * COUNTS + parent_used) * 2 + goes
            mixer.chosen[2] = NEIGHBOR + k * 8 + near
            is_first = 1 if k == 0 else 0
            mixer.chosen[3] = FAMILY + ((parent_used * COUNTS + before_used) * COUNTS + own) * 2 + is_first
            mixer.chosen[4] = RECENT + k * 16 + recent
            bit = code_mixed_bit(coder, mixer, k, masks[i, k])
            masks[i, k] = bit
            used += bit
            recent = (2 * recent + bit) & 15


@kernel
def bit_of(masks, row, k):
    """A bit of a row; 0 where there is no such row."""
    return 0 if row < 0 else int(masks[row, k])


def fresh_mask_mixer() -> Mixer:
    """Contexts at the begin of a unit."""
    return fresh_mixer(ROWS, SLOTS, MODELS)


def code_masks(coder: Coder, family: Family, above: UInt8[np.ndarray, "a k"], masks: UInt8[np.ndarray, "n k"]) -> None:
    """Masks of a layer, into or from `masks`; `family` is of this layer, `above` of the one above."""
    walk_masks(coder, fresh_mask_mixer(), family.parents, family.has_children, above, masks)
