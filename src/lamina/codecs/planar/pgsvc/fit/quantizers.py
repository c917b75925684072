# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning with quantisers in the loop: unquantised splats of all layers enter, integers of all layers leave.

Every layer has quantisers of its own, so that a client of the base layer needs nothing else. They are trained jointly
with the splats and under the same joint loss. `KeyFineTuning` is for I-frames, `predicted.PredictedFineTuning` for
P-frames.

Source: P-GSVC, sec. 3.6; Xinjie-Q/GaussianImage, gaussianimage_cholesky.py.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from lamina.codecs.planar.config import PgsvcConfig
from lamina.codecs.planar.pgsvc.fit.adan import Adan
from lamina.codecs.planar.pgsvc.layers import Integers, LayerFormat, LayerQuantizers
from lamina.codecs.planar.pgsvc.splats import RAW_ROWS
from lamina.quantize.floats import FLOAT16, float_straight_through, float_to_bits, round_to_float
from lamina.quantize.uniform import (
    UniformGrid,
    grid_from_least_squares,
    quantize_uniform,
    uniform_straight_through,
)
from lamina.quantize.vector import ResidualTrainer, encode_residual

GRID_PARAMETERS = 6
"""Of a layer: factors on the three starting steps, offsets in starting steps. So the common learning rate suits any
range of values: LSQ+ leaves the choice open."""


def layer_formats(config: PgsvcConfig, layer_count: int, *, is_key: bool) -> tuple[LayerFormat, ...]:
    """Integer widths of all layers."""
    bits = config.cholesky_bits[0 if is_key else 1]
    return tuple(
        LayerFormat(
            is_key, layer == 0, bits, config.codebook_bits, config.codebook_stages, config.float12_exponent_bits
        )
        for layer in range(layer_count)
    )


class LayerTraining:
    """Quantisers of one layer while they are trained."""

    def __init__(
        self, layer_format: LayerFormat, cholesky: Float32[Tensor, "3 n"], colors: Float32[Tensor, "3 n"], seed: int
    ) -> None:
        self.format = layer_format
        self.start = grid_from_least_squares(cholesky, layer_format.cholesky_range)
        self.vectors = ResidualTrainer(colors.T, layer_format.codebook_stages, 1 << layer_format.codebook_bits, seed)

    def grid(self, parameters: Float32[Tensor, " 6"]) -> UniformGrid:
        """The grid that six parameters mean; differentiable."""
        scale = self.start.scale * parameters[:3].clamp_min(1e-2)
        return UniformGrid(scale, self.start.offset + parameters[3:] * self.start.scale, self.start.integers)

    def frozen(self, parameters: Float32[Tensor, " 6"]) -> LayerQuantizers:
        """As the decoder will know them: codebooks rounded to fp16."""
        grid = self.grid(parameters.detach())
        return LayerQuantizers(self.format, grid, round_to_float(self.vectors.codebooks, FLOAT16))


