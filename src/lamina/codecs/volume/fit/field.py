# SPDX-License-Identifier: Apache-2.0
"""A frame's field while it is fitted: what each level adds, in reals, and its sum, as a decoder will have it.

    difference of level l = up(difference of level l - 1) + addition, rounded to whole steps once bits are counted
    value                 = expected + difference

Gradients of a level's values are those of its additions; they go down to all coarser ones by restriction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Int32

from lamina.compiled import compiled
from lamina.grids.bricks import Indices, rows_at
from lamina.grids.lattice import Lattice
from lamina.grids.level import Level, all_children, coarser_cells, level_of, parents_of
from lamina.grids.sums import restrict, upsample_reals

DECAYS = (0.9, 0.99)
"""Of Adam's moments; what rays do not reach in a step is left alone. Source: DVGO, lib/masked_adam.py."""


@dataclass(eq=False)
class LevelFit:
    """One level under optimisation; all arrays (rows, channels) but `heaviest`."""

    level: Level
    parents: Int32[np.ndarray, "r 8"]
    additions: Float32[np.ndarray, "r c"]
    expected: Float32[np.ndarray, "r c"]
    gradients: Float32[np.ndarray, "r c"]
    first: Float32[np.ndarray, "r c"]
    second: Float32[np.ndarray, "r c"]
    differences: Float32[np.ndarray, "r c"]
    values: Float32[np.ndarray, "r c"]
    heaviest: Float32[np.ndarray, " r"]
    """Of its rows, the largest share of a ray that a sample beside them had."""
    step: int = 0
    """Of Adam."""


@dataclass(eq=False)
class FieldFit:
    """All levels."""

    lattice: Lattice
    levels: list[LevelFit]
    steps: Float32[np.ndarray, "l c"]
    """What an integer is worth, by level and channel."""
    is_rounded: bool = False
    """Additions count as whole steps."""
    noise_seed: int | None = None
    """Instead of that, noise of a step's width is added to them (HPC, Eq. 8), another one with each seed."""

    def add_up(self, top: int, bottom: int = 0) -> None:
        """Values of levels `bottom`...`top`."""
        for number in range(bottom, top + 1):
            own = self.levels[number]
            if number:
                upsample_reals(own.parents, self.levels[number - 1].differences, own.differences)
            else:
                own.differences[:] = 0.0
            step = self.steps[number]
            if self.noise_seed is None and not self.is_rounded:
                step = np.zeros_like(step)
            seed = -1 if self.noise_seed is None else self.noise_seed
            sum_level(own.additions, own.expected, step, np.int64(seed), own.differences, own.values)

    def symbols(self) -> list[Int32[np.ndarray, "r c"]]:
        """Additions as integers."""
        return [
            np.floor(own.additions / step + np.float32(0.5)).astype(np.int32)
            for own, step in zip(self.levels, self.steps, strict=True)
        ]

    def restrict_gradients(self, top: int, bottom: int) -> None:
        """From `top` to all coarser ones down to `bottom`."""
        for number in range(top, bottom, -1):
            restrict(self.levels[number].parents, self.levels[number].gradients, self.levels[number - 1].gradients)


def field_of(lattice: Lattice, cells: Indices, steps: Float32[np.ndarray, "l c"]) -> FieldFit:
    """A field of zeros on active cells of the level whose cells are sent last."""
    levels = levels_of(lattice, cells)
    fits = []
    for number, level in enumerate(levels):
        parents = parents_of(level, levels[number - 1]) if number else np.zeros((0, 8), np.int32)
        fits.append(_level_fit(level, parents, steps.shape[1]))
    return FieldFit(lattice, fits, steps)


def sent_level(lattice: Lattice) -> int:
    """The finest level whose cells are sent; those of the next follow from them."""
    return max(lattice.level_count - 2, 0)


def levels_of(lattice: Lattice, cells: Indices) -> list[Level]:
    """All levels around active cells of `sent_level`."""
    last = sent_level(lattice)
    active = [cells]
    for _ in range(last):
        active.insert(0, coarser_cells(active[0]))
    if lattice.level_count > 1:
        active.append(all_children(cells))
    return [level_of(lattice.cells(number), found) for number, found in enumerate(active)]


def reshaped(fit: FieldFit, cells: Indices) -> FieldFit:
    """The same field on other active cells; what was there keeps its additions, moments begin anew."""
    new = field_of(fit.lattice, cells, fit.steps)
    new.is_rounded = fit.is_rounded
    for own, old in zip(new.levels, fit.levels, strict=True):
        rows = rows_at(old.level.vertex_table, own.level.vertices)
        there = rows >= 0
        own.additions[there] = old.additions[rows[there]]
    return new


