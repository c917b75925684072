# SPDX-License-Identifier: Apache-2.0
"""The pinned vectors: this code writes exactly those bytes, and it and the plain Python decoder read them."""

import hashlib
import json

import make_vectors
import numpy as np
import pytest
import reference_decoder
from reference_decoder import Decoder

from lamina.entropy import mixing, rans, split, table_syntax, tables, walk
from lamina.entropy.binary import finished_cleanly

VECTORS = json.loads(make_vectors.PATH.read_text())
TABLES = tables.tables_from_counts(VECTORS["tables"]["rows"], VECTORS["tables"]["lows"])
ROWS = [row.tolist() for row in np.split(TABLES.cumulative, TABLES.offsets[1:-1])]
LOWS = VECTORS["tables"]["lows"]


def case_name(case):
    return case["name"]


def test_vectors_are_what_the_code_writes():
    assert make_vectors.PATH.read_text() == make_vectors.to_text(make_vectors.build())


def test_apportioned_frequencies_are_pinned():
    for case in VECTORS["apportion"]:
        assert tables.apportion(case["counts"]) == case["frequencies"]
        assert sum(case["frequencies"]) == 65536
    assert VECTORS["tables"]["cumulative"] == TABLES.cumulative.tolist()


@pytest.mark.parametrize("case", VECTORS["table_streams"], ids=case_name)
def test_table_stream(case):
    data, indices = bytes.fromhex(case["bytes"]), np.array(case["table_indices"], np.int64)
    assert rans.encode_indexed(np.array(case["values"], np.int64), indices, TABLES) == data
    assert rans.decode_indexed(data, indices, TABLES).tolist() == case["values"]
    reference = Decoder(data)
    assert [reference.table_value(ROWS[t], LOWS[t]) for t in case["table_indices"]] == case["values"]
    assert reference.ended()


def test_long_table_stream():
    values, indices = make_vectors.long_input()
    data = rans.encode_indexed(values, indices, TABLES)
    assert hashlib.sha256(data).hexdigest() == VECTORS["long_table_stream"]["sha256"]
    assert len(data) == VECTORS["long_table_stream"]["size_bytes"]
    assert (rans.decode_indexed(data, indices, TABLES) == values).all()
    reference = Decoder(data, 4)
    assert [reference.table_value(ROWS[t], LOWS[t]) for t in indices.tolist()] == values.tolist()
    assert reference.ended()


def test_packed_tables():
    case = VECTORS["packed_tables"]
    data = bytes.fromhex(case["bytes"])
    assert table_syntax.pack_tables(case["rows"], case["lows"]) == data
    unpacked = table_syntax.unpack_tables(data)
    assert unpacked.cumulative.tolist() == case["cumulative"]
    assert unpacked.lows.tolist() == case["lows"]
    reference = Decoder(data)
    tables = reference.packed_tables()
    assert [low for low, _ in tables] == case["lows"]
    assert [number for _, row in tables for number in row] == case["cumulative"]
    assert reference.ended()


@pytest.mark.parametrize("case", VECTORS["split_tables"], ids=lambda case: case["shape"])
def test_split_table(case):
    table = split.split_table(case["shape"])
    assert np.diff(table[18:25].astype(np.int64)).tolist() == case["total_5"]
    assert hashlib.sha256(table.astype("<u4").tobytes()).hexdigest() == case["sha256_uint32_le"]
    assert reference_decoder.split_table(case["shape"]) == table.tolist()


@pytest.mark.parametrize("case", VECTORS["walks"], ids=case_name)
def test_walk(case):
    data, expected = bytes.fromhex(case["bytes"]), [operation[-1] for operation in case["operations"]]
    coder, contexts = walk.open_reader(data), np.array(VECTORS["first_contexts"], np.int32)
    found = [make_vectors.run_operation(coder, contexts, operation, -1) for operation in case["operations"]]
    assert found == expected
    assert finished_cleanly(coder)
    for index, row in case["changed_contexts"].items():
        assert contexts[int(index)].tolist() == row


@pytest.mark.parametrize("case", VECTORS["walks"], ids=case_name)
def test_walk_with_the_reference_decoder(case):
    reference, contexts = Decoder(bytes.fromhex(case["bytes"])), [list(row) for row in VECTORS["first_contexts"]]
    for name, *arguments, value in case["operations"]:
        if name == "bit":
            found = reference.bit(contexts[arguments[0]])
        elif name in ("raw", "uniform", "exp_golomb"):
            found = getattr(reference, name)(*arguments)
        elif name == "split":
            found = reference.split(split.split_table(arguments[0]).tolist(), arguments[1])
        else:
            found = getattr(reference, name)(contexts, *arguments)
        assert found == value
    assert reference.ended()
    for index, row in case["changed_contexts"].items():
        assert contexts[int(index)] == row


def test_mixed_bits():
    case = VECTORS["mixed_bits"]
    data, reader = bytes.fromhex(case["bytes"]), walk.open_reader(bytes.fromhex(case["bytes"]))
    mixer, reference, plain = mixing.fresh_mixer(16, 2, 3), Decoder(data), reference_decoder.Mixer(16, 2, 3)
    for *chosen, weight_set, bit in case["rows"]:
        mixer.chosen[:] = chosen
        assert mixing.code_mixed_bit(reader, mixer, weight_set, -1) == bit
        assert reference.mixed_bit(plain, chosen, weight_set) == bit
    assert finished_cleanly(reader)
    assert reference.ended()
    assert mixer.slots.tolist() == plain.slots == case["slots"]
    assert mixer.weights.tolist() == plain.weights == case["weights"]
