# SPDX-License-Identifier: Apache-2.0
"""Speed of the entropy coder on one core: millions of symbols (or bits) a second, wrapper included.

    python -m benchmarks.entropy_speed          prints and writes benchmarks/results/entropy_speed.json

All measurements take turns (so that a busy moment of the machine hits all alike); medians of the turns are reported.
Time is that of the processor, not of the clock on the wall, so that other work on the same cores counts less.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.run_log import write_result

from lamina.entropy.binary import code_bit, fresh_contexts
from lamina.entropy.kernel import kernel
from lamina.entropy.rans import decode_indexed, encode_indexed, ideal_size_bytes
from lamina.entropy.symbols import code_signed
from lamina.entropy.tables import FrequencyTables, tables_from_counts
from lamina.entropy.walk import expect_end, open_meter, open_reader, write_stream


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    long_symbols: int = 2_000_000
    short_symbols: int = 9_000
    """A layer of a picture."""
    tables: int = 64
    values_per_table: int = 64
    smallest_scale: float = 0.3
    scale_ratio: float = 1.055
    bits: int = 1_000_000
    contexts: int = 64
    turns: int = 15
    clock: str = "processor time of this process"


Work = Callable[[], object]


def main() -> None:
    """Measure, print, write."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    settings = Settings()
    works: dict[str, tuple[int, Work]] = {}
    figures: dict[str, float] = {}
    tables = gaussian_tables(settings)
    for name, count in (("indexed_long", settings.long_symbols), ("indexed_short", settings.short_symbols)):
        add_indexed(name, count, settings, tables, works, figures)
    add_bits(settings, works, figures)
    add_signed(settings, works, figures)
    for name, speed in measure(works, settings.turns).items():
        figures[f"{name}_million_per_s"] = round(speed, 1)
    for name, figure in figures.items():
        print(f"{name:40} {figure:10.3f}")
    print(write_result("entropy_speed", asdict(settings), figures))


def gaussian_tables(settings: Settings) -> FrequencyTables:
    """Tables of Gaussian shape, from narrow to wide."""
    half = settings.values_per_table // 2
    x = np.arange(-half, half)
    scales = settings.smallest_scale * settings.scale_ratio ** np.arange(settings.tables)
    rows = [[int(c) for c in 1e6 * np.exp(-0.5 * (x / scale) ** 2)] + [1] for scale in scales]
    return tables_from_counts(rows, [-half] * settings.tables)


def add_indexed(
    name: str,
    count: int,
    settings: Settings,
    tables: FrequencyTables,
    works: dict[str, tuple[int, Work]],
    figures: dict[str, float],
) -> None:
    """Gaussian symbols whose table changes at random from one to the next."""
    generator = np.random.default_rng(1)
    indices = generator.integers(0, settings.tables, count).astype(np.uint16)
    scales = settings.smallest_scale * settings.scale_ratio ** indices.astype(float)
    values = np.rint(generator.normal(0, scales)).astype(np.int32)
    data = encode_indexed(values, indices, tables)
    assert (decode_indexed(data, indices, tables) == values).all()
    figures[f"{name}_bits_per_symbol"] = round(8 * len(data) / count, 3)
    figures[f"{name}_over_ideal_bytes"] = round(len(data) - ideal_size_bytes(values, indices, tables), 1)
    works[f"{name}_encode"] = count, lambda: encode_indexed(values, indices, tables)
    works[f"{name}_decode"] = count, lambda: decode_indexed(data, indices, tables)


@kernel
def walk_bits(coder, contexts, rows, bits):
    """One bit under one of several contexts, chosen by `rows`."""
    for i in range(bits.size):
        bits[i] = code_bit(coder, contexts, rows[i], bits[i])


@kernel
def walk_signed(coder, contexts, values):
    """Small signed integers."""
    for i in range(values.size):
        values[i] = code_signed(coder, contexts, 0, 14, values[i])


def add_bits(settings: Settings, works: dict[str, tuple[int, Work]], figures: dict[str, float]) -> None:
    """Adaptive bits: write, read, measure."""
    generator = np.random.default_rng(2)
    rows = generator.integers(0, settings.contexts, settings.bits)
    ones = generator.uniform(0.02, 0.98, settings.contexts)[rows]
    bits = (generator.random(settings.bits) < ones).astype(np.int64)
    add_walk("adaptive_bits", settings.bits, lambda c, v: walk_bits(c, fresh_contexts(64, 1024), rows, v), bits, works)
    entropy_bits = -np.log2(np.where(bits == 1, ones, 1 - ones)).sum()
    data = write_stream(lambda c: walk_bits(c, fresh_contexts(64, 1024), rows, bits), settings.bits)
    figures["adaptive_bits_over_entropy_percent"] = round(100 * (8 * len(data) / entropy_bits - 1), 3)


def add_signed(settings: Settings, works: dict[str, tuple[int, Work]], figures: dict[str, float]) -> None:
    """Laplacian integers through adaptive bits."""
    values = np.rint(np.random.default_rng(3).laplace(0, 2, settings.bits // 4)).astype(np.int64)
    add_walk("adaptive_signed", len(values), lambda c, v: walk_signed(c, fresh_contexts(16, 1024), v), values, works)
    data = write_stream(lambda c: walk_signed(c, fresh_contexts(16, 1024), values), 8 * len(values))
    figures["adaptive_signed_bits_per_symbol"] = round(8 * len(data) / len(values), 3)


def add_walk(name: str, count: int, walk: Callable, values: np.ndarray, works: dict[str, tuple[int, Work]]) -> None:
    """The three directions of a walk; reading is checked once."""
    found = np.zeros_like(values)
    data = write_stream(lambda coder: walk(coder, values), 8 * count)

    def read() -> None:
        reader = open_reader(data)
        walk(reader, found)
        expect_end(reader)

    read()
    assert (found == values).all()
    works[f"{name}_write"] = count, lambda: write_stream(lambda coder: walk(coder, values), 8 * count)
    works[f"{name}_read"] = count, read
    works[f"{name}_measure"] = count, lambda: walk(open_meter(), values)


def measure(works: dict[str, tuple[int, Work]], turns: int) -> dict[str, float]:
    """Median speed of each work, millions a second; works take turns. Short works are repeated to last 10 ms."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    repeats = {name: max(1, 100_000 // count) for name, (count, _) in works.items()}
    for _, work in works.values():
        work()
    for _ in range(turns):
        for name, (_, work) in works.items():
            start = time.process_time()
            for _ in range(repeats[name]):
                work()
            seconds[name].append((time.process_time() - start) / repeats[name])
    return {name: count / statistics.median(seconds[name]) / 1e6 for name, (count, _) in works.items()}


if __name__ == "__main__":
    main()
