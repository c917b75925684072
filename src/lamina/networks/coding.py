# SPDX-License-Identifier: Apache-2.0
"""Networks and hash grids to bytes and back: integers enter, few bytes leave; the bytes and the sizes give them back.

    data = pack_fixed([main, steps])          found = unpack_fixed(data, [main.sizes, steps.sizes])
    data = pack_quantized(heads)              found = unpack_quantized(data, [head.sizes for head in heads])
    data = pack_hash_grid(grid)               found = unpack_hash_grid(data)

A weight is a rounded normal value (`entropy.gaussian_tables`) whose scale is estimated from magnitudes already coded in
its row and its column, so that inputs and hidden units that matter little cost little. It needs no statistics: the mean
magnitude of each tensor is sent, nothing else. Signs are adaptive bits whose contexts count the -1 around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import isqrt

import numpy as np
from jaxtyping import Int32, Int64

from lamina.entropy.binary import Coder, code_bit, code_raw, fail, fresh_contexts, ran_dry
from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.entropy.indexed import code_from_row
from lamina.entropy.kernel import kernel
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.symbols import code_exp_golomb
from lamina.entropy.walk import expect_end, open_reader, write_stream
from lamina.errors import BitstreamError
from lamina.networks.fixed_point import ACTIVATION_BITS, BIAS_LIMIT, MAX_LAYERS, MAX_WIDTH, WEIGHT_LIMIT, FixedMlp
from lamina.networks.hash_grid import FixedHashGrid
from lamina.networks.hash_layout import HashGridSpec
from lamina.networks.quantized import QuantizedMlp
from lamina.networks.syntax import HashGridHead

MAX_WEIGHTS = 1 << 22
"""Numbers of all networks of one stream together; a reader's memory is bounded to 16 MB before it allocates."""
MEAN_BITS = 4
"""Fraction bits of the mean magnitude that is sent for a tensor."""
MEAN_ORDER = 6
"""Of the Exp-Golomb code of that mean: 7 bits for weights of 6 bits, 15 for those of 10."""
ESTIMATE_BITS = 16
"""Fraction bits of estimated mean magnitudes."""
PRIOR_WEIGHTS = 8
"""The tensor's mean counts as so many weights of each row and column; 4 to 16 are within 0.5 %."""
MAX_ESTIMATE = 1 << 26
"""Estimates saturate here, five times above the widest table, so that their product stays below 2**53."""
MAX_SUM = 1 << 36
"""Sums of magnitudes saturate here, above what a row of `MAX_WIDTH` biases can have: shifted, they stay below 2**53."""
FIXED_CODE_BITS = 4
"""Of what precedes a tensor of a fixed-point network: fraction bits of weights, zero bits under biases."""
STEP_CODE_BITS = 7
"""Of what precedes a tensor on steps: the code of its step."""
SIGN_WINDOW = 1024
"""Of the contexts of signs, which do not drift."""
CONTEXTS_PER_SIGN = 4
"""By whether the entry so far, and the entry before it, had a -1: entries that nothing uses are all +1."""


@dataclass(frozen=True)
class _Tensor:
    """One matrix on the wire; a bias is a matrix of one row."""

    values: Int32[np.ndarray, "rows columns"]
    code: int
    """Fraction bits, zero bits or step code: how large 1 is."""


def pack_fixed(networks: Sequence[FixedMlp]) -> bytes:
    """Networks that run in fixed point, one stream for all.

    Raises:
        ValueError: more networks or weights than a reader accepts.
    """
    tensors = []
    for network in networks:
        for weight, bias, bits in zip(network.weights, network.biases, network.weight_bits, strict=True):
            shift = _zero_bits(bias)
            tensors.append(_Tensor(weight.astype(np.int32), bits))
            tensors.append(_Tensor((bias >> shift)[None, :], shift))
    return _pack(tensors, FIXED_CODE_BITS, [network.sizes for network in networks])


def unpack_fixed(
    data: bytes, sizes: Sequence[Sequence[int]], *, unit: str = "fixed-point networks"
) -> tuple[FixedMlp, ...]:
    """The networks; `sizes` of each are inputs, then outputs of each layer.

    Raises:
        BitstreamError: sizes are beyond the limits, or the bytes are damaged.
    """
    layers = iter(_unpack(data, sizes, FIXED_CODE_BITS, BIAS_LIMIT, unit))
    networks = []
    for chain in sizes:
        weights, biases, bits = [], [], []
        for weight, bias in (next(layers) for _ in chain[1:]):
            if bias.code > ACTIVATION_BITS or int(np.abs(bias.values).max()) << bias.code > BIAS_LIMIT:
                raise BitstreamError(f"a bias beyond {BIAS_LIMIT}, shifted by {bias.code} bits", unit)
            weights.append(weight.values.astype(np.int16))
            biases.append(bias.values[0] << bias.code)
            bits.append(weight.code)
        networks.append(FixedMlp(tuple(weights), tuple(biases), tuple(bits)))
    return tuple(networks)


