# SPDX-License-Identifier: Apache-2.0
"""What pinned streams seldom have, any motion, change and section: Lamina writes it, the plain decoder reads it."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "entropy"))
import anchor_reference
import section_reference
import walk_reference
from reference_decoder import Decoder

from lamina.anchors.coding.tree import children_of, code_base, code_continued, code_depth, fresh_tree_mixer
from lamina.anchors.octree import indices_of, morton_keys
from lamina.codecs.planar.lattice import steps, walk
from lamina.codecs.planar.lattice.motion import code_details, field_shape, motion_of, move_places
from lamina.codecs.planar.lattice.update import CHANGED, REMOVED, UPDATE_CONTEXTS, code_updates
from lamina.codecs.planar.pgsvc import sections
from lamina.entropy.binary import fresh_contexts
from lamina.entropy.walk import Coder, write_stream

SIZE = (300, 140)
LIMITS = [16 * 300, 16 * 140]


def random_rows(random: np.random.Generator, count: int) -> np.ndarray:
    """Legal splats of all classes, anywhere but so near a border that a step of a coarse grid leaves the picture."""
    k = random.integers(0, 9, count)
    unit = np.array([steps.shape_step(int(value)) for value in k])
    rho = random.integers(0, steps.RHO_LIMIT // unit + 1) * (random.random(count) < 0.8)
    table = steps.stored_tables()[0]
    bins = [steps.angle_bins(int(c), int(r * u), table) for c, r, u in zip(k, rho, unit, strict=True)]
    m = random.integers(-(384 // unit), 2304 // unit + 1)
    places = [random.integers(32, limit, count) for limit in LIMITS]
    colors = random.integers(-300, 300, (3, count))
    return np.stack([k, m, rho, random.integers(0, bins), *places, *colors], axis=1).astype(np.int32)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("is_change", [False, True])
def test_any_motion(seed: int, *, is_change: bool) -> None:
    random = np.random.default_rng(seed)
    shape = (*field_shape(*SIZE), 2)
    spread = (2, 60, 3000, 16384)[seed]
    details = (random.integers(-spread, spread + 1, shape) * (random.random(shape) < 0.4)).astype(np.int32)
    before = random.integers(-9000, 9001, shape).astype(np.int32) if is_change else None
    data = write_stream(
        lambda coder: code_details(coder, fresh_contexts(UPDATE_CONTEXTS), 0, details.copy(), is_change)
    )
    field = motion_of(details, before).field
    decoder = Decoder(data)
    found = walk_reference.read_motion(
        decoder, walk_reference.fresh(603, 256), SIZE, before.tolist() if before is not None else None
    )
    assert decoder.ended()
    assert found == field.tolist()
    rows = random_rows(random, 200)
    x, y = rows[:, walk.X].copy(), rows[:, walk.Y].copy()
    move_places(x, y, field, SIZE)
    moved = [walk_reference.moved(row, found, LIMITS) for row in rows.tolist()]
    assert [row[walk.X] for row in moved] == x.tolist()
    assert [row[walk.Y] for row in moved] == y.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_any_change(seed: int) -> None:
    random = np.random.default_rng(seed)
    before, after = random_rows(random, 150), random_rows(random, 150)
    flags, past = random.integers(0, 4, 150).astype(np.uint8), random.integers(0, 3, 150).astype(np.uint8)
    after[:, walk.K] = before[:, walk.K]
    for i in range(150):
        k, unit = int(after[i, walk.K]), steps.shape_step(int(after[i, walk.K]))
        after[i, walk.M] = np.clip(after[i, walk.M], -384 // unit + 1, 2304 // unit)
        after[i, walk.RHO] = min(after[i, walk.RHO], steps.RHO_LIMIT // unit)
        after[i, walk.PHI] %= steps.angle_bins(k, int(after[i, walk.RHO]) * unit, steps.stored_tables()[0])
    written = after.copy()

    def run(coder: object) -> None:
        written[:] = after
        contexts = fresh_contexts(UPDATE_CONTEXTS)
        code_updates(coder, contexts, *steps.stored_tables(), before, written, flags.copy(), past, SIZE)

    decoder, contexts, found = Decoder(write_stream(run)), walk_reference.fresh(603, 256), []
    rows = before.tolist()
    for i, row in enumerate(rows):
        changed = sum(flag != 0 for flag in found[max(i - 2, 0) : i])
        found.append(walk_reference.read_update(decoder, contexts, row, changed, int(past[i]), LIMITS))
    assert decoder.ended()
    assert found == flags.tolist()
    assert CHANGED in found
    expected = np.where(((flags == 0) | (flags == REMOVED))[:, None], before, written)
    colors_only = flags == 1
    expected[colors_only, : walk.C0] = before[colors_only, : walk.C0]
    assert rows == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_any_section(seed: int) -> None:
    random = np.random.default_rng(seed)
    new, rest = 40, 30
    x = np.sort(random.integers(0, 65536, new))
    places = np.stack([x, random.integers(0, 65536, new)], axis=1)
    e, bits = 2 + seed * 2, (1 + seed, 6 - seed)
    case = SimpleNamespace(
        positions=((places, random.integers(0, 4096, (rest, 2))), sections.position_walk(e)),
        symbols=(
            (random.integers(0, 1 << bits[0], (new, 3)), random.integers(0, 1 << bits[1], (rest, 3))),
            sections.symbol_walk(bits),
        ),
        flags=((random.integers(0, 2, (new, 1)),), sections.flag_walk),
    )
    shapes = ((new, 3, bits[0]), (rest, 3, bits[1]))
    readers = {
        "positions": section_reference.positions(new, rest, e),
        "symbols": section_reference.symbols(shapes),
        "flags": section_reference.flags(new),
    }
    for name, read in readers.items():
        arrays, run = getattr(case, name)
        data = write_stream(lambda coder, arrays=arrays, run=run: run(coder, tuple(array.copy() for array in arrays)))
        found = section_reference.section(data, True, (), read)
        assert [rows for rows in found] == [array.tolist() for array in arrays]
    columns = tuple(sections.Column(array, width) for array, (_, _, width) in zip(case.symbols[0], shapes, strict=True))
    packed = sections.pack_fixed(columns)
    assert list(section_reference.fixed(packed, shapes)) == [array.tolist() for array in case.symbols[0]]


@pytest.mark.parametrize("k", range(9))
def test_all_steps(k: int) -> None:
    bins, grids = steps.stored_tables()
    unit = walk_reference.unit(k)
    assert unit == steps.shape_step(k)
    for ratio in range(0, 641, unit):
        assert walk_reference.bins_of(k, ratio) == steps.angle_bins(k, ratio, bins)
        for size in range(-384, 2305, max(unit, 3)):
            assert walk_reference.grid_of(k, size, ratio) == steps.position_grid(k, size, ratio, grids)


@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_any_tree(share: float) -> None:
    random = np.random.default_rng(int(100 * share))
    cells = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3).astype(np.int32)
    base = indices_of(np.sort(morton_keys(cells[random.random(512) < share])))
    onward = (random.random(len(base)) < share).astype(np.uint8)
    finer = children_of(base[onward == 1], random.integers(1, 256, int(onward.sum())).astype(np.uint8))

    def run(coder: Coder) -> None:
        mixer = fresh_tree_mixer()
        code_base(coder, mixer, 3, base, len(base))
        code_continued(coder, mixer, base, onward.copy())
        code_depth(coder, fresh_tree_mixer(), base, onward, finer)

    decoder = Decoder(write_stream(run))
    nodes, found = anchor_reference.read_tree(decoder, 3, None, [], is_last=False, count=len(base))
    assert nodes.cells == [tuple(cell) for cell in base.tolist()]
    assert found == onward.tolist()
    below, ends = anchor_reference.read_tree(decoder, 3, nodes, found, is_last=True, count=len(finer))
    assert below.cells == [tuple(cell) for cell in finer.tolist()]
    assert not any(ends)
    assert decoder.ended()


def test_the_plain_decoder_rejects_sections_that_are_too_long() -> None:
    with pytest.raises(walk_reference.DamageError):
        section_reference.fixed(b"\xff\x00\x00", ((1, 1, 8),))