def seen_cells(fit: FieldFit, number: int, least: float, *, is_wider: bool = False) -> Indices:
    """Cells of `sent_level` beside vertices of a level that some ray saw; `is_wider` adds the cells around them."""
    from lamina.codecs.volume.fit.silhouettes import cells_of, dilated

    own, last = fit.levels[number], sent_level(fit.lattice)
    seen = (own.heaviest > least)[own.level.corners].any(axis=1)
    cells = own.level.cells[seen]
    for _ in range(number, last):
        cells = all_children(cells)
    cells = cells >> max(number - last, 0)
    filled = np.zeros(fit.lattice.cells(last), np.bool_)
    filled[tuple(cells.T)] = True
    return cells_of(dilated(filled) if is_wider else filled)


def _level_fit(level: Level, parents: Int32[np.ndarray, "r 8"], channels: int) -> LevelFit:
    def zeros() -> Float32[np.ndarray, "r c"]:
        return np.zeros((level.row_count, channels), np.float32)

    return LevelFit(
        level, parents, zeros(), zeros(), zeros(), zeros(), zeros(), zeros(), zeros(),
        np.zeros(level.row_count, np.float32),
    )  # fmt: skip


@dataclass(frozen=True)
class Price:
    """What bits are worth in a step."""

    weight: float = 0.0
    """Loss a bit."""
    bits: Sequence[Float32[np.ndarray, "c s"]] = field(default_factory=tuple)
    """Of each level, bits of each integer of each channel; the middle one is 0."""


def descend(fit: FieldFit, top: int, bottom: int, rates: Float32[np.ndarray, " c"], price: Price) -> None:
    """A step of Adam on the additions of levels `bottom`...`top`; their gradients are then 0."""
    for number in range(bottom, top + 1):
        own = fit.levels[number]
        own.step += 1
        first, second = (np.float32(1 / (1 - decay**own.step)) for decay in DECAYS)
        bits = price.bits[number] if price.weight else np.zeros((len(rates), 3), np.float32)
        adam_level(
            own.additions, own.gradients, own.first, own.second, rates, first, second, fit.steps[number], bits,
            np.float32(price.weight),
        )  # fmt: skip
    for number in range(bottom):
        fit.levels[number].gradients[:] = 0.0


@compiled(fastmath=True, _nrt=False)
def sum_level(additions, expected, steps, noise_seed, differences, values):
    """Adds what a level adds to `differences`, which come in as those of the level above, and gives its values.

    Steps of 0 leave additions as they are. With a seed that is not negative, noise of -1/2...1/2 of a step is added
    instead of rounding: a hash of the seed and the place.
    """
    channels = additions.shape[1]
    seed = np.uint32(noise_seed & 0x7FFFFFFF) * np.uint32(2246822519)
    for r in range(additions.shape[0]):
        for c in range(channels):
            addition = additions[r, c]
            if noise_seed >= 0:
                mixed = np.uint32(r * channels + c) * np.uint32(2654435761) + seed
                mixed = np.uint32(mixed ^ (mixed >> np.uint32(15))) * np.uint32(2146121005)
                mixed = np.uint32(mixed ^ (mixed >> np.uint32(13)))
                addition += (np.float32(mixed >> np.uint32(8)) * np.float32(2.0**-24) - np.float32(0.5)) * steps[c]
            elif steps[c] > 0:
                addition = np.floor(addition / steps[c] + np.float32(0.5)) * steps[c]
            difference = differences[r, c] + addition
            differences[r, c] = difference
            values[r, c] = expected[r, c] + difference


@compiled(fastmath=True, _nrt=False)
def adam_level(values, gradients, first, second, rates, correction, correction_of_squares, steps, bits, weight):
    """One step on what has a gradient; a bit is worth `weight`, its slope is that between two integers."""
    one, b1, b2 = np.float32(1), np.float32(DECAYS[0]), np.float32(DECAYS[1])
    reach = bits.shape[1] // 2
    for r in range(values.shape[0]):
        for c in range(values.shape[1]):
            g = gradients[r, c]
            gradients[r, c] = 0.0
            value = values[r, c]
            if weight > 0 and value != 0.0:
                low = np.int64(np.floor(value / steps[c]))
                low = min(max(low, -reach), reach - 1) + reach
                g += weight * (bits[c, low + 1] - bits[c, low]) / steps[c]
            if g == 0.0:
                continue
            m = b1 * first[r, c] + (one - b1) * g
            v = b2 * second[r, c] + (one - b2) * g * g
            first[r, c] = m
            second[r, c] = v
            values[r, c] = value - rates[c] * correction * m / (np.sqrt(correction_of_squares * v) + np.float32(1e-8))
