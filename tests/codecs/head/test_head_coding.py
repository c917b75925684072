# SPDX-License-Identifier: Apache-2.0
"""Integers of heads come back as they were, level by level; decoding them needs no torch and no LiteRT."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from head_samples import facts_of, head_part, parts_of, run_part, with_absurd_values
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs.head.attributes import Gaussians, joined, pack_gaussians, unpack_gaussians
from lamina.codecs.head.coding import Decoder, decode, decode_states, encode
from lamina.codecs.head.columns import FIXED, column_layers
from lamina.codecs.head.model import pose_of, render
from lamina.codecs.head.neighbors import nearest_before
from lamina.codecs.head.parameters import pack_run, unpack_run
from lamina.codecs.head.residuals import activity_class
from lamina.codecs.head.steps import scale_factor
from lamina.units import STREAM_GROUP


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_a_head_comes_back_as_it_was(layers: int) -> None:
    part = head_part(facts_of(layers))
    units = list(encode([part]))
    states = [state for _, _, state in decode_states(units)]
    for sent, found in zip(part.layers, states, strict=True):
        np.testing.assert_array_equal(found.gaussians.mesh, sent.gaussians.mesh)
        np.testing.assert_array_equal(found.gaussians.free, sent.gaussians.free)
        assert (found.background, found.tracker) == (sent.background, sent.tracker)


def test_runs_come_back_and_lower_levels_lack_the_finer_columns() -> None:
    facts = facts_of(3, 3, 8)
    parts = parts_of(facts, 5, 2)
    models = list(decode(encode(parts)))
    assert [(model.frame, model.level) for model in models] == [
        *((frame, level) for level in range(3) for frame in range(5)),
        *((frame, level) for level in range(3) for frame in (5, 6)),
    ]
    sent = np.concatenate([part.values for part in parts[1:]])
    for model in models:
        stop = column_layers(facts.torso, facts.dimensions, 3)[model.level].stop
        np.testing.assert_array_equal(model.values[:stop], sent[model.frame, :stop])
        assert not model.values[stop:].any()
        assert model.scale == (0 if model.frame < 5 else 3)


def test_the_scale_of_a_run_widens_its_steps() -> None:
    facts = facts_of()
    head = next(decode(encode(parts_of(facts, 1)))).head
    values = run_part(facts, 0, 0, 1).values[0]
    fine, coarse = pose_of(head, values, 0), pose_of(head, values, 8)
    assert scale_factor(8) == 4.0
    np.testing.assert_allclose(coarse.weights, 4 * fine.weights, rtol=1e-6)
    np.testing.assert_allclose(coarse.nodes, 4 * fine.nodes, rtol=1e-5, atol=1e-6)


def test_extreme_integers_survive_and_render() -> None:
    part = with_absurd_values(head_part(facts_of(2)))
    model = next(decode(encode([part, run_part(part.facts, 0, 0, 1)])))
    np.testing.assert_array_equal(model.head.gaussians.mesh, part.layers[0].gaussians.mesh)
    assert bool(render(model, model.view).isfinite().all())


@given(data=st.data(), frames=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_any_columns_come_back(data: st.DataObject, frames: int) -> None:
    facts = facts_of(2, 2, 4)
    count = facts.columns
    row = st.lists(st.integers(-(1 << 17), 1 << 17), min_size=count, max_size=count)
    values = np.array(data.draw(st.lists(row, min_size=frames, max_size=frames)), np.int32)
    for columns in column_layers(facts.torso, facts.dimensions, 2):
        own = values[:, columns.start : columns.stop]
        np.testing.assert_array_equal(unpack_run(facts, columns, frames, pack_run(facts, columns, own)), own)


@given(seed=st.integers(0, 1000), size=st.sampled_from([1, 4, 3000]))
@settings(max_examples=10, deadline=None)
def test_any_gaussians_come_back(seed: int, size: int) -> None:
    facts = facts_of(2, gaussians=12)
    chance = np.random.default_rng(seed)
    layers = []
    for layer, (mesh, free) in enumerate(zip(facts.mesh_counts, facts.free_counts, strict=True)):
        own = Gaussians(
            chance.integers(-size, size + 1, (mesh, 10)).astype(np.int32),
            chance.integers(-size, size + 1, (free, 11)).astype(np.int32),
        )
        below = joined(tuple(layers))
        found = unpack_gaussians(facts, layer, pack_gaussians(facts, own, below)[0], below)
        np.testing.assert_array_equal(found.mesh, own.mesh)
        np.testing.assert_array_equal(found.free, own.free)
        layers.append(own)


def test_nearest_neighbours_are_those_of_a_plain_search() -> None:
    chance = np.random.default_rng(4)
    places, regions = chance.integers(-50, 50, (60, 3)), chance.integers(0, 2, 60)
    found = nearest_before(places.astype(np.int64), regions.astype(np.int64), 3)
    for row, number in enumerate(range(3, 60)):
        away = ((places[:number] - places[number]) ** 2).sum(axis=1) + (regions[:number] != regions[number]) * (1 << 40)
        expected = np.argsort(away, kind="stable")[:4]
        np.testing.assert_array_equal(found[row][: len(expected)], expected)
        assert (found[row][len(expected) :] == -1).all()


def test_activity_is_a_quarter_of_an_octave() -> None:
    assert [activity_class(value) for value in (0.0, 1 / 16, 1.0, 2.0, 1e9)] == [0, 0, 16, 20, 31]


def test_columns_of_layers_are_all_of_them_once() -> None:
    for layers in (1, 2, 3, 4):
        parts = column_layers(5, 9, layers)
        assert [column for part in parts for column in part] == list(range(FIXED + 14))


def test_decoding_integers_needs_neither_torch_nor_litert(tmp_path: Path) -> None:
    stream = Path(__file__).parents[2] / "conformance" / "head" / "two_layers.lam"
    code = (
        "import sys; from lamina.bitstream import read_stream; from lamina.codecs.head.coding import integers\n"
        f"stream = read_stream({str(stream)!r}); print(len(list(integers(stream.units()))))\n"
        "assert not {'torch', 'ai_edge_litert'} & set(sys.modules), sorted(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == 6


def test_a_stream_of_another_mean_head_is_refused() -> None:
    from dataclasses import replace

    from lamina.errors import BitstreamError

    with pytest.raises(BitstreamError, match="upgrade lamina"):
        Decoder.opened(replace(facts_of(), template=b"\0" * 8).pack())


def test_the_stream_group_holds_the_head_alone() -> None:
    units = list(encode(parts_of(facts_of(), 2)))
    assert [unit.key.group for unit in units] == [STREAM_GROUP] * 3 + [0, 0]
    assert [unit.frame_count for unit in units] == [1, 1, 1, 2, 2]
