# SPDX-License-Identifier: Apache-2.0
"""Write `vectors.json` (inputs and exact bytes of every mode of the entropy coder), or compare with it: --check.

Vectors are the compatibility promise: new ones may be added, old ones never change.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lamina.entropy import binary, mixing, split, symbols
from lamina.entropy.rans import encode_indexed
from lamina.entropy.table_syntax import pack_tables, unpack_tables
from lamina.entropy.tables import apportion, tables_from_counts
from lamina.entropy.walk import finish, open_writer

PATH = Path(__file__).with_name("vectors.json")
ROWS = [[1, 2, 8, 30, 8, 2, 1, 1], [5, 90, 5, 0], [1] * 40 + [3], [1000000, 1]]
LOWS = [-3, -1, -20, 7]
LONG_COUNT = 65541
"""Over 2**16, so that four states are used; not a multiple of four."""


def random_integers(seed: int, count: int) -> list[int]:
    """Upper 16 of 31 bits of x = (1103515245 x + 12345) mod 2**31: easy to repeat in any language."""
    numbers, x = [], seed
    for _ in range(count):
        x = (1103515245 * x + 12345) % (1 << 31)
        numbers.append(x >> 15)
    return numbers


def long_input() -> tuple[np.ndarray, np.ndarray]:
    """Values and table indices of the vector with four states: a % 7 - 3 and b % 4, escape 1000 at every 1000th."""
    values = np.array(random_integers(1, LONG_COUNT)) % 7 - 3
    values[::1000] = 1000
    return values, np.array(random_integers(2, LONG_COUNT)) % 4


def table_cases() -> Iterator[dict[str, Any]]:
    """Values with a table each."""
    short = {"empty": [], "one": [0], "tail of likely values costs nothing": [2] + [7] * 30, "escapes": []}
    short["escapes"] = [-4, 5, 100, -100, 2**16, -(2**17), 2**29, -(2**29), 0, 1]
    short["mixed"] = [n % 9 - 4 for n in random_integers(3, 60)]
    for name, values in short.items():
        indices = [3] * len(values) if "tail" in name else [i % 4 for i in range(len(values))]
        indices[:1] = [0] * len(indices[:1])
        data = encode_indexed(np.array(values, np.int64), np.array(indices, np.int64), tables_from_counts(ROWS, LOWS))
        yield {"name": name, "values": values, "table_indices": indices, "bytes": data.hex()}


def operations() -> dict[str, list[list[int | str]]]:
    """Walks as lists of (operation, arguments..., value), over 64 contexts."""
    n = random_integers(4, 600)
    return {
        "nothing": [],
        "one bit": [["bit", 0, 1]],
        "bits adapt and are halved": [["bit", i % 2, int(n[i] % 8 == 0)] for i in range(300)],
        "raw": [["raw", bits, n[bits] * 65537 % (1 << bits)] for bits in range(33)],
        "uniform": [
            ["uniform", size, n[i] * size >> 16] for i, size in enumerate([1, 2, 3, 255, 256, 257, 999, 65537, 2**20])
        ]
        + [["uniform", size, size - 1] for size in [257, 65537, 1048321, 2**20]],
        "symbols": [["symbol", 8, 4, n[i] % 5 + n[i + 100] % 12] for i in range(60)],
        "exp-golomb": [["exp_golomb", order, value] for order in (0, 3) for value in (0, 1, 2, 7, 8, 1000, 2**30)],
        "unsigned": [["unsigned", 24, 5, n[i] % 4 * (n[i + 200] % 3)] for i in range(60)]
        + [["unsigned", 24, 5, 100000]],
        "signed": [["signed", 30, 6, n[i] % 7 - 3] for i in range(60)] + [["signed", 30, 6, -100000]],
        "magnitude": [["magnitude", 40, 12, n[i] >> (n[i + 200] % 16) & 4095 - 1] for i in range(60)],
        "split": [
            ["split", i % 8, total, n[i] * (total + 1) >> 16]
            for i, total in enumerate([0, 1, 2, 5, 127, 128, 129, 9000] * 3)
        ],
    }


def run_operation(coder: binary.Coder, contexts: np.ndarray, operation: list[Any], value: int) -> int:
    """Code one operation; its value (last item) is ignored when reading."""
    name, *arguments, _ = operation
    if name == "bit":
        return int(binary.code_bit(coder, contexts, arguments[0], value))
    if name == "raw":
        return int(binary.code_raw(coder, value, arguments[0]))
    if name == "uniform":
        return int(binary.code_uniform(coder, value, arguments[0]))
    if name == "exp_golomb":
        return int(symbols.code_exp_golomb(coder, value, arguments[0]))
    if name == "split":
        return int(split.code_split(coder, split.split_table(arguments[0]), value, arguments[1]))
    function = {"symbol": symbols.code_symbol, "unsigned": symbols.code_unsigned, "signed": symbols.code_signed}
    return int(function.get(name, symbols.code_magnitude)(coder, contexts, *arguments, value))


def first_contexts() -> np.ndarray:
    """Contexts 0...31 know nothing, 32...63 are primed; small windows, so that halving is covered."""
    counts = np.array([[10 * i, 5000 - 100 * i] for i in range(32)])
    return np.concatenate([binary.fresh_contexts(32, 16), binary.primed_contexts(counts, 20, 64)])


def walk_cases() -> Iterator[dict[str, Any]]:
    """Each list of operations with its bytes and the contexts after it."""
    for name, walk in operations().items():
        coder, contexts = open_writer(10000), first_contexts()
        for operation in walk:
            run_operation(coder, contexts, operation, int(operation[-1]))
        changed = {str(i): row.tolist() for i, row in enumerate(contexts) if (row != first_contexts()[i]).any()}
        yield {"name": name, "operations": walk, "bytes": finish(coder).hex(), "changed_contexts": changed}


def mixed_input() -> list[list[int]]:
    """Rows of slots of three models, set of weights, bit: the third model's slots tell most about the bit."""
    n = random_integers(5, 1600)
    rows = [[n[i] % 7, 7 + n[i + 400] % 5, 12 + n[i + 800] % 4, i % 2] for i in range(400)]
    return [[*row, int(n[i + 1200] % 16 < 5 * (row[2] - 12))] for i, row in enumerate(rows)]


