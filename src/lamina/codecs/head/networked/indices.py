# SPDX-License-Identifier: Apache-2.0
"""A run's columns <-> bytes as in the paper: indices of 8 or 10 bits; the first frame as it is, then differences.

A column's index is its integer plus what the header says of its zero. Differences from the frame before are exponential
Golomb codes of order 0. The paper names neither predictor nor ranges.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32, Int64

from lamina.codecs.head.networked.codes import (
    code_bits,
    ends_well,
    folded,
    read_bits,
    read_codes,
    unfolded,
    write_bits,
    write_codes,
)
from lamina.codecs.head.networked.syntax import NetworkFacts
from lamina.errors import BitstreamError


def pack_indices(facts: NetworkFacts, values: Int32[np.ndarray, "t c"]) -> bytes:
    """The bits of a run.

    Raises:
        ValueError: a column is out of its range.
    """
    indices = values.astype(np.int64) + np.array(facts.zeros)
    if indices.min() < 0 or indices.max() > facts.largest_index:
        raise ValueError(f"an index is not within 0...{facts.largest_index}")
    codes = folded(np.diff(indices, axis=0)).ravel()
    total = indices.shape[1] * facts.parameter_bits + code_bits(codes, 0)
    data, position = np.zeros((total + 7) // 8, np.uint8), 0
    for index in indices[0]:
        position = write_bits(data, position, int(index), facts.parameter_bits)
    write_codes(data, position, codes, 0)
    return data.tobytes()


def unpack_indices(facts: NetworkFacts, frames: int, data: bytes) -> Int32[np.ndarray, "t c"]:
    """A run.

    Raises:
        BitstreamError: the bits are damaged.
    """
    columns, bits = len(facts.zeros), facts.parameter_bits
    # Each difference takes a bit at least.
    if 8 * len(data) < columns * (bits + frames - 1):
        raise BitstreamError(f"{len(data)} bytes for {frames} frames of {columns} columns", "run")
    stored = np.frombuffer(data, np.uint8)
    indices = np.zeros((frames, columns), np.int64)
    indices[0] = [read_bits(stored, bits * column, bits) for column in range(columns)]
    codes = np.zeros((frames - 1) * columns, np.int64)
    position = read_codes(stored, bits * columns, codes, 0)
    if not ends_well(data, position):
        raise BitstreamError("codes do not end with the data", "run")
    indices[1:] = unfolded(codes).reshape(frames - 1, columns)
    indices = np.cumsum(indices, axis=0)
    if indices.min() < 0 or indices.max() > facts.largest_index:
        raise BitstreamError(f"an index is not within 0...{facts.largest_index}", "run")
    return (indices - np.array(facts.zeros)).astype(np.int32)


def within(facts: NetworkFacts, values: Int64[np.ndarray, "t c"]) -> Int32[np.ndarray, "t c"]:
    """Integers of columns, held within what indices can say."""
    zeros = np.array(facts.zeros)
    return values.clip(-zeros, facts.largest_index - zeros).astype(np.int32)
