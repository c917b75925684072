# SPDX-License-Identifier: Apache-2.0
"""A row of sixteen float32 as a value inside Numba kernels: arithmetic enters as Python operators, vector code leaves.

LLVM makes of it one 512-bit register, two of 256 bits or four of 128, whatever the machine has. It is used where
Numba's own vectoriser cannot keep a sum of several rows in registers: sums over the rows of a tile, column by column.

    row = load_row(pixels, 32)      pixels[32:48]
    row = row * 2.0 + other         rows and float32 scalars mix
    store_row(pixels, 32, row)
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
"""Pixels of a row of a tile."""

FAST = ("fast",)
"""Sums may be reordered, products fused into additions; no value is a NaN."""

VECTOR = ir.VectorType(ir.FloatType(), LANES)
TRIPLES = ir.VectorType(ir.FloatType(), 3 * LANES)


class RowType(types.Type):
    """Numba's type of a row."""

    def __init__(self) -> None:
        super().__init__(name="float32x16")


row_type = RowType()


@register_model(RowType)
class _RowModel(models.PrimitiveModel):
    """A row is held as one LLVM vector."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


def vector_operation(function: Callable[..., Any]) -> Any:
    """Numba's `intrinsic`: it gives a type and a generator of LLVM code; kernels call it without the first argument."""
    return intrinsic(function)


def _as_row(context: Any, builder: Any, value: Any, kind: Any) -> Any:
    """The vector itself, or a scalar in all its lanes."""
    if kind == row_type:
        return value
    scalar = context.cast(builder, value, kind, types.float32)
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), _lanes([0] * LANES))