def pack_quantized(networks: Sequence[QuantizedMlp]) -> bytes:
    """Networks that run in reals, one stream for all.

    Raises:
        ValueError: more networks or weights than a reader accepts.
    """
    tensors = []
    for network in networks:
        steps = zip(network.weights, network.weight_steps, network.biases, network.bias_steps, strict=True)
        for weight, weight_step, bias, bias_step in steps:
            tensors += [_Tensor(weight, weight_step), _Tensor(bias[None, :], bias_step)]
    return _pack(tensors, STEP_CODE_BITS, [network.sizes for network in networks])


def unpack_quantized(
    data: bytes, sizes: Sequence[Sequence[int]], *, unit: str = "networks"
) -> tuple[QuantizedMlp, ...]:
    """The networks; `sizes` of each are inputs, then outputs of each layer.

    Raises:
        BitstreamError: sizes are beyond the limits, or the bytes are damaged.
    """
    layers = iter(_unpack(data, sizes, STEP_CODE_BITS, WEIGHT_LIMIT, unit))
    networks = []
    for chain in sizes:
        found = [next(layers) for _ in chain[1:]]
        networks.append(
            QuantizedMlp(
                tuple(weight.values for weight, _ in found),
                tuple(bias.values[0] for _, bias in found),
                tuple(weight.code for weight, _ in found),
                tuple(bias.code for _, bias in found),
            )
        )
    return tuple(networks)


def pack_hash_grid(grid: FixedHashGrid) -> bytes:
    """Shape and signs of a grid."""
    spec = grid.spec

    def walk(coder: Coder) -> None:
        _walk_signs(coder, _sign_contexts(spec), np.array(spec.level_sizes), grid.signs.copy())

    return HashGridHead.of(spec).pack() + write_stream(walk, spec.sign_count)


def unpack_hash_grid(data: bytes, *, unit: str = "hash grid") -> FixedHashGrid:
    """The grid.

    Raises:
        BitstreamError: the bytes are damaged.
    """
    head, end = HashGridHead.unpack(data)
    spec = head.spec()
    reader = open_reader(bytes(data[end:]), unit=unit)
    signs = np.ones((spec.entry_count, spec.feature_count), np.int8)
    _walk_signs(reader, _sign_contexts(spec), np.array(spec.level_sizes), signs)
    expect_end(reader, unit=unit)
    return FixedHashGrid(spec, signs)


def _sign_contexts(spec: HashGridSpec) -> Int32[np.ndarray, "contexts 3"]:
    return fresh_contexts(spec.level_count * spec.feature_count * CONTEXTS_PER_SIGN, SIGN_WINDOW)


@kernel
def _walk_signs(coder, contexts, level_sizes, signs):
    """Code the signs in place, entry by entry."""
    features = signs.shape[1]
    entry = np.int64(0)
    for level in range(level_sizes.size):
        before = np.int64(0)
        for _ in range(level_sizes[level]):
            if ran_dry(coder):
                return
            seen = np.int64(0)
            for f in range(features):
                base = CONTEXTS_PER_SIGN * (level * features + f)
                minus = code_bit(coder, contexts, base + 2 * before + seen, np.int64(signs[entry, f] < 0))
                signs[entry, f] = -1 if minus else 1
                seen |= minus
            before = seen
            entry += 1


def _pack(tensors: Sequence[_Tensor], code_bits: int, sizes: Sequence[Sequence[int]]) -> bytes:
    count = _count(sizes)
    if count is None or count > MAX_WEIGHTS:
        raise ValueError(f"networks of {list(sizes)}: {count} numbers; expected at most {MAX_WEIGHTS}")
    tables, thresholds = _tables(), magnitude_thresholds()

    def walk(coder: Coder) -> None:
        for tensor in tensors:
            mean = _mean(tensor.values)
            code_raw(coder, tensor.code, code_bits)
            code_exp_golomb(coder, mean, MEAN_ORDER)
            columns = np.zeros(tensor.values.shape[1], np.int64)
            _walk_weights(coder, tables, thresholds, mean, BIAS_LIMIT, columns, tensor.values.copy())

    return write_stream(walk, 2 * count + 1024)


