# SPDX-License-Identifier: Apache-2.0
"""The probability model while it is trained: attributes of anchors enter; their steps and bits leave, with gradients.

    known = known_of(values, relations, rows)             what a decoder has before these rows
    steps = context.steps(known.parent, relations, rows)  "m 3", in units of values
    noisy = add_step_noise(values[rows], steps, layout)   what is rendered, and what children are predicted from
    bits = context.bits(noisy, steps, known, relations, rows)    the rate term
    fixed = context.freeze()                              integers, for coding (fixed_context.py)

Values are features, ln(scaling / cell side) and offsets, side by side. Means are centred: a symbol is the number of
steps between mean and value, so what is predicted well is 0. Source: ProGS, Eq. 11 to 16, after HAC; parents'
attributes, neighbours and groups of channels beyond it (docs/codecs/scene.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.context.layout import BASE_STEPS, LEAST_SCALE, SCORE_LIMIT, STEP_PARTS, STEP_RANGE, ContextLayout
from lamina.anchors.context.neighborhood import Family
from lamina.anchors.fitting.likelihood import gaussian_bits
from lamina.anchors.fitting.relations import Known, Relations
from lamina.entropy.gaussian_tables import (
    LOG2_SCALE_BITS,
    LOG2_SCALE_STEP,
    LOWEST_LOG2_SCALE,
    SCALE_COUNT,
)
from lamina.networks.fixed_point import FixedMlp
from lamina.networks.hash_grid import HashGrid, init_hash_grid, sign_bits
from lamina.networks.mlp import Mlp, init_mlp
from lamina.quantize.training import straight_through

UNSETTLED_WEIGHT_BITS = 7
"""Fraction bits of weights in a stream, where they were not trained to be rounded (settling.py)."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the model says of some values; all in steps of each."""

    distances: Float[Tensor, "m c"]
    """From the mean."""
    log2_scales: Float[Tensor, "m c"]
    rounding: Float[Tensor, "m c"]
    """What rounding added to the distances; no gradient."""


@dataclass(frozen=True, eq=False)
class Bits:
    """What some anchors cost."""

    features: Float[Tensor, " m"]
    scalings: Float[Tensor, " m"]
    offsets: Float[Tensor, "m k"]

    def total(self, masks: Float[Tensor, "m k"]) -> Float[Tensor, " m"]:
        """Of each anchor: its used offsets, and features and scalings if it has any; differentiable in the masks."""
        return (self.features + self.scalings) * masks.amax(dim=1) + (self.offsets * masks).sum(dim=1)