class KeyFineTuning:
    """A trainee for `descend`: all layers of an I-frame. Parameters are flat: (8, n) splats, then six a layer."""

    def __init__(
        self, raw: Float32[Tensor, "8 n"], counts: tuple[int, ...], formats: tuple[LayerFormat, ...], seed: int
    ) -> None:
        self.counts = counts
        parts = raw.split(list(counts), dim=1)
        self.layers = [
            LayerTraining(layer_format, part[2:5], part[5:8], seed + layer)
            for layer, (layer_format, part) in enumerate(zip(formats, parts, strict=True))
        ]
        self.start = torch.cat([raw.flatten(), starting_grids(len(counts))])
        """Parameters to begin with."""

    def split(self, parameters: Float32[Tensor, " p"]) -> tuple[Float32[Tensor, "8 n"], Float32[Tensor, "l 6"]]:
        """Splats, grid parameters."""
        size = RAW_ROWS * sum(self.counts)
        return parameters[:size].view(RAW_ROWS, -1), parameters[size:].view(-1, GRID_PARAMETERS)

    def splats(self, parameters: Float32[Tensor, " p"]) -> tuple[Float32[Tensor, "8 n"], Float32[Tensor, ""]]:
        """Quantised splats (straight-through) and the commitment loss."""
        raw, grids = self.split(parameters)
        positions = float_straight_through(raw[:2], FLOAT16)
        shapes, colors = raw[2:5].split(list(self.counts), dim=1), raw[5:8].split(list(self.counts), dim=1)
        cholesky = [
            uniform_straight_through(shape, layer.grid(grid))
            for layer, shape, grid in zip(self.layers, shapes, grids, strict=True)
        ]
        vectors = [layer.vectors.quantized(color.T) for layer, color in zip(self.layers, colors, strict=True)]
        commitment = sum((loss for _, loss in vectors), start=raw.new_zeros(())) / len(self.layers)
        quantized = [positions, torch.cat(cholesky, dim=1), torch.cat([color.T for color, _ in vectors], dim=1)]
        return torch.cat(quantized), commitment

    def after_step(self, optimizer: Adan, step: int) -> None:
        """Let the codebooks follow."""
        for layer in self.layers:
            layer.vectors.step()

    def integers(self, parameters: Float32[Tensor, " p"]) -> tuple[Integers, ...]:
        """The integers of all layers. Slots are put in order of position, which costs least to code."""
        raw, grids = self.split(parameters.detach())
        layers = []
        for layer, part, grid in zip(self.layers, raw.split(list(self.counts), dim=1), grids, strict=True):
            quantizers = layer.frozen(grid)
            absolute = absolute_integers(part, quantizers)
            order = np.lexsort(
                (ordered_pattern(absolute["positions"][:, 1]), ordered_pattern(absolute["positions"][:, 0]))
            )
            layers.append({name: values[order] for name, values in absolute.items()} | side_integers(quantizers))
        return tuple(layers)

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint needs beside the parameters."""
        return trainers_state([layer.vectors for layer in self.layers])

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state`."""
        restore_trainers([layer.vectors for layer in self.layers], state)


def starting_grids(layer_count: int) -> Float32[Tensor, " p"]:
    """Grid parameters that mean the starting grids."""
    return torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]).repeat(layer_count)


def absolute_integers(raw: Float32[Tensor, "8 n"], quantizers: LayerQuantizers) -> dict[str, np.ndarray]:
    """Integers of splats that are coded by themselves; `layers.absolute_splats` is the inverse."""
    cholesky = quantize_uniform(raw[2:5], quantizers.grid).T
    colors = encode_residual(raw[5:8].T, quantizers.codebooks)
    return {
        "positions": np.ascontiguousarray(float_to_bits(raw[:2].T, FLOAT16).numpy().astype(np.uint16)),
        "cholesky": np.ascontiguousarray(cholesky.numpy().astype(np.int16)),
        "colors": colors.numpy().astype(np.uint8),
    }


def side_integers(quantizers: LayerQuantizers) -> dict[str, np.ndarray]:
    """Bit patterns of a layer's quantisers."""
    grids = torch.stack([quantizers.grid.scale, quantizers.grid.offset]).numpy().astype(np.float32)
    return {
        "grids": grids.view(np.uint32),
        "codebooks": float_to_bits(quantizers.codebooks, FLOAT16).numpy().astype(np.uint16),
    }


def ordered_pattern(patterns: np.ndarray) -> np.ndarray:
    """fp16 patterns as integers 0...65535 that sort like the values."""
    wide = patterns.astype(np.int64)
    return np.where(wide >> 15, 0xFFFF - wide, wide + 0x8000)


def trainers_state(trainers: list[ResidualTrainer]) -> dict[str, Tensor]:
    """States of several trainers under numbered names."""
    return {f"{name}{k}": value for k, trainer in enumerate(trainers) for name, value in trainer.state().items()}


def restore_trainers(trainers: list[ResidualTrainer], state: dict[str, Tensor]) -> None:
    """The inverse of `trainers_state`."""
    for k, trainer in enumerate(trainers):
        trainer.restore({name: state[f"{name}{k}"] for name in trainer.state()})
