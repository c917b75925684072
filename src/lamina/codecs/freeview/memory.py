# SPDX-License-Identifier: Apache-2.0
"""What the walk of differences remembers: what its contexts have learned, and the past of each cell.

It goes on from frame to frame, and begins anew after an absolute one: streams of a kilobyte teach little.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt8

from lamina.codecs.freeview.motion import Channels
from lamina.codecs.freeview.walk import ACTIVE_CELL, ACTIVE_MODELS, VALUE_MODELS, VALUE_ROWS, VALUE_SETS
from lamina.entropy.mixing import Mixer, fresh_mixer


class Memory(NamedTuple):
    """What the walk of one scale knows of frames before; kernels change its arrays in place."""

    active: Mixer
    values: Mixer
    past: Int32[np.ndarray, "n c"]
    """Differences of the frame before."""
    history: UInt8[np.ndarray, " n"]
    """Whether a cell had any, a bit a frame, the last one lowest."""

    def copied(self) -> Memory:
        """Another that can be changed."""
        return Memory(_copied(self.active), _copied(self.values), self.past.copy(), self.history.copy())


def _copied(mixer: Mixer) -> Mixer:
    return mixer._replace(
        slots=mixer.slots.copy(), weights=mixer.weights.copy(), chosen=mixer.chosen.copy(), logits=mixer.logits.copy()
    )


def fresh_memory(cells: int, channels: Channels) -> Memory:
    """Before any frame."""
    return Memory(
        fresh_mixer(ACTIVE_CELL + cells, 4, ACTIVE_MODELS),
        fresh_mixer(VALUE_ROWS, VALUE_SETS, VALUE_MODELS),
        np.zeros((cells, channels.count), np.int32),
        np.zeros(cells, np.uint8),
    )


def with_cells(memory: Memory, rows: Int64[np.ndarray, " m"], fresh: int) -> Memory:
    """Memory of some of the cells, and of so many new ones behind them."""
    slots = memory.active.slots
    new = fresh_mixer(fresh, 1, 1).slots
    active = memory.active._replace(slots=np.concatenate([slots[:ACTIVE_CELL], slots[ACTIVE_CELL + rows], new]))
    past = np.concatenate([memory.past[rows], np.zeros((fresh, memory.past.shape[1]), np.int32)])
    return Memory(active, memory.values, past, np.concatenate([memory.history[rows], np.zeros(fresh, np.uint8)]))
