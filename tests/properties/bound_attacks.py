# SPDX-License-Identifier: Apache-2.0
"""Streams and states that drive each integer of the decode path as far as it goes; kernels and plain twins run on them.

Every attack returns what the kernel gave and what the twin gave, which are the same if nothing wrapped.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from watched import watched

from lamina.entropy import binary, mixing, rans_kernels, symbols
from lamina.entropy.gaussian_tables import gaussian_tables
from lamina.entropy.mixing import COUNT, PROBABILITY, STRETCH_LIMIT, WEIGHT_SUM, fresh_mixer
from lamina.entropy.rans import encode_indexed
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.split import split_table
from lamina.entropy.stream_format import unpack_stream
from lamina.entropy.table_syntax import pack_tables, unpack_tables
from lamina.entropy.tables import MAX_LOW, MAX_VALUE, apportion
from lamina.entropy.walk import finish, open_reader, open_writer

Attack = Iterator[tuple[Any, Any]]
RANDOM_SEEDS = range(6)
LONGEST_GOLOMB = (1 << 31) - 2


def forged(write: Callable[[binary.Coder], None]) -> bytes:
    """A stream of what `write` codes, whether or not a walk would."""
    coder = open_writer(1 << 16)
    write(coder)
    return finish(coder)


def noise(seed: int, size: int = 1500) -> bytes:
    """Bytes that begin a stream, and mean nothing; the first state is the largest there is in the first of them."""
    data = np.random.default_rng(seed).bytes(size)
    return (b"\xff\xff\xfe\xff" if seed == 0 else data[:3] + b"\x80") + data[4:]


def both(module: str, name: str, data: bytes, arrays: Callable[[], tuple[Any, ...]]) -> tuple[Any, Any]:
    """What the kernel and its twin leave in their arrays, and return, for one stream."""
    found = []
    for space in (importlib.import_module(module), watched(module)):
        arguments = arrays()
        coder = open_reader(data)
        returned = getattr(space, name)(coder, *arguments)
        left = [array.tolist() for array in flat(arguments)]
        found.append((returned if returned is None else int(returned), left, coder.state[:4].tolist()))
    return found[0], found[1]


def flat(arguments: tuple[Any, ...]) -> Iterator[np.ndarray]:
    """All arrays among the arguments."""
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            yield argument
        elif isinstance(argument, tuple):
            yield from flat(argument)


def table_arrays() -> TableArrays:
    tables = gaussian_tables()
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)


def widest_contexts() -> np.ndarray:
    """Contexts of the longest memory, as full as they get."""
    half = binary.INCREMENT * binary.MAX_WINDOW // 2
    row = [2 * half - 1, 1, 2 * half]
    return np.array([row, [half, half, 2 * half], [1, 2 * half - 1, 2 * half]] * 30, np.int32)


def primitives() -> Attack:
    """The functions that every walk is made of."""
    entropy = "lamina.entropy."
    for seed in RANDOM_SEEDS:
        data = noise(seed)
        yield both(entropy + "binary", "code_bit", data, lambda: (widest_contexts(), 0, 0))
        yield both(entropy + "binary", "code_raw", data, lambda: (0, 32))
        for size in (1 << 20, (1 << 20) - 1, 257):
            yield both(entropy + "binary", "code_uniform", data, lambda size=size: (0, size))
        yield both(entropy + "symbols", "code_symbol", data, lambda: (widest_contexts(), 0, 6, 0))
        for total in (128, (1 << 20) - 1):
            yield both(entropy + "split", "code_split", data, lambda total=total: (split_table(4), 0, total))
        rows, on = np.arange(64, dtype=np.uint16)[:, None], np.ones((64, 1), np.uint8)
        yield both(
            entropy + "indexed",
            "code_where",
            data,
            lambda rows=rows, on=on: (table_arrays(), rows, on, np.zeros((64, 1), np.int32)),
        )
    contexts = binary.fresh_contexts
    for order in (0, 4, 6):
        most = LONGEST_GOLOMB + 1 - (1 << order)
        data = forged(lambda coder, most=most, order=order: symbols.code_exp_golomb(coder, most, order))
        yield both(entropy + "symbols", "code_exp_golomb", data, lambda order=order: (0, order))
    most = 12 + LONGEST_GOLOMB
    data = forged(lambda coder: symbols.code_unsigned(coder, contexts(12), 0, 12, most))
    yield both(entropy + "symbols", "code_unsigned", data, lambda: (contexts(12), 0, 12, 0))
    data = forged(lambda coder: symbols.code_signed(coder, contexts(14), 0, 12, -most - 1))
    yield both(entropy + "symbols", "code_signed", data, lambda: (contexts(14), 0, 12, 0))
    data = forged(lambda coder: symbols.code_magnitude(coder, contexts(62), 0, 31, (1 << 31) - 2))
    yield both(entropy + "symbols", "code_magnitude", data, lambda: (contexts(62), 0, 31, 0))
    data = forged(lambda coder: binary.code_raw(coder, (1 << 32) - 1, 32))
    yield both(entropy + "binary", "code_raw", data, lambda: (0, 32))
    yield both(entropy + "indexed", "code_from_row", farthest_escape(), lambda: (table_arrays(), 63, 0))


def farthest_escape() -> bytes:
    """The escape of the widest table, then the longest distance."""
    tables = table_arrays()
    last = int(tables.cumulative[tables.offsets[64] - 2])

    def write(coder: binary.Coder) -> None:
        binary.code_interval(coder, last, 65536 - last)
        binary.code_raw(coder, 31, 5)
        binary.code_raw(coder, (1 << 31) - 1, 31)

    return forged(write)


def mixers() -> Attack:
    """Weights that are driven to both ends, and noise."""
    for models in (1, 3, 5, 6):
        for side, bit in ((0, 0), (0, 1), (1, 0), (1, 1)):
            pushed = [PUSHES * [bit], push_weights(open_writer(PUSHES), models, side, bit)]
            yield pushed[0], [step[0] for step in pushed[1]]
            yield heaviest(models), max(abs(weight) for step in pushed[1] for weight in step[1 : 1 + models])
            data = forged(lambda coder, m=models, s=side, b=bit: push_weights(coder, m, s, b))
            yield mixed_bits(models, side, bit, data)
            yield mixed_bits(models, side, bit, noise(models))


PUSHES = 600
NEAR_HALF = (30216, 35320)
"""Slots that say a little, logits of 40: only weights can say more."""


def heaviest(models: int) -> int:
    """Where a weight saturates."""
    return WEIGHT_SUM // (STRETCH_LIMIT * models)


def push_weights(coder: binary.Coder, models: int, side: int, bit: int, space: Any = None) -> list[list[int]]:
    """The same bit again and again under slots that never learn it, then under sure ones; reading, whatever comes.

    Weights start where some hundred thousand bits would have brought them.
    """
    space = space or mixing
    mixer, learned = fresh_mixer(8 * models, 1, models), []
    mixer.weights[:] = (heaviest(models) - 100) * (1 if side == bit else -1)
    mixer.slots[:, COUNT] = 255
    for step in range(PUSHES):
        if step % 8 == 0:
            mixer.slots[:, PROBABILITY] = (16, 65519)[side] if step > PUSHES - 9 else NEAR_HALF[side]
        mixer.chosen[:] = np.arange(models) * 8 + step % 8
        found = space.code_mixed_bit(coder, mixer, 0, bit)
        learned.append([int(found), *mixer.weights[0].tolist(), *mixer.slots[mixer.chosen, PROBABILITY].tolist()])
    return learned


def mixed_bits(models: int, side: int, bit: int, data: bytes) -> tuple[Any, Any]:
    """Decoded by kernel and twin."""
    spaces = (None, watched("lamina.entropy.mixing"))
    kernel, twin = (push_weights(open_reader(data), models, side, bit, space) for space in spaces)
    return kernel, twin


def tables() -> Attack:
    """Counts as large as priors may hold; packed tables of noise."""
    counts = np.array([[binary.MAX_COUNT, binary.MAX_COUNT], [binary.MAX_COUNT, 0], [0, 0]])
    most = binary.MAX_WINDOW
    twin = watched("lamina.entropy.binary").primed_contexts(counts, most, most)
    yield binary.primed_contexts(counts, most, most).tolist(), twin.tolist()
    for seed in RANDOM_SEEDS:
        yield both("lamina.entropy.table_syntax", "_walk_row", noise(seed), lambda: contexts_and_row())
    data = forged(lambda coder: symbols.code_signed(coder, contexts_and_row()[0], 0, 12, 1 + 12 + LONGEST_GOLOMB))
    yield both("lamina.entropy.table_syntax", "_walk_row", data, lambda: contexts_and_row())
    yield from table_streams()


def table_streams() -> Attack:
    """As many of the heaviest weights as a table holds, packed; values as far out as there are, in four states too."""
    data = pack_tables([[1] * 4097], [-MAX_LOW])
    twin = watched("lamina.entropy.table_syntax").unpack_tables(data)
    yield unpack_tables(data).cumulative.tolist(), twin.cumulative.tolist()
    heaviest = [1 << 18] * 4097
    yield apportion(heaviest), watched("lamina.entropy.tables").apportion(heaviest)
    yield 1 << 18, watched("lamina.entropy.table_syntax")._weight_of(65)
    tables, kernels = table_arrays(), watched("lamina.entropy.rans_kernels")
    values = np.array([MAX_VALUE, -MAX_VALUE, 0, 1, 700] * 9, np.int32)
    rows = (np.arange(45) % 64).astype(np.uint16)
    stream = encode_indexed(values, rows, gaussian_tables())
    hostile = [(stream, 1), (farthest_escape() + noise(1), 1), (noise(2), 1), (b"\xff" * 16 + noise(3), 4)]
    for data, count in hostile:
        found = []
        for space in (rans_kernels, kernels):
            states, rest = unpack_stream(data, count)
            values = np.zeros(45, np.int32)
            taken = space.decode_symbols(
                np.full(45, 63, np.uint16) if count else rows, tables, states, np.append(rest, np.uint8(0)), values
            )
            found.append([values.tolist(), int(taken), states.tolist()])
        yield found[0], found[1]


def contexts_and_row() -> tuple[np.ndarray, np.ndarray]:
    return binary.fresh_contexts(42), np.zeros(50, np.int64)
