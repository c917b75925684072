# SPDX-License-Identifier: Apache-2.0
"""What goes in and comes out of the probability model, column by column: shared by its float and its integer twin.

values     features · scalings · offsets                        one row an anchor
inputs     parent · neighbors · octant · layer · hash grid         of the main network, each where the shape says so
outputs    means of all values · log2 scales of all values
stages     groups of features, then scalings, then offsets      each coded, then known to those after it
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache, cached_property

import numpy as np
from jaxtyping import Int64

from lamina.anchors.syntax import SCALING_COUNT, STEP_RANGE, AnchorFacts, ContextShape
from lamina.entropy.gaussian_tables import LOG2_SCALE_STEP, LOWEST_LOG2_SCALE, SCALE_COUNT
from lamina.networks.hash_layout import HashGridSpec

VALUE_BITS = 14
"""Decoded attributes are integers in units of 2**-14: features as they are, scalings as ln(scaling / cell side),
offsets in units of their anchor's scaling."""

VALUE_LIMIT = (1 << 27) - 1
"""Largest magnitude of a decoded value, about 8192 in reals; beyond, they saturate."""

BASE_STEPS = (1.0, 0.1, 0.2)
"""Steps of features, scalings and offsets where the model says nothing: HAC's but for scalings, which it rounds as they
are, in steps of 0.001 of the world's unit, and we in the logarithm, so that no scene's size matters."""

STEP_PARTS = 8
"""Steps are base * 2**(e / 8), e an integer."""

LEAST_SCALE = 0.5
"""Scales that stage networks see are at least this many steps: below, a value is its rounding."""

SCORE_LIMIT = 16
"""Largest magnitude of a score, in scales."""

OCTANT_INPUTS = 3
GOES_ON_INPUTS = 1

VIEW_INPUTS = 4
"""Direction and distance: inputs of generators besides features (`anchors.neural`, said again: no torch here)."""

HEAD_WIDTHS = (1, 7, 3)
"""Outputs of generators for each offset: opacity; scales and a quaternion; a color."""


@dataclass(frozen=True)
class Stage:
    """Columns of values that are predicted together, and coded."""

    columns: slice
    group: int
    """0 features, 1 scalings, 2 offsets: whose step and whose mask."""
    known: int
    """Columns before it that its network is told; 0: it has none."""

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.columns.stop - self.columns.start


