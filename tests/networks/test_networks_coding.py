# SPDX-License-Identifier: Apache-2.0
"""Networks and grids as bytes: they come back, they are small, and wrong bytes are an error or a network."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.errors import BitstreamError
from lamina.networks.coding import (
    MAX_WEIGHTS,
    pack_fixed,
    pack_hash_grid,
    pack_quantized,
    unpack_fixed,
    unpack_hash_grid,
    unpack_quantized,
)
from lamina.networks.fixed_point import BIAS_LIMIT, WEIGHT_LIMIT, FixedMlp
from lamina.networks.hash_grid import FixedHashGrid, init_hash_grid
from lamina.networks.hash_layout import HashGridSpec
from lamina.networks.mlp import Mlp, init_mlp
from lamina.networks.quantized import QuantizedMlp, quantize_mlp
from lamina.networks.syntax import HashGridHead

SIZES = st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple)
SMALL_GRID = HashGridSpec((4, 9), (6,), 5, 5, 3)


def fixed_network(sizes: tuple[int, ...], seed: int, largest: int) -> FixedMlp:
    rng = np.random.default_rng(seed)
    pairs = list(pairwise(sizes))
    weights = tuple(rng.integers(-largest, largest + 1, (o, i)).clip(-WEIGHT_LIMIT, WEIGHT_LIMIT) for i, o in pairs)
    biases = tuple(rng.integers(-largest, largest + 1, o) << int(rng.integers(0, 4)) for _, o in pairs)
    bits = tuple(int(b) for b in rng.integers(0, 16, len(pairs)))
    return FixedMlp(tuple(w.astype(np.int16) for w in weights), tuple(b.astype(np.int32) for b in biases), bits)


def tensors(network: FixedMlp | QuantizedMlp) -> list[list]:
    return [tensor.tolist() for tensor in (*network.weights, *network.biases)]


def sample_streams() -> dict[str, tuple[bytes, Callable[[bytes], object]]]:
    fixed = [fixed_network((5, 4, 3), 1, 90), fixed_network((2, 2), 2, 5)]
    heads = [quantize_mlp(init_mlp(sizes, torch.Generator().manual_seed(3)), 7)[0] for sizes in ((6, 4, 3), (3, 1))]
    grid = init_hash_grid(SMALL_GRID, torch.Generator().manual_seed(4)).freeze()
    return {
        "fixed": (pack_fixed(fixed), lambda data: unpack_fixed(data, [net.sizes for net in fixed])),
        "quantized": (pack_quantized(heads), lambda data: unpack_quantized(data, [net.sizes for net in heads])),
        "grid": (pack_hash_grid(grid), unpack_hash_grid),
    }


STREAMS = sample_streams()


@given(
    shapes=st.lists(SIZES, max_size=3),
    seed=st.integers(0, 999),
    largest=st.sampled_from([0, 1, 40, 9000, BIAS_LIMIT >> 3]),
)
@settings(max_examples=60, deadline=None)
def test_fixed_networks_come_back(shapes, seed, largest) -> None:
    networks = [fixed_network(sizes, seed + index, largest) for index, sizes in enumerate(shapes)]
    found = unpack_fixed(pack_fixed(networks), shapes)
    assert [tensors(net) for net in found] == [tensors(net) for net in networks]
    assert [net.weight_bits for net in found] == [net.weight_bits for net in networks]


@given(shapes=st.lists(SIZES, max_size=3), bits=st.integers(2, 15), seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_quantized_networks_come_back(shapes, bits, seed) -> None:
    networks = [quantize_mlp(init_mlp(sizes, torch.Generator().manual_seed(seed)), bits)[0] for sizes in shapes]
    found = unpack_quantized(pack_quantized(networks), shapes)
    assert [tensors(net) for net in found] == [tensors(net) for net in networks]
    assert [(n.weight_steps, n.bias_steps) for n in found] == [(n.weight_steps, n.bias_steps) for n in networks]


@given(
    nodes_3d=st.lists(st.integers(3, 12), max_size=2),
    nodes_2d=st.lists(st.integers(3, 40), min_size=1, max_size=2),
    sizes=st.tuples(st.integers(3, 9), st.integers(3, 9), st.integers(1, 8)),
    seed=st.integers(0, 99),
)
@settings(max_examples=20, deadline=None)
def test_hash_grids_come_back(nodes_3d, nodes_2d, sizes, seed) -> None:
    spec = HashGridSpec(tuple(nodes_3d), tuple(nodes_2d), *sizes)
    grid = init_hash_grid(spec, torch.Generator().manual_seed(seed)).freeze()
    found = unpack_hash_grid(pack_hash_grid(grid))
    assert found.spec == spec
    assert np.array_equal(found.signs, grid.signs)


def test_normal_weights_cost_their_entropy() -> None:
    rng = np.random.default_rng(5)
    weight = np.rint(rng.normal(0, 20, (100, 60))).astype(np.int32)
    network = QuantizedMlp((weight,), (np.zeros(100, np.int32),), (50,), (50,))
    ideal = weight.size * np.log2(20 * np.sqrt(2 * np.pi * np.e)) / 8
    assert ideal * 0.99 < len(pack_quantized([network])) < ideal * 1.01 + 20


def test_inputs_and_units_that_matter_little_cost_little() -> None:
    rng = np.random.default_rng(6)
    scales = np.exp2(rng.uniform(-3, 5, 64))
    weight = np.rint(rng.normal(0, 1, (80, 64)) * scales).astype(np.int32)
    bias = np.zeros(80, np.int32)
    size = len(pack_quantized([QuantizedMlp((weight,), (bias,), (50,), (50,))]))
    shuffled = rng.permutation(weight.ravel()).reshape(weight.shape)
    assert size < 0.9 * len(pack_quantized([QuantizedMlp((shuffled,), (bias,), (50,), (50,))]))


def test_generator_heads_of_eight_bits_take_under_half_of_what_halves_take() -> None:
    generator = torch.Generator().manual_seed(7)
    heads = []
    for outputs in (10, 70, 30):
        shapes = ((32, 36), (outputs, 32))
        weights = tuple(torch.randn(shape, generator=generator) * 0.3 for shape in shapes)
        heads.append(Mlp(weights, tuple(torch.randn(shape[0], generator=generator) for shape in shapes)))
    count = sum(tensor.numel() for head in heads for tensor in head.parameters())
    assert len(pack_quantized([quantize_mlp(head, 8)[0] for head in heads])) < 0.5 * 2 * count


def test_signs_cost_one_bit_at_most_and_unused_entries_next_to_nothing() -> None:
    spec = HashGridSpec((18, 24), (130,))
    grid = init_hash_grid(spec, torch.Generator().manual_seed(8))
    assert len(pack_hash_grid(grid.freeze())) < spec.sign_count / 8 * 1.002 + 60
    positions = torch.randint(0, 1 << 20, (40, 3), generator=torch.Generator().manual_seed(9))
    assert len(pack_hash_grid(grid.freeze(positions))) < spec.sign_count / 8 * 0.1
    blank = FixedHashGrid(spec, np.ones((spec.entry_count, 4), np.int8))
    assert len(pack_hash_grid(blank)) < 100


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_is_an_error(name) -> None:
    data, unpack = STREAMS[name]
    for end in range(len(data)):
        with pytest.raises(BitstreamError):
            unpack(data[:end])
    with pytest.raises(BitstreamError):
        unpack(data + b"\x01")


@pytest.mark.parametrize("name", STREAMS)
def test_every_flipped_bit_is_an_error_or_integers(name) -> None:
    data, unpack = STREAMS[name]
    failures = 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert unpack(bytes(damaged)) is not None
        except BitstreamError:
            failures += 1
    assert (
        failures > 8 * len(data) / 2
    )  # raw bits of step codes and means give other steps: the container's CRC sees them


@pytest.mark.parametrize("name", STREAMS)
@given(data=st.binary(max_size=80))
@settings(max_examples=60, deadline=None)
def test_random_bytes_are_an_error_or_integers(name, data) -> None:
    try:
        assert STREAMS[name][1](data) is not None
    except BitstreamError:
        return


@pytest.mark.parametrize("sizes", [[(5000, 3)], [(3,)], [(3, 0)], [(2,) * 10], [(2048, 2048)], [(4096, MAX_WEIGHTS)]])
def test_sizes_are_checked_before_anything_is_allocated(sizes) -> None:
    for unpack in (unpack_fixed, unpack_quantized):
        with pytest.raises(BitstreamError, match="numbers; expected"):
            unpack(b"\x00\x01\x02\x03\x04", sizes)


def test_a_grid_with_too_many_signs_is_refused() -> None:
    head = HashGridHead.of(HashGridSpec((100,) * 16, (1000,) * 2, 13, 13, 8)).pack()
    with pytest.raises(BitstreamError, match="signs"):
        unpack_hash_grid(head[:-2] + bytes([0b10011_100, 0b11_1000_00]) + b"\x00")  # tables of 2**19 entries


def test_writers_refuse_what_readers_would() -> None:
    weight = np.zeros((1100, 4000), np.int16)
    network = FixedMlp((weight,), (np.zeros(1100, np.int32),), (8,))
    with pytest.raises(ValueError, match="expected at most"):
        pack_fixed([network])
