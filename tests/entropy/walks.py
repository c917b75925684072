# SPDX-License-Identifier: Apache-2.0
"""Kernels that the tests of the binary coder walk with: each writes, reads and measures."""

from lamina.entropy.binary import code_bit, code_raw, code_uniform
from lamina.entropy.indexed import code_from_row
from lamina.entropy.kernel import kernel
from lamina.entropy.mixing import code_mixed_bit
from lamina.entropy.split import code_split
from lamina.entropy.symbols import code_exp_golomb, code_magnitude, code_signed, code_symbol, code_unsigned


@kernel
def walk_bits(coder, contexts, rows, bits):
    for i in range(bits.size):
        bits[i] = code_bit(coder, contexts, rows[i], bits[i])


@kernel
def walk_raw(coder, widths, values):
    for i in range(values.size):
        values[i] = code_raw(coder, values[i], widths[i])


@kernel
def walk_uniform(coder, sizes, values):
    for i in range(values.size):
        values[i] = code_uniform(coder, values[i], sizes[i])


@kernel
def walk_split(coder, table, totals, values):
    for i in range(values.size):
        values[i] = code_split(coder, table, values[i], totals[i])


@kernel
def walk_symbols(coder, contexts, bits, values):
    for i in range(values.size):
        values[i] = code_symbol(coder, contexts, 0, bits, values[i])


@kernel
def walk_exp_golomb(coder, order, values):
    for i in range(values.size):
        values[i] = code_exp_golomb(coder, values[i], order)


@kernel
def walk_unsigned(coder, contexts, cap, values):
    for i in range(values.size):
        values[i] = code_unsigned(coder, contexts, 0, cap, values[i])


@kernel
def walk_signed(coder, contexts, cap, values):
    for i in range(values.size):
        values[i] = code_signed(coder, contexts, 0, cap, values[i])


@kernel
def walk_magnitudes(coder, contexts, classes, values):
    for i in range(values.size):
        values[i] = code_magnitude(coder, contexts, 0, classes, values[i])


@kernel
def walk_mixed(coder, mixer, slots, bits):
    for i in range(bits.size):
        for model in range(slots.shape[1]):
            mixer.chosen[model] = slots[i, model]
        bits[i] = code_mixed_bit(coder, mixer, i & 1, bits[i])


@kernel
def walk_indexed(coder, tables, rows, values):
    for i in range(values.size):
        values[i] = code_from_row(coder, tables, rows[i], values[i])