def _unpack(
    data: bytes, sizes: Sequence[Sequence[int]], code_bits: int, bias_limit: int, unit: str
) -> list[tuple[_Tensor, _Tensor]]:
    """Weight and bias of each layer of all networks."""
    count = _count(sizes)
    if count is None or count > MAX_WEIGHTS:
        raise BitstreamError(f"networks of {list(sizes)}: {count} numbers; expected at most {MAX_WEIGHTS}", unit)
    coder, tables, thresholds = open_reader(data, unit=unit), _tables(), magnitude_thresholds()
    layers = []
    for chain in sizes:
        for inputs, outputs in pairwise(chain):
            pair = []
            for shape, limit in (((outputs, inputs), WEIGHT_LIMIT), ((1, outputs), bias_limit)):
                code = int(code_raw(coder, 0, code_bits))
                mean = int(code_exp_golomb(coder, 0, MEAN_ORDER))
                values = np.zeros(shape, np.int32)
                if not _walk_weights(coder, tables, thresholds, mean, limit, np.zeros(shape[1], np.int64), values):
                    raise BitstreamError(f"a number beyond {limit} in a tensor of {shape}, or no more bytes", unit)
                pair.append(_Tensor(values, code))
            layers.append((pair[0], pair[1]))
    expect_end(coder, unit=unit)
    return layers


def _count(sizes: Sequence[Sequence[int]]) -> int | None:
    """Weights and biases of networks; None where one cannot be."""
    for chain in sizes:
        if not 2 <= len(chain) <= MAX_LAYERS + 1 or min(chain) < 1 or max(chain[:-1]) > MAX_WIDTH:
            return None
    return sum((inputs + 1) * outputs for chain in sizes for inputs, outputs in pairwise(chain))


@kernel
def _walk_weights(coder, tables, thresholds, mean, limit, columns, values):
    """Code a tensor in place, row by row; whether all was in range. `columns` starts as zeros."""
    prior = min(max(np.int64(mean), 1) << (ESTIMATE_BITS - MEAN_BITS), MAX_ESTIMATE)
    for i in range(values.shape[0]):
        row = np.int64(0)
        if ran_dry(coder):
            return False
        for j in range(values.shape[1]):
            by_row = ((row << ESTIMATE_BITS) + PRIOR_WEIGHTS * prior) // (j + PRIOR_WEIGHTS)
            by_column = ((columns[j] << ESTIMATE_BITS) + PRIOR_WEIGHTS * prior) // (i + PRIOR_WEIGHTS)
            estimate = min(by_row, MAX_ESTIMATE) * min(by_column, MAX_ESTIMATE) // prior
            low, high = np.int64(0), np.int64(thresholds.size)
            while low < high:
                middle = (low + high) >> 1
                if estimate >= thresholds[middle]:
                    low = middle + 1
                else:
                    high = middle
            value = code_from_row(coder, tables, low, np.int64(values[i, j]))
            if value > limit or value < -limit:
                fail(coder)
                return False
            values[i, j] = value
            row = min(row + abs(value), MAX_SUM)
            columns[j] = min(columns[j] + abs(value), MAX_SUM)
    return True


@cache
def _tables() -> TableArrays:
    tables = gaussian_tables()
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)


@cache
def magnitude_thresholds() -> Int64[np.ndarray, " 63"]:
    """Mean magnitudes, in 2**-16, from which the next table is used: geometric means of what the tables expect."""
    tables = gaussian_tables()
    means = []
    for row, low in zip(np.split(tables.cumulative, tables.offsets[1:-1]), tables.lows.tolist(), strict=True):
        frequencies = np.diff(row.astype(np.int64))[:-1]
        means.append(int((frequencies * np.abs(np.arange(low, low + len(frequencies)))).sum()))
    return np.array([isqrt(a * b) for a, b in pairwise(means)], np.int64)


def _mean(values: Int32[np.ndarray, "rows columns"]) -> int:
    """Mean magnitude in units of 2**-4, rounded."""
    total = int(np.abs(values.astype(np.int64)).sum())
    return ((total << MEAN_BITS) + values.size // 2) // values.size


def _zero_bits(bias: Int32[np.ndarray, " outputs"]) -> int:
    """How often all biases can be halved, up to 10 times."""
    together = int(np.bitwise_or.reduce(bias)) | 1 << ACTIVATION_BITS
    return (together & -together).bit_length() - 1
