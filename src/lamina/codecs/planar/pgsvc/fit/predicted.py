# SPDX-License-Identifier: Apache-2.0
"""P-frames: the decoded frame before enters, integers of all layers of this frame leave. Slots keep their identity.

A P-frame starts from the decoded splats of the frame before plus new random ones (GSA), loses as many by |w| (GSP), and
is then fine-tuned with quantisers in the loop: what stays in its slot as a difference to the decoded splat there,
what is new (in the slots that were freed) as on the key frame. So prediction is closed-loop.

Source: P-GSVC, sec. 3.5 and 3.6; slots: decided here, the paper is silent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32
from torch import Tensor

from lamina.codecs.planar.pgsvc.fit.adan import Adan
from lamina.codecs.planar.pgsvc.fit.quantizers import (
    GRID_PARAMETERS,
    LayerTraining,
    absolute_integers,
    ordered_pattern,
    restore_trainers,
    side_integers,
    starting_grids,
    trainers_state,
)
from lamina.codecs.planar.pgsvc.fit.training import Trained
from lamina.codecs.planar.pgsvc.layers import DecodedLayer, Integers, LayerFormat
from lamina.codecs.planar.pgsvc.splats import RAW_ROWS, random_splats, weighted
from lamina.quantize.floats import FLOAT16, float12, float_straight_through, float_to_bits
from lamina.quantize.training import straight_through
from lamina.quantize.uniform import quantize_uniform, uniform_straight_through
from lamina.quantize.vector import decode_residual, encode_residual


@dataclass(frozen=True)
class SlotPlan:
    """One layer of a P-frame: which slots stay and what is in them."""

    replaced: Bool[Tensor, " n"]
    """Slots that hold a new splat."""
    raw: Float32[Tensor, "8 n"]
    """Unquantised splats: those that stay in order of their slots, then the new ones."""

    @property
    def new_count(self) -> int:
        """New splats."""
        return int(self.replaced.sum())


def augmented_table(
    previous: tuple[DecodedLayer, ...], extra: tuple[int, ...], generator: torch.Generator
) -> tuple[Float32[Tensor, "9 n"], tuple[int, ...]]:
    """Training table of a P-frame, layer by layer the decoded splats then the new ones, and the layers' sizes."""
    parts, counts = [], []
    for layer, number in zip(previous, extra, strict=True):
        parts += [weighted(layer.raw), random_splats(number, generator)]
        counts.append(layer.raw.shape[1] + number)
    return torch.cat(parts, dim=1), tuple(counts)


def plan_slots(trained: Trained, previous: tuple[DecodedLayer, ...], extra: tuple[int, ...]) -> tuple[SlotPlan, ...]:
    """Give every survivor of training a slot: old splats keep theirs, new ones take those that were freed."""
    plans, start, column = [], 0, 0
    for layer, number, count in zip(previous, extra, trained.counts, strict=True):
        old_count = layer.raw.shape[1]
        origin = trained.origin[column : column + count] - start
        raw = trained.raw[:, column : column + count]
        is_old = origin < old_count
        replaced = torch.ones(old_count, dtype=torch.bool)
        replaced[origin[is_old]] = False
        plans.append(SlotPlan(replaced, torch.cat([raw[:, is_old], raw[:, ~is_old]], dim=1)))
        start += old_count + number
        column += count
    return tuple(plans)


