# SPDX-License-Identifier: Apache-2.0
"""Write `vectors.json`: inputs, outputs and exact bytes of networks and hash grids.

Vectors are the compatibility promise: new ones may be added, old ones never change.
"""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from lamina.entropy.gaussian_tables import TABLES_SHA256, gaussian_tables, scale_indices
from lamina.networks.coding import pack_fixed, pack_hash_grid, pack_quantized
from lamina.networks.fixed_point import FixedMlp
from lamina.networks.hash_grid import FixedHashGrid
from lamina.networks.hash_layout import HashGridSpec
from lamina.networks.quantized import QuantizedMlp
from lamina.networks.syntax import HashGridHead

PATH = Path(__file__).with_name("vectors.json")
SMALL_GRID = {"nodes_3d": [4, 9], "nodes_2d": [6, 20], "log2_table_3d": 7, "log2_table_2d": 6, "feature_count": 3}
LOG2_SCALES = [-9999, -3365, -3364, -3274, -3184, -3183, 0, 1, 1024, 8100, 8101, 99999]


def random_integers(seed: int, count: int) -> np.ndarray:
    """Upper 16 of 31 bits of x = (1103515245 x + 12345) mod 2**31: easy to repeat in any language."""
    numbers, x = np.empty(count, np.int64), seed
    for index in range(count):
        x = (1103515245 * x + 12345) % (1 << 31)
        numbers[index] = x >> 15
    return numbers


def network(seed: int, sizes: tuple[int, ...], spread: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases whose magnitudes differ by input: sums of three uniform numbers, scaled."""
    weights, biases = [], []
    for layer, (inputs, outputs) in enumerate(pairwise(sizes)):
        numbers = random_integers(seed + layer, 3 * outputs * (inputs + 1)).reshape(3, outputs, inputs + 1)
        values = (numbers.sum(axis=0) - 98304) * spread // 32768 >> (np.arange(inputs + 1) % 3)
        weights.append(values[:, :-1])
        biases.append(values[:, -1])
    return weights, biases


def fixed_network(seed: int, sizes: tuple[int, ...], spread: int, bits: tuple[int, ...]) -> FixedMlp:
    weights, biases = network(seed, sizes, spread)
    return FixedMlp(
        tuple(weight.astype(np.int16) for weight in weights),
        tuple((8 * bias).astype(np.int32) for bias in biases),
        bits,
    )


def fixed_networks() -> list[FixedMlp]:
    return [fixed_network(1, (5, 7, 4), 300, (10, 7)), fixed_network(9, (3, 2), 32000, (0,))]


def wide_network() -> tuple[FixedMlp, np.ndarray]:
    inputs = random_integers(77, 500 * 192).reshape(500, 192).astype(np.int32) - 32768
    return fixed_network(31, (192, 100, 175), 2000, (10, 10)), inputs


def quantized_networks() -> list[QuantizedMlp]:
    networks = []
    for seed, sizes, spread in ((40, (6, 5, 8), 90), (50, (4, 2), 1)):
        weights, biases = network(seed, sizes, spread)
        steps = tuple(70 + layer for layer in range(len(weights)))
        networks.append(
            QuantizedMlp(
                tuple(w.astype(np.int32) for w in weights),
                tuple(b.astype(np.int32) for b in biases),
                steps,
                steps[::-1],
            )
        )
    return networks


def small_grid() -> FixedHashGrid:
    spec = HashGridSpec(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in SMALL_GRID.items()}
    )
    signs = np.where(random_integers(5, spec.sign_count) % 5 < 3, 1, -1).astype(np.int8)
    return FixedHashGrid(spec, signs.reshape(spec.entry_count, spec.feature_count))


def default_grid() -> tuple[FixedHashGrid, np.ndarray]:
    """Signs repeat every 9973, so that making them is quick; positions are anywhere, some outside."""
    spec = HashGridSpec()
    signs = np.resize(np.where(random_integers(6, 9973) % 2 == 0, 1, -1), spec.sign_count).astype(np.int8)
    positions = random_integers(7, 3000).reshape(1000, 3) * 17 - 20000
    return FixedHashGrid(spec, signs.reshape(spec.entry_count, spec.feature_count)), positions


def layers_of(fixed: FixedMlp) -> list[dict[str, Any]]:
    return [
        {"bits": bits, "weights": weight.tolist(), "biases": bias.tolist()}
        for weight, bias, bits in zip(fixed.weights, fixed.biases, fixed.weight_bits, strict=True)
    ]


def sha256(integers: np.ndarray) -> str:
    return hashlib.sha256(integers.astype("<i4").tobytes()).hexdigest()


def build() -> dict[str, Any]:
    tables, fixed, quantized, grid = gaussian_tables(), fixed_networks(), quantized_networks(), small_grid()
    (wide, wide_inputs), (default, default_positions) = wide_network(), default_grid()
    inputs = (random_integers(3, 20).reshape(4, 5) - 32768) // 4
    inputs[3] *= 4096  # saturates
    positions = random_integers(4, 30).reshape(10, 3) * 16
    positions[7:] = [[0, 1 << 20, 1 << 19], [1 << 20, 0, 5], [-1, 0, 0]]
    return {
        "normal_tables": {
            "sha256": TABLES_SHA256,
            "lows": tables.lows.tolist(),
            "sizes": np.diff(tables.offsets).tolist(),
            "log2_scales": LOG2_SCALES,
            "indices": scale_indices(np.array(LOG2_SCALES)).tolist(),
        },
        "fixed": {
            "sizes": [net.sizes for net in fixed],
            "networks": [layers_of(net) for net in fixed],
            "bytes": pack_fixed(fixed).hex(),
            "inputs": inputs.tolist(),
            "outputs": fixed[0](inputs).tolist(),
            "wide_outputs_sha256": sha256(wide(wide_inputs)),
            "wide_bytes_sha256": hashlib.sha256(pack_fixed([wide])).hexdigest(),
        },
        "quantized": {
            "sizes": [net.sizes for net in quantized],
            "weights": [[weight.tolist() for weight in net.weights] for net in quantized],
            "biases": [[bias.tolist() for bias in net.biases] for net in quantized],
            "steps": [[list(net.weight_steps), list(net.bias_steps)] for net in quantized],
            "bytes": pack_quantized(quantized).hex(),
            "first_weight": float(quantized[0].dequantized().weights[0][0, 0]).hex(),
        },
        "grid": {
            "spec": SMALL_GRID,
            "head_bytes": HashGridHead.of(grid.spec).size_bytes,
            "bytes": pack_hash_grid(grid).hex(),
            "signs_sha256": sha256(grid.signs),
            "positions": positions.tolist(),
            "features": grid(positions).tolist(),
            "default_features_sha256": sha256(default(default_positions)),
        },
    }


def to_text(vectors: dict[str, Any]) -> str:
    lines = [f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in vectors.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(to_text(build()), encoding="utf-8")