def _make_operation(name: str) -> Any:
    """An intrinsic for a lane-wise operation of two rows, or of a row and a scalar."""

    @vector_operation
    def operation(typing_context: Any, a: Any, b: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows = [_as_row(context, builder, *pair) for pair in zip(arguments, signature.args, strict=True)]
            return getattr(builder, name)(*rows, flags=FAST)

        return row_type(a, b), generate

    return operation


def _register(operation: Any, *python_operators: Any) -> None:
    """Python operators on rows call the intrinsic."""

    def select(a, b):
        if row_type in (a, b) and all(kind == row_type or isinstance(kind, types.Float) for kind in (a, b)):
            return lambda a, b: operation(a, b)
        return None

    for python_operator in python_operators:
        overload(python_operator, inline="never")(select)


_register(_make_operation("fadd"), operator.add, operator.iadd)
_register(_make_operation("fsub"), operator.sub, operator.isub)
_register(_make_operation("fmul"), operator.mul, operator.imul)
_register(_make_operation("fdiv"), operator.truediv, operator.itruediv)


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Pointer to sixteen values of a contiguous float32 array, from an index on."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), VECTOR.as_pointer())


@vector_operation
def load_row(typing_context: Any, array: Any, index: Any) -> Any:
    """array[index : index + 16] of a contiguous float32 array; not checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature, arguments), align=4)

    return row_type(array, index), generate


@vector_operation
def store_row(typing_context: Any, array: Any, index: Any, row: Any) -> Any:
    """array[index : index + 16] = row; not checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return types.void(array, index, row), generate


@vector_operation
def prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """Asks for the line of the cache that holds array[index] (flat index, contiguous array); it may lie outside."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.bitcast(_address(context, builder, signature, arguments), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, index), generate


@vector_operation
def load_triples(typing_context: Any, array: Any, index: Any) -> Any:
    """Three rows from array[index : index + 48] = a0, b0, c0, a1, b1, c1, ...; not checked."""
    kind = types.UniTuple(row_type, 3)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments)
        whole = builder.load(builder.bitcast(address, TRIPLES.as_pointer()), align=4)
        rows = [builder.shuffle_vector(whole, whole, _lanes(range(first, 3 * LANES, 3))) for first in range(3)]
        return context.make_tuple(builder, kind, rows)

    return kind(array, index), generate


@vector_operation
def store_triples(typing_context: Any, array: Any, index: Any, rows: Any) -> Any:
    """The inverse of `load_triples`; `rows` is a tuple of three."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = cgutils.unpack_tuple(builder, arguments[2], 3)
        a_and_b = builder.shuffle_vector(a, b, _lanes(range(2 * LANES)))
        c_and_c = builder.shuffle_vector(c, c, _lanes(range(2 * LANES)))
        order = [channel * LANES + lane for lane in range(LANES) for channel in range(3)]
        whole = builder.shuffle_vector(a_and_b, c_and_c, _lanes(order))
        address = _address(context, builder, signature, arguments)
        builder.store(whole, builder.bitcast(address, TRIPLES.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, index, rows), generate


@vector_operation
def fill_row(typing_context: Any, value: Any) -> Any:
    """A float32 in all sixteen lanes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _as_row(context, builder, arguments[0], signature.args[0])

    return row_type(value), generate


@vector_operation
def keep_above(typing_context: Any, value: Any, row: Any, limit: Any) -> Any:
    """Lanes of `value` where `row` > `limit`, zero elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        other = _as_row(context, builder, arguments[2], signature.args[2])
        above = builder.fcmp_ordered(">", arguments[1], other, flags=FAST)
        return builder.select(above, arguments[0], ir.Constant(VECTOR, [0.0] * LANES))

    return row_type(value, row, limit), generate


@vector_operation
def choose_above(typing_context: Any, value: Any, other: Any, row: Any, limit: Any) -> Any:
    """Lanes of `value` where `row` > `limit`, of `other` elsewhere; both may be scalars."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = [_as_row(context, builder, *pair) for pair in zip(arguments, signature.args, strict=True)]
        above = builder.fcmp_ordered(">", rows[2], rows[3], flags=FAST)
        return builder.select(above, rows[0], rows[1])

    return row_type(value, other, row, limit), generate


@vector_operation
def negative_size(typing_context: Any, row: Any) -> Any:
    """-|row|, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = ir.VectorType(ir.IntType(32), LANES)
        signs = ir.Constant(bits, [1 << 31] * LANES)
        return builder.bitcast(builder.or_(builder.bitcast(arguments[0], bits), signs), VECTOR)

    return row_type(row), generate


@vector_operation
def sum_row(typing_context: Any, row: Any) -> Any:
    """Sum of the sixteen lanes, float32."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType(), VECTOR])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.vector.reduce.fadd.v16f32")
        return builder.call(function, [ir.Constant(ir.FloatType(), 0.0), arguments[0]], fastmath=FAST)

    return types.float32(row), generate


@vector_operation
def store_sums(typing_context: Any, array: Any, index: Any, rows: Any) -> Any:
    """array[index : index + 8] = the sums of eight rows (a tuple); not checked.

    Rows are folded two into one until each sum has two lanes: 24 instructions, where eight sums alone take 72.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        folded = cgutils.unpack_tuple(builder, arguments[2], 8)
        group = LANES
        while len(folded) > 1:
            folded = [_fold(builder, a, b, group) for a, b in zip(folded[::2], folded[1::2], strict=True)]
            group //= 2
        evens, odds = (builder.shuffle_vector(folded[0], folded[0], _lanes(range(first, LANES, 2))) for first in (0, 1))
        sums = builder.fadd(evens, odds, flags=FAST)
        target = builder.bitcast(_address(context, builder, signature, arguments), sums.type.as_pointer())
        builder.store(sums, target, align=4)
        return context.get_dummy_value()

    return types.void(array, index, rows), generate


def _fold(builder: Any, a: Any, b: Any, group: int) -> Any:
    """Adds the two halves of each group of lanes: the groups of `a`, then those of `b`, half as long."""
    lower = [lane for lane in range(2 * LANES) if lane % group < group // 2]
    upper = [lane for lane in range(2 * LANES) if lane % group >= group // 2]
    halves = (builder.shuffle_vector(a, b, _lanes(part)) for part in (lower, upper))
    return builder.fadd(*halves, flags=FAST)


def _lanes(numbers: Any) -> Any:
    """A constant that picks lanes."""
    picked = list(numbers)
    return ir.Constant(ir.VectorType(ir.IntType(32), len(picked)), picked)