class PredictedFineTuning:
    """A trainee for `descend`: all layers of a P-frame.

    Parameters are flat: (8, n) columns in the order of the plans, a difference for each splat that stays and the splat
    itself for each new one, then six grid parameters a layer.
    """

    def __init__(
        self,
        plans: tuple[SlotPlan, ...],
        previous: tuple[DecodedLayer, ...],
        formats: tuple[LayerFormat, ...],
        seed: int,
    ) -> None:
        self.plans, self.previous = plans, previous
        self.counts = tuple(plan.raw.shape[1] for plan in plans)
        self.layers: list[LayerTraining] = []
        self._references: list[Tensor] = []
        tables = []
        for k, (plan, layer, layer_format) in enumerate(zip(plans, previous, formats, strict=True)):
            reference = layer.raw[:, ~plan.replaced]
            stay = reference.shape[1]
            deltas = plan.raw[:, :stay] - reference
            self._references.append(reference)
            self.layers.append(LayerTraining(layer_format, deltas[2:5], deltas[5:8], seed + k))
            tables.append(torch.cat([deltas, plan.raw[:, stay:]], dim=1))
        self.start = torch.cat([torch.cat(tables, dim=1).flatten(), starting_grids(len(plans))])
        """Parameters to begin with."""

    def split(self, parameters: Float32[Tensor, " p"]) -> tuple[tuple[Tensor, ...], Float32[Tensor, "l 6"]]:
        """Columns of each layer, grid parameters."""
        size = RAW_ROWS * sum(self.counts)
        table = parameters[:size].view(RAW_ROWS, -1)
        return table.split(list(self.counts), dim=1), parameters[size:].view(-1, GRID_PARAMETERS)

    def splats(self, parameters: Float32[Tensor, " p"]) -> tuple[Float32[Tensor, "8 n"], Float32[Tensor, ""]]:
        """Quantised splats (straight-through) and the commitment loss of the differences."""
        tables, grids = self.split(parameters)
        parts, commitment = [], parameters.new_zeros(())
        for k, (table, grid) in enumerate(zip(tables, grids, strict=True)):
            layer, reference = self.layers[k], self._references[k]
            stay = reference.shape[1]
            deltas = table[:, :stay]
            positions = float_straight_through(deltas[:2], float12(layer.format.exponent_bits))
            cholesky = uniform_straight_through(deltas[2:5], layer.grid(grid))
            colors, loss = layer.vectors.quantized(deltas[5:8].T)
            commitment = commitment + loss / len(self.layers)
            parts.append(reference + torch.cat([positions, cholesky, colors.T]))
            if stay < table.shape[1]:
                parts.append(self._new_splats(table[:, stay:], self.previous[k]))
        return torch.cat(parts, dim=1), commitment

    def after_step(self, optimizer: Adan, step: int) -> None:
        """Let the codebooks follow."""
        for layer in self.layers:
            layer.vectors.step()

    def integers(self, parameters: Float32[Tensor, " p"]) -> tuple[Integers, ...]:
        """The integers of all layers; new splats fill the freed slots in order of position."""
        tables, grids = self.split(parameters.detach())
        layers = []
        for k, (table, grid) in enumerate(zip(tables, grids, strict=True)):
            quantizers = self.layers[k].frozen(grid)
            stay = self._references[k].shape[1]
            deltas = table[:, :stay]
            layout = float12(quantizers.format.exponent_bits)
            new = absolute_integers(table[:, stay:], self.previous[k].key)
            order = np.lexsort((ordered_pattern(new["positions"][:, 1]), ordered_pattern(new["positions"][:, 0])))
            layers.append(
                {
                    "replaced": self.plans[k].replaced.numpy().astype(np.uint8),
                    "position_deltas": float_to_bits(deltas[:2].T, layout).numpy().astype(np.uint16),
                    "cholesky_deltas": quantize_uniform(deltas[2:5], quantizers.grid).T.numpy().astype(np.int16),
                    "color_deltas": encode_residual(deltas[5:8].T, quantizers.codebooks).numpy().astype(np.uint8),
                }
                | {name: values[order] for name, values in new.items()}
                | side_integers(quantizers)
            )
        return tuple(layers)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs beside the parameters."""
        return trainers_state([layer.vectors for layer in self.layers])

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state`."""
        restore_trainers([layer.vectors for layer in self.layers], state)

    def _new_splats(self, raw: Float32[Tensor, "8 k"], previous: DecodedLayer) -> Float32[Tensor, "8 k"]:
        """New splats under the quantisers of the key frame, which are fixed."""
        colors = raw[5:8].T
        coded = decode_residual(encode_residual(colors.detach(), previous.key.codebooks), previous.key.codebooks)
        return torch.cat(
            [
                float_straight_through(raw[:2], FLOAT16),
                uniform_straight_through(raw[2:5], previous.key.grid),
                straight_through(colors, coded).T,
            ]
        )