class ContextModel(nn.Module):
    """Means, scales and steps of all attributes from what a decoder knows before."""

    def __init__(self, layout: ContextLayout, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.layout = layout
        self.weight_bits: int | None = None
        """Fraction bits that weights are rounded to on the way forward (their gradient is not); None: as they are."""
        self.main = parameters_of(init_mlp(layout.main_sizes, generator, last_gain=0.3))
        self.skips = nn.Parameter(torch.zeros(layout.channels, 2))
        self.layer_steps = nn.Parameter(torch.zeros(layout.layer_count, len(BASE_STEPS)))
        adaptive = layout.shape.has_adaptive_steps
        self.stepper = parameters_of(init_mlp(layout.step_sizes, generator, last_gain=0.0)) if adaptive else None
        sizes = [layout.stage_sizes(stage) for stage in layout.stages]
        self.stagers = nn.ModuleList(
            parameters_of(init_mlp(size, generator, last_gain=0.0)) for size in sizes if size is not None
        )
        spec = layout.hash_spec
        self.signs = nn.Parameter(init_hash_grid(spec, generator).parameters.detach()) if spec is not None else None

    @torch.no_grad()
    def initialize(self, values: Float[Tensor, "n c"]) -> None:
        """Biases such that every channel starts with its own spread around its mean; one row alone has no spread."""
        if len(values) < 2:
            return
        count = self.layout.channels
        self.main[-1][:count] = values.mean(dim=0)
        self.main[-1][count:] = torch.log2(values.std(dim=0).clamp_min(1e-3))

    def steps(
        self, parent: Float[Tensor, "m p"], relations: Relations, rows: Int64[Tensor, " m"]
    ) -> Float[Tensor, "m 3"]:
        """Quantiser steps of features, scalings and offsets of some rows, as they will be sent.

        Of the parent's values features and scalings are read, which come first. Gradients pass the rounding of steps,
        and none goes to what is known.
        """
        octaves = _whole_parts(self.layer_steps)[relations.layers[rows]]
        if self.stepper is not None:
            inputs = [relations.places.index_select(0, rows)]
            if self.layout.shape.uses_parent:
                inputs.append(parent.detach()[:, : self.layout.summary_channels])
            octaves = octaves + _whole_parts(self.network(self.stepper)(torch.cat(inputs, dim=1)))
        limit = STEP_RANGE / STEP_PARTS
        octaves = straight_through(octaves, octaves.detach().clamp(-limit, limit))
        return torch.exp2(octaves) * octaves.new_tensor(BASE_STEPS)

    def inputs(self, known: Known, relations: Relations, rows: Int64[Tensor, " m"]) -> Float[Tensor, "m i"]:
        """What the main network is told of some rows."""
        layout = self.layout
        parts = [known.parent[:, : layout.parent_channels], known.neighbors[:, : layout.neighbor_channels]]
        parts.append(relations.places.index_select(0, rows))
        if self.signs is not None:
            assert layout.hash_spec is not None
            grid = HashGrid(layout.hash_spec, self.signs)
            above = grid(relations.parent_positions[rows]) * relations.has_parent[rows]
            parts += [grid(relations.positions[rows]), above]
        return torch.cat(parts, dim=1)

    def predict(
        self,
        own: Float[Tensor, "m c"],
        steps: Float[Tensor, "m 3"],
        known: Known,
        relations: Relations,
        rows: Int64[Tensor, " m"],
        *,
        is_rounded: bool = False,
    ) -> Prediction:
        """Distances of values of some rows from their means, and scales.

        Stage by stage, told what a decoder has by then of the `own` values. Those are noisy, or as they were fitted:
        then `is_rounded`, and distances are whole, with the gradient of what they were rounded from.
        """
        layout = self.layout
        outputs = self.network(self.main)(self.inputs(known, relations, rows))
        means, scales = outputs[:, : layout.channels], outputs[:, layout.channels :]
        skips = self.sent(self.skips)
        means = means + _widened(known.parent, layout.parent_channels, layout.channels) * skips[:, 0]
        means = means + _widened(known.neighbors, layout.neighbor_channels, layout.channels) * skips[:, 1]
        spread = spread_steps(steps, layout)
        distances = (own - means) / spread
        scales = scales - torch.log2(spread)
        all_distances, all_scales, scores, rounding = [], [], [], []
        stagers = iter(self.stagers)
        for stage in layout.stages:
            distance, scale = distances[:, stage.columns], scales[:, stage.columns]
            if stage.known:
                told = torch.cat(scores, dim=1)[:, : stage.known]
                shift, width = self.network(next(stagers))(told).chunk(2, dim=1)
                distance, scale = distance - shift * _visible_scale(scale), scale + width
            whole = torch.round(distance.detach()) if is_rounded else distance.detach()
            rounding.append(whole - distance.detach())
            distance = straight_through(distance, whole)
            scores.append((distance / _visible_scale(scale).detach()).clamp(-SCORE_LIMIT, SCORE_LIMIT))
            all_distances.append(distance)
            all_scales.append(scale)
        return Prediction(*(torch.cat(parts, dim=1) for parts in (all_distances, all_scales, rounding)))

    def bits(
        self,
        own: Float[Tensor, "m c"],
        steps: Float[Tensor, "m 3"],
        known: Known,
        relations: Relations,
        rows: Int64[Tensor, " m"],
    ) -> Bits:
        """Bits of some rows, whose noisy values these are, at their own steps; differentiable in everything."""
        return self._counted(self.predict(own, steps, known, relations, rows))

    def quantized(
        self,
        own: Float[Tensor, "m c"],
        steps: Float[Tensor, "m 3"],
        known: Known,
        relations: Relations,
        rows: Int64[Tensor, " m"],
    ) -> tuple[Float[Tensor, "m c"], Bits]:
        """What a decoder would have of some rows, and their bits, by true rounding: no noise.

        At low rates most values are what is predicted, exactly and for nothing; noise of a step says neither, and
        charges half as much again (measured). Gradients pass rounding as if it were not there.
        """
        found = self.predict(own, steps, known, relations, rows, is_rounded=True)
        decoded = own + found.rounding * spread_steps(steps.detach(), self.layout)
        return decoded, self._counted(found)

    def _counted(self, found: Prediction) -> Bits:
        costs = gaussian_bits(found.distances, found.log2_scales)
        features, scalings, offsets = (costs[:, columns] for columns in self.layout.groups)
        per_offset = offsets.reshape(len(costs), self.layout.offset_count, 3).sum(dim=2)
        return Bits(features.sum(dim=1), scalings.sum(dim=1), per_offset)

    def network(self, parameters: nn.ParameterList | nn.Module) -> Mlp:
        """The network of these parameters, as it would be sent."""
        tensors = list(parameters.parameters())
        return Mlp(tuple(self.sent(weight) for weight in tensors[0::2]), tuple(tensors[1::2]))

    def sent(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """A tensor of weights, rounded if weights are."""
        if self.weight_bits is None:
            return weight
        unit = 1 << self.weight_bits
        return straight_through(weight, torch.round(weight.detach() * unit) / unit)

    def hash_bits(self) -> Float[Tensor, ""]:
        """What the hash grid costs; 0 where there is none."""
        return sign_bits(self.signs) if self.signs is not None else self.layer_steps.new_zeros(())

    def freeze(self, family: Family | None = None) -> FixedContext:
        """The integers that are sent and that predict; `family`: all places that will ever be asked."""
        layout = self.layout
        weight_bits = UNSETTLED_WEIGHT_BITS if self.weight_bits is None else self.weight_bits
        exponents = torch.round(self.layer_steps.detach() * STEP_PARTS).clamp(-STEP_RANGE, STEP_RANGE)
        modules = [self.main, *([self.stepper] if self.stepper is not None else []), *self.stagers]
        main, *others = (plain_network(module) for module in modules)
        skips = Mlp((self.skips.detach().cpu(),), (torch.zeros(layout.channels),))
        grid = None
        if self.signs is not None:
            assert layout.hash_spec is not None
            places = torch.from_numpy(family.positions.astype(np.int64)) if family is not None else None
            grid = HashGrid(layout.hash_spec, self.signs).freeze(places)
        fixed = tuple(FixedMlp.from_mlp(net, weight_bits) for net in (main, skips, *others))
        return FixedContext(layout, fixed, exponents.cpu().numpy().astype(np.int8), grid)


def _whole_parts(octaves: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The nearest eighths of an octave, with the gradient of what they were rounded from."""
    return straight_through(octaves, torch.round(octaves.detach() * STEP_PARTS) / STEP_PARTS)


def _visible_scale(log2_scales: Float[Tensor, "m w"]) -> Float[Tensor, "m w"]:
    """Scales in steps as stages see them: those of the coder's tables, on the way back as if they were not rounded."""
    unit = 1 << LOG2_SCALE_BITS
    place = torch.round((log2_scales.detach() * unit - LOWEST_LOG2_SCALE) / LOG2_SCALE_STEP).clamp(0, SCALE_COUNT - 1)
    stored = (place * LOG2_SCALE_STEP + LOWEST_LOG2_SCALE) / unit
    return torch.exp2(straight_through(log2_scales, stored).clamp_min(math.log2(LEAST_SCALE)))


def _widened(values: Float[Tensor, "m c"], kept: int, width: int) -> Float[Tensor, "m w"]:
    """The first columns, then zeros."""
    return nn.functional.pad(values[:, :kept], (0, width - kept))


def spread_steps(steps: Float[Tensor, "n 3"], layout: ContextLayout) -> Float[Tensor, "n c"]:
    """The step of every channel."""
    widths = [columns.stop - columns.start for columns in layout.groups]
    return torch.cat([steps[:, i : i + 1].expand(-1, width) for i, width in enumerate(widths)], dim=1)


def add_step_noise(
    values: Float[Tensor, "n c"],
    steps: Float[Tensor, "n 3"],
    layout: ContextLayout,
    generator: torch.Generator | None = None,
) -> Float[Tensor, "n c"]:
    """Rounding's stand-in: uniform noise of a step, with gradients to values and steps."""
    noise = torch.rand(values.shape, generator=generator, dtype=values.dtype, device=values.device) - 0.5
    return values + noise * spread_steps(steps, layout)


def parameters_of(mlp: Mlp) -> nn.ParameterList:
    """A network's tensors as parameters of a module."""
    return nn.ParameterList([nn.Parameter(tensor.detach()) for tensor in mlp.parameters()])


def plain_network(parameters: nn.ParameterList | nn.Module) -> Mlp:
    """The network of these parameters, out of any graph."""
    tensors = [tensor.detach().cpu() for tensor in parameters.parameters()]
    return Mlp(tuple(tensors[0::2]), tuple(tensors[1::2]))
