# SPDX-License-Identifier: Apache-2.0
"""The pinned vectors: this code computes and writes exactly them, and so does the plain Python implementation."""

import json
import sys
from pathlib import Path

import make_network_vectors as vectors
import network_reference as reference
import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "entropy"))
from reference_decoder import Decoder

from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.networks.coding import unpack_fixed, unpack_hash_grid, unpack_quantized

VECTORS = json.loads(vectors.PATH.read_text())
TABLES = gaussian_tables()
ROWS = [row.tolist() for row in np.split(TABLES.cumulative, TABLES.offsets[1:-1])]
NORMAL_TABLES = list(zip(TABLES.lows.tolist(), ROWS, strict=True))


def test_vectors_are_what_the_code_computes_and_writes() -> None:
    assert vectors.PATH.read_text() == vectors.to_text(vectors.build())


def test_fixed_networks_by_the_reference() -> None:
    case = VECTORS["fixed"]
    outputs = [reference.fixed_mlp(case["networks"][0], row) for row in case["inputs"]]
    assert outputs == case["outputs"]
    decoder = Decoder(bytes.fromhex(case["bytes"]))
    tensors = iter(reference.read_networks(decoder, NORMAL_TABLES, case["sizes"], 4))
    for network in case["networks"]:
        for layer in network:
            assert next(tensors) == (layer["bits"], layer["weights"])
            halvings, (biases,) = next(tensors)
            assert [bias << halvings for bias in biases] == layer["biases"]
    assert decoder.ended()


def test_fixed_networks_come_from_their_bytes() -> None:
    case = VECTORS["fixed"]
    found = unpack_fixed(bytes.fromhex(case["bytes"]), case["sizes"])
    assert [vectors.layers_of(network) for network in found] == case["networks"]


def test_quantized_networks_by_the_reference() -> None:
    case = VECTORS["quantized"]
    decoder = Decoder(bytes.fromhex(case["bytes"]))
    tensors = iter(reference.read_networks(decoder, NORMAL_TABLES, case["sizes"], 7))
    for weights, biases, steps in zip(case["weights"], case["biases"], case["steps"], strict=True):
        for weight, bias, weight_step, bias_step in zip(weights, biases, *steps, strict=True):
            assert next(tensors) == (weight_step, weight)
            assert next(tensors) == (bias_step, [bias])
    assert decoder.ended()
    found = unpack_quantized(bytes.fromhex(case["bytes"]), case["sizes"])
    assert [[weight.tolist() for weight in network.weights] for network in found] == case["weights"]


def test_hash_grid_by_the_reference() -> None:
    case = VECTORS["grid"]
    data = bytes.fromhex(case["bytes"])
    grid = unpack_hash_grid(data)
    decoder = Decoder(data[case["head_bytes"] :])
    signs = reference.read_signs(decoder, case["spec"])
    assert decoder.ended()
    assert signs == grid.signs.tolist()
    features = [reference.hash_features(case["spec"], signs, position) for position in case["positions"]]
    assert features == case["features"]
    assert grid(np.array(case["positions"])).tolist() == case["features"]