def mixed_case() -> dict[str, Any]:
    """Bits under mixed contexts, with their bytes and what the mixer has learned."""
    coder, mixer, rows = open_writer(1000), mixing.fresh_mixer(16, 2, 3), mixed_input()
    for *chosen, weight_set, bit in rows:
        mixer.chosen[:] = chosen
        mixing.code_mixed_bit(coder, mixer, weight_set, bit)
    return {
        "rows": rows,
        "bytes": finish(coder).hex(),
        "slots": mixer.slots.tolist(),
        "weights": mixer.weights.tolist(),
    }


def build() -> dict[str, Any]:
    """All vectors."""
    counts = [[1], [0, 0, 0], [1, 1, 1], [0, 7, 1, 2, 0], [10**12, 1, 0, 1], [3] * 7]
    tables = tables_from_counts(ROWS, LOWS)
    packed = pack_tables(ROWS, LOWS)
    values, indices = long_input()
    long_data = encode_indexed(values, indices, tables)
    return {
        "apportion": [{"counts": row, "frequencies": apportion(row)} for row in counts],
        "tables": {
            "rows": ROWS,
            "lows": LOWS,
            "cumulative": tables.cumulative.tolist(),
            "offsets": tables.offsets.tolist(),
        },
        "table_streams": list(table_cases()),
        "long_table_stream": {
            "values": f"{LONG_COUNT} of random_integers(1) % 7 - 3, every 1000th from 0 on is 1000",
            "table_indices": "random_integers(2) % 4",
            "size_bytes": len(long_data),
            "first_bytes": long_data[:32].hex(),
            "sha256": hashlib.sha256(long_data).hexdigest(),
        },
        "packed_tables": {
            "rows": ROWS,
            "lows": LOWS,
            "bytes": packed.hex(),
            "cumulative": unpack_tables(packed).cumulative.tolist(),
        },
        "split_tables": [
            {
                "shape": shape,
                "total_5": np.diff(split.split_table(shape)[14 + 4 : 14 + 4 + 7].astype(np.int64)).tolist(),
                "sha256_uint32_le": hashlib.sha256(split.split_table(shape).astype("<u4").tobytes()).hexdigest(),
            }
            for shape in range(8)
        ],
        "first_contexts": first_contexts().tolist(),
        "walks": list(walk_cases()),
        "mixed_bits": mixed_case(),
    }


def to_text(vectors: dict[str, Any]) -> str:
    """JSON with one line for each vector."""
    lines = []
    for key, value in vectors.items():
        if isinstance(value, list):
            inside = ",\n".join("  " + json.dumps(item) for item in value)
            lines.append(f'"{key}": [\n{inside}\n]')
        else:
            lines.append(f'"{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Write or check."""
    text = to_text(build())
    if "--check" in sys.argv[1:]:
        same = PATH.read_text() == text
        print("vectors.json is up to date" if same else "vectors.json differs from what this code writes")
        return 0 if same else 1
    PATH.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
