# SPDX-License-Identifier: Apache-2.0
"""Integers as adaptive bits: symbols, magnitudes and signed values enter a `Coder`, or leave it (see `binary`).

All take (coder, contexts, base, ...) with their contexts at rows `base`, `base + 1`, ...; how many is said at each.
The `cost_...` twins give the bits that would be spent now, without adapting, for an encoder's decisions.
"""

from __future__ import annotations

import numpy as np

from lamina.entropy.binary import code_bit, code_interval, code_raw, cost_bit, fail, is_reading, next_slot
from lamina.entropy.kernel import kernel

MAX_GOLOMB_BITS = 31
"""Exp-Golomb values are below 2**31 - 1; a longer prefix is damage."""
SIGN = 1
"""Row of the sign in the contexts of `code_signed`; row 0 is the zero flag."""


@kernel
def code_symbol(coder, contexts, base, bits, symbol):
    """A symbol of 0...2**bits - 1 through a binary tree, high bit first; 2**bits - 1 contexts."""
    if not is_reading(coder) and (symbol < 0 or symbol >> bits > 0):
        fail(coder)
        return np.int64(0)
    node = np.int64(1)
    for level in range(bits - 1, -1, -1):
        node = 2 * node + code_bit(coder, contexts, base + node - 1, (symbol >> level) & 1)
    return node - (np.int64(1) << bits)


@kernel
def code_exp_golomb(coder, value, order):
    """A value of 0...2**31 - 2 as raw bits, about 2 log2(value / 2**order) + order + 1 of them (Exp-Golomb)."""
    if not is_reading(coder) and (value < 0 or value >= (1 << MAX_GOLOMB_BITS) - (1 << order)):
        fail(coder)
        return np.int64(0)
    length = np.int64(order)
    while code_raw(coder, np.int64((value + (1 << order)) >> (length + 1) > 0), 1):
        length += 1
        if length >= MAX_GOLOMB_BITS:
            fail(coder)
            return np.int64(0)
    offset = (np.int64(1) << length) - (1 << order)
    return offset + code_raw(coder, value - offset, length)


@kernel
def code_unsigned(coder, contexts, base, cap, value):
    """A small value >= 0 in unary, one context a bin, then (value - cap) in raw Exp-Golomb; `cap` contexts."""
    if not is_reading(coder) and value < 0:
        fail(coder)
        return np.int64(0)
    known = np.int64(0)
    while known < cap:
        if code_bit(coder, contexts, base + known, np.int64(value > known)) == 0:
            return known
        known += 1
    return cap + code_exp_golomb(coder, value - cap, 0)


@kernel
def code_signed(coder, contexts, base, cap, value):
    """A small integer: zero flag, sign, magnitude - 1 as `code_unsigned`; `cap` + 2 contexts."""
    if code_bit(coder, contexts, base, np.int64(value != 0)) == 0:
        return np.int64(0)
    negative = code_bit(coder, contexts, base + SIGN, np.int64(value < 0))
    magnitude = 1 + code_unsigned(coder, contexts, base + 2, cap, abs(value) - 1)
    return -magnitude if negative else magnitude


@kernel
def code_magnitude(coder, contexts, base, classes, value):
    """A value >= 0 of wide range: bit length of value + 1 in unary, its next bit adaptive, the rest raw.

    2 * `classes` contexts; the value is at most 2**classes - 2, `classes` at most 31.
    """
    if not is_reading(coder) and (value < 0 or value + 1 >= np.int64(1) << classes):
        fail(coder)
        return np.int64(0)
    length = np.int64(0)
    while length < classes - 1:
        if code_bit(coder, contexts, base + length, np.int64((value + 1) >> (length + 1) > 0)) == 0:
            break
        length += 1
    if length == 0:
        return np.int64(0)
    top = code_bit(coder, contexts, base + classes + length, ((value + 1) >> (length - 1)) & 1)
    rest = code_raw(coder, (value + 1) & ((np.int64(1) << (length - 1)) - 1), length - 1)
    return (((2 + top) << (length - 1)) | rest) - 1


@kernel
def code_from_table(coder, cumulative, base, count, symbol):
    """A symbol of 0...count - 1 under fixed frequencies: `cumulative[base ... base + count]` from 0 to 2**16."""
    if is_reading(coder):
        slot = next_slot(coder)
        low, high = np.int64(0), np.int64(count)  # cumulative[low] <= slot < cumulative[high]
        while high - low > 1:
            middle = (low + high) >> 1
            if np.int64(cumulative[base + middle]) <= slot:
                low = middle
            else:
                high = middle
        symbol = low
    elif symbol < 0 or symbol >= count:
        fail(coder)
        return np.int64(0)
    start = np.int64(cumulative[base + symbol])
    code_interval(coder, start, np.int64(cumulative[base + symbol + 1]) - start)
    return np.int64(symbol)


@kernel
def cost_symbol(contexts, base, bits, symbol):
    """Bits that `code_symbol` would spend now."""
    node, cost = np.int64(1), 0.0
    for level in range(bits - 1, -1, -1):
        bit = (symbol >> level) & 1
        cost += cost_bit(contexts, base + node - 1, bit)
        node = 2 * node + bit
    return cost


@kernel
def cost_exp_golomb(value, order):
    """Bits that `code_exp_golomb` would spend."""
    length = np.int64(order)
    while (value + (1 << order)) >> (length + 1) > 0:
        length += 1
    return 2.0 * length + 1.0 - order


@kernel
def cost_unsigned(contexts, base, cap, value):
    """Bits that `code_unsigned` would spend now."""
    cost = 0.0
    for known in range(min(value + 1, cap)):
        cost += cost_bit(contexts, base + known, np.int64(value > known))
    return cost + cost_exp_golomb(value - cap, 0) if value >= cap else cost


@kernel
def cost_signed(contexts, base, cap, value):
    """Bits that `code_signed` would spend now."""
    if value == 0:
        return cost_bit(contexts, base, 0)
    cost = cost_bit(contexts, base, 1) + cost_bit(contexts, base + SIGN, np.int64(value < 0))
    return cost + cost_unsigned(contexts, base + 2, cap, abs(value) - 1)
