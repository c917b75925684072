# SPDX-License-Identifier: Apache-2.0
"""Every operation of the decode path stays within docs/numbers_by_function.md; kernels equal their plain twins."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bound_attacks import both, heaviest, mixed_bits, mixers, primitives, tables
from codec_bound_attacks import (
    anchor_attacks,
    clip_attacks,
    key_frame_attacks,
    network_attacks,
    paper_attacks,
    splats_before,
)
from freeview_bound_attacks import freeview_attacks
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_bound_attacks import volume_attacks
from watched import LARGEST, operate

from lamina.codecs.planar.lattice import steps, update, walk
from lamina.entropy.binary import fresh_contexts
from lamina.entropy.mixing import STRETCH_LIMIT, fresh_mixer

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(
    r"^\| (?P<what>[^|]+) \| `(?P<where>[\w.]+:\w+)` \| (?P<type>\w+) \| `(?P<bound>[^`]+)` \|", re.MULTILINE
)
ROWS = {row["where"]: row for row in ROW.finditer((DOCS / "numbers_by_function.md").read_text(encoding="utf-8"))}
ATTACKS = (
    primitives, mixers, tables, network_attacks, anchor_attacks, key_frame_attacks, clip_attacks, paper_attacks,
    freeview_attacks, volume_attacks,
)  # fmt: skip
LOOSE = 4
"""How far from its bound an attack may stay."""


@pytest.fixture(scope="module")
def largest() -> dict[str, int]:
    """Largest integer of each function, after all attacks; kernels and twins have given the same."""
    LARGEST.clear()
    for attack in ATTACKS:
        for number, (kernel, twin) in enumerate(attack()):
            assert kernel == twin, f"{attack.__name__}, {number}"
    return {where.removeprefix("lamina."): found for where, found in LARGEST.items()}


@pytest.mark.parametrize("where", ROWS)
def test_no_integer_passes_its_bound_and_attacks_reach_it(where: str, largest: dict[str, int]) -> None:
    found, bound = largest[where], bound_of(where)
    assert found <= bound
    assert found >= bound // LOOSE, "the bound is loose, or the attack is weak"


def test_every_function_that_decodes_is_in_the_table(largest: dict[str, int]) -> None:
    # Decimals, of tables that are pinned.
    own_work = {"codecs.planar.lattice.steps:stored_tables", "entropy.mixing:stored_tables"}
    # Which cells lie around others.
    own_work |= {f"anchors.coding.tree:{name}" for name in ("_cube_bit", "_child_masks", "_around_masks", "_face_bits")}
    own_work |= {"grids.refined:_corner_places", "grids.refined:_parent_places"}
    assert {where for where in largest if not where.endswith(":constants")} - own_work == set(ROWS)


STREAMS = st.binary(min_size=5, max_size=120).map(lambda data: data[:3] + b"\x80" + data[4:])


@given(data=STREAMS, models=st.integers(1, 6), side=st.integers(0, 1), bit=st.integers(0, 1))
@settings(max_examples=15, deadline=None)
def test_any_bytes_give_kernels_and_twins_the_same_mixed_bits(data: bytes, models: int, side: int, bit: int) -> None:
    kernel, twin = mixed_bits(models, side, bit, data)
    assert kernel == twin
    assert max(abs(weight) for step in twin for weight in step[1 : 1 + models]) <= heaviest(models)


@given(data=STREAMS)
@settings(max_examples=30, deadline=None)
def test_any_bytes_give_kernels_and_twins_the_same_splats(data: bytes) -> None:
    contexts, tables = fresh_contexts(walk.CONTEXT_COUNT), steps.stored_tables()
    rows = lambda: np.zeros((20, walk.COLUMNS), np.int32)  # noqa: E731
    kernel, twin = both(f"{walk.__name__}", "code_shapes", data, lambda: (contexts.copy(), tables[0], rows()))
    assert kernel == twin
    changes = lambda: (  # noqa: E731
        fresh_contexts(update.UPDATE_CONTEXTS), *tables, splats_before(), splats_before(), np.zeros(40, np.uint8),
        np.full(40, 1, np.uint8), (32768, 4096),
    )  # fmt: skip
    kernel, twin = both(f"{update.__name__}", "code_updates", data, changes)
    assert kernel == twin


def test_doubles_are_enough() -> None:
    for where, row in ROWS.items():
        assert bound_of(where) <= 1 << 53 or row["type"] == "label"
        if row["type"] == "int32":
            assert bound_of(where) <= 1 << 31


def test_a_bound_that_is_passed_would_be_seen() -> None:
    operate("Mult", 1 << 40, 1 << 20, "a test")
    assert LARGEST.pop("a test") == 1 << 60


def test_fresh_weights_are_within_their_limit() -> None:
    for models in range(1, 9):
        assert 0 < fresh_mixer(1, 1, models).weights[0, 0] < heaviest(models)
        assert models * heaviest(models) * STRETCH_LIMIT < 1 << 31


def test_no_declared_field_exceeds_a_double() -> None:
    syntax = json.loads((DOCS / "syntax.json").read_text(encoding="utf-8"))
    maxima = list(declared_maxima(syntax["modules"]))
    assert len(maxima) > 40
    assert max(maxima) < 1 << 53


def bound_of(where: str) -> int:
    """The bound in the table: a sum of powers of two."""
    total = 0
    for sign, term in re.findall(r"([+-]?) ?2\*\*(\d+)", ROWS[where]["bound"]):
        total += (-1 if sign == "-" else 1) << int(term)
    return total


def declared_maxima(node: Any) -> Any:
    """All numbers under the name "maximum" that are of integers."""
    if isinstance(node, dict):
        if isinstance(node.get("maximum"), int):
            yield node["maximum"]
        for child in node.values():
            yield from declared_maxima(child)
    elif isinstance(node, list):
        for child in node:
            yield from declared_maxima(child)
