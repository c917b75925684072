# SPDX-License-Identifier: Apache-2.0
"""Arrays of the paper's head, as they are sent: of each Gaussian on the head, of latents' decoders, of the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int8, Int32

COLORS, SIZES = slice(0, 3), slice(3, 6)
PRECISE = 6
"""Columns that are sent precisely: color, logarithms of three sizes."""
REST, ROTATION, OPACITY = slice(0, 45), slice(45, 49), slice(49, 50)
LOOSE = 50
"""Columns that are less sensitive: harmonics of degrees 1 to 3, a quaternion, a logit of opacity."""
LATENTS = {"rest": 1, "rotation": 4, "opacity": 1}
"""Integers of a Gaussian, and what each group of columns is decoded from (the paper's dim_rest, dim_r, dim_o)."""
LATENT_COLUMNS = sum(LATENTS.values())
OUTPUT_COLUMNS = {"rest": 45, "rotation": 4, "opacity": 1}


@dataclass(frozen=True, eq=False)
class Matrices:
    """Weights (outputs, inputs) and biases of linear layers, one after another."""

    weights: tuple[Float32[np.ndarray, "o i"], ...]
    biases: tuple[Float32[np.ndarray, " o"], ...]

    def flat(self) -> Float32[np.ndarray, " n"]:
        """Layer after layer, weights row by row, then biases."""
        parts = [part.ravel() for pair in zip(self.weights, self.biases, strict=True) for part in pair]
        return np.concatenate(parts).astype(np.float32)

    @classmethod
    def of(cls, flat: Float32[np.ndarray, " n"], shapes: list[tuple[int, int]]) -> Matrices:
        """The other way; shapes are (outputs, inputs)."""
        weights, biases, start = [], [], 0
        for outputs, inputs in shapes:
            weights.append(flat[start : start + outputs * inputs].reshape(outputs, inputs))
            biases.append(flat[start + outputs * inputs : start + outputs * (inputs + 1)])
            start += outputs * (inputs + 1)
        return cls(tuple(weights), tuple(biases))


def decoder_shapes() -> list[tuple[int, int]]:
    """Of the latents' decoders, (outputs, inputs)."""
    return [(OUTPUT_COLUMNS[name], inputs) for name, inputs in LATENTS.items()]


def count_of(shapes: list[tuple[int, int]]) -> int:
    """Numbers of layers of these shapes."""
    return sum(outputs * (inputs + 1) for outputs, inputs in shapes)


@dataclass(frozen=True, eq=False)
class NetworkState:
    """What the layer of such a head says of Gaussians on the head. Floats are as they are sent."""

    precise: Int32[np.ndarray, "n 6"] | Float32[np.ndarray, "n 6"]
    """Integers, where they are quantized."""
    latents: Int8[np.ndarray, "n 6"] | None
    decoders: Matrices | None
    loose: Float32[np.ndarray, "n 50"] | None
    """Where there are no latents."""
    network: Matrices
    is_deflated: bool
    """Both sections of bytes."""


def named_arrays(state: NetworkState) -> dict[str, np.ndarray]:
    """All of it, for fingerprints; floats by their bits."""
    arrays = {
        "precise": np.ascontiguousarray(state.precise).view(np.int32),
        "network": state.network.flat().view(np.int32),
    }
    if state.latents is not None and state.decoders is not None:
        arrays |= {"latents": state.latents, "decoders": state.decoders.flat().view(np.int32)}
    if state.loose is not None:
        arrays["loose"] = np.ascontiguousarray(state.loose).view(np.int32)
    return arrays