@dataclass(frozen=True)
class ContextLayout:
    """Sizes of everything in a probability model."""

    shape: ContextShape
    feature_count: int
    offset_count: int
    layer_count: int
    hash_spec: HashGridSpec | None = None

    @property
    def channels(self) -> int:
        """Values of an anchor."""
        return self.feature_count + SCALING_COUNT + 3 * self.offset_count

    @property
    def summary_channels(self) -> int:
        """Features and scalings: what neighbours and steps are told of an anchor."""
        return self.feature_count + SCALING_COUNT

    @property
    def groups(self) -> tuple[slice, slice, slice]:
        """Columns of features, scalings, offsets."""
        first, second = self.feature_count, self.summary_channels
        return slice(0, first), slice(first, second), slice(second, self.channels)

    @property
    def parent_channels(self) -> int:
        """Columns of the parent that are inputs."""
        if not self.shape.uses_parent:
            return 0
        return self.channels if self.shape.uses_parent_offsets else self.summary_channels

    @property
    def neighbor_channels(self) -> int:
        """Columns of neighbors that are inputs."""
        return self.summary_channels if self.shape.uses_neighbors else 0

    @property
    def place_channels(self) -> int:
        """Octant, whether the cell goes on in the next layer, and layer."""
        return OCTANT_INPUTS + GOES_ON_INPUTS + self.layer_count

    @property
    def hash_channels(self) -> int:
        """Of the own and the parent's position."""
        return 2 * self.hash_spec.width if self.hash_spec is not None else 0

    @property
    def main_sizes(self) -> tuple[int, int, int]:
        """Inputs, hidden units and outputs of the main network."""
        inputs = self.parent_channels + self.neighbor_channels + self.place_channels + self.hash_channels
        return inputs, self.shape.hidden, 2 * self.channels

    @property
    def step_sizes(self) -> tuple[int, int, int]:
        """The same of the network of steps: it is told the layer and a summary of the parent."""
        parent = self.summary_channels if self.shape.uses_parent else 0
        return self.place_channels + parent, self.shape.step_hidden, len(BASE_STEPS)

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """In coding order."""
        count = self.shape.feature_groups
        edges = [self.feature_count * group // count for group in range(count + 1)]
        stages = [Stage(slice(edges[g], edges[g + 1]), 0, edges[g]) for g in range(count)]
        for group in (1, 2):
            columns = self.groups[group]
            stages.append(Stage(columns, group, columns.start if self.shape.is_chained else 0))
        return tuple(stages)

    def stage_sizes(self, stage: Stage) -> tuple[int, int, int] | None:
        """Sizes of a stage's network; None where it has none."""
        return (stage.known, self.shape.group_hidden, 2 * stage.width) if stage.known else None

    @property
    def network_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Of all networks: main, skips, then steps if adaptive, then stages."""
        stages = [self.stage_sizes(stage) for stage in self.stages]
        steps = [self.step_sizes] if self.shape.has_adaptive_steps else []
        return (self.main_sizes, (2, self.channels), *steps, *(sizes for sizes in stages if sizes is not None))


def head_sizes(facts: AnchorFacts) -> tuple[tuple[int, int, int], ...]:
    """Of the generators of opacity, covariance and color: a feature, a direction and a distance to what k offsets need.

    As `anchors.neural.init_heads` makes them.
    """
    inputs = facts.feature_count + VIEW_INPUTS + facts.is_level_conditioned
    return tuple((inputs, facts.head_hidden, width * facts.offset_count) for width in HEAD_WIDTHS)


def layout_of(facts: AnchorFacts, hash_spec: HashGridSpec | None = None) -> ContextLayout:
    """The layout that a stream's header asks for."""
    return ContextLayout(facts.context, facts.feature_count, facts.offset_count, facts.layers, hash_spec)


@cache
def scale_tables() -> tuple[Int64[np.ndarray, " 64"], Int64[np.ndarray, " 64"]]:
    """Scales of the coder's tables in steps, at least 1/2, in units of 2**-10; and their inverses, of 2**-16."""
    with localcontext() as context:
        context.prec = 40
        logs = [Decimal(LOWEST_LOG2_SCALE + LOG2_SCALE_STEP * index) / 1024 for index in range(SCALE_COUNT)]
        scales = [max(Decimal(2) ** log, Decimal(str(LEAST_SCALE))) for log in logs]
        rows = [[int((scale * 1024).to_integral_value()) for scale in scales],
                [int((65536 / scale).to_integral_value()) for scale in scales]]  # fmt: skip
    return np.array(rows[0], np.int64), np.array(rows[1], np.int64)


@cache
def step_table() -> Int64[np.ndarray, "3 81"]:
    """Steps in units of 2**-14 by group and e + 40: decimal arithmetic, the same everywhere; a test pins them."""
    with localcontext() as context:
        context.prec = 40
        powers = [Decimal(2) ** (Decimal(e) / STEP_PARTS) for e in range(-STEP_RANGE, STEP_RANGE + 1)]
        rows = [[int((Decimal(str(base)) * power * (1 << VALUE_BITS)).to_integral_value()) for power in powers]
                for base in BASE_STEPS]  # fmt: skip
    return np.array(rows, np.int64)


@cache
def log2_step_table() -> Int64[np.ndarray, "3 81"]:
    """log2 of the same steps, in units of 2**-10."""
    with localcontext() as context:
        context.prec = 40
        two = Decimal(2).ln()
        bases = [Decimal(str(base)).ln() / two * 1024 for base in BASE_STEPS]
        rows = [[int((base + Decimal(e) * 1024 / STEP_PARTS).to_integral_value()) for e in
                 range(-STEP_RANGE, STEP_RANGE + 1)] for base in bases]  # fmt: skip
    return np.array(rows, np.int64)
