# SPDX-License-Identifier: Apache-2.0
"""Parts to units and back: what decodes is what was fitted, after every layer; bytes are accounted for."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_samples import BLIND, CONTRACTION, FULL, PLAIN, part_of, sample

from lamina.anchors.coding.networks import pack_networks, unpack_networks
from lamina.anchors.layers import AnchorLayer, lattice_of
from lamina.cameras.camera import Camera
from lamina.codecs.scene.coding import decode, decode_states, encode, integers, model_of, unpack_header
from lamina.codecs.scene.facts import anchor_count, breakdown, inspect
from lamina.codecs.scene.model import ScenePart
from lamina.codecs.scene.syntax import SceneFacts
from lamina.errors import BitstreamError
from lamina.networks import fixed_point
from lamina.units import STREAM_GROUP, STREAM_HEADER, Unit, UnitKey

FIELDS = ("indices", "masks", "symbols", "values")
SHAPES = {"full": FULL, "plain": PLAIN, "blind": BLIND}


def units_of(part: ScenePart) -> list[Unit]:
    return list(encode([part]))


def same(a: AnchorLayer, b: AnchorLayer) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in FIELDS)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("layer_count", [1, 3])
def test_layers_come_back(name: str, layer_count: int) -> None:
    part = part_of(sample(SHAPES[name], layer_count=layer_count))
    units = units_of(part)
    assert [unit.key for unit in units] == [STREAM_HEADER, *(UnitKey(0, layer, 0) for layer in range(layer_count))]
    assert [unit.quality_db for unit in units[1:]] == list(part.quality_db)
    found = list(decode_states(units))
    assert [len(state.layers) for state in found] == list(range(1, layer_count + 1))
    assert all(same(a, b) for a, b in zip(found[-1].layers, part.layers, strict=True))


def test_a_part_may_have_empty_layers() -> None:
    made = sample()
    made = replace(made, layers=(made.layers[0], made.layers[1][:0], made.layers[2][:0]))
    part = part_of(made)
    layers = list(decode_states(units_of(part)))[-1].layers
    assert [layer.count for layer in layers] == [len(made.layers[0]), 0, 0]
    assert same(layers[0], part.layers[0])


def test_models_after_each_layer_are_those_of_the_part() -> None:
    part = part_of(sample())
    whole = model_of(part)
    models = list(decode(units_of(part)))
    assert [model.level for model in models] == [0, 1, 2]
    for model in models:
        anchors, wanted = model.anchors(), whole.anchors(model.level)
        assert torch.equal(anchors.positions, wanted.positions)
        assert torch.equal(anchors.scalings, wanted.scalings)
        assert bool((anchors.scalings > 0).all())
        assert len(anchors) == sum(layer.count for layer in part.layers[: model.level + 1])
    with pytest.raises(ValueError, match="level 3"):
        whole.anchors(3)


def test_anchors_are_what_integers_mean() -> None:
    part = part_of(sample())
    anchors = model_of(part).layers[1]
    facts, state = part.facts.anchors, part.layers[1]
    cell = facts.side / (1 << (facts.base_depth + 1))
    values = state.values / 2.0**14
    assert np.allclose(anchors.positions, np.array(facts.origin) + (state.indices + 0.5) * cell, atol=1e-6)
    assert np.allclose(anchors.features, values[:, : facts.feature_count], atol=1e-6)
    logs = values[:, facts.feature_count : facts.feature_count + 6]
    assert np.allclose(anchors.scalings, np.exp(logs) * cell, rtol=1e-5)
    assert np.allclose(anchors.offsets.reshape(state.count, -1), values[:, facts.feature_count + 6 :], atol=1e-6)
    assert np.array_equal(anchors.masks.numpy(), state.masks)


def test_headers_come_back() -> None:
    part = part_of(sample())
    found = unpack_header(units_of(part)[0].payload)
    assert found.facts == part.facts
    for head, wanted in zip(found.heads, part.heads, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(head.weights, wanted.weights, strict=True))
    for net, wanted in zip(found.context.networks, part.context.networks, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(net.weights, wanted.weights, strict=True))
        assert all(np.array_equal(a, b) for a, b in zip(net.biases, wanted.biases, strict=True))
    assert np.array_equal(found.context.layer_steps, part.context.layer_steps)
    assert found.context.hash_grid is not None
    assert part.context.hash_grid is not None
    assert np.array_equal(found.context.hash_grid.signs, part.context.hash_grid.signs)


def test_headers_that_contradict_their_networks_are_refused() -> None:
    part = part_of(sample())
    facts = part.facts.anchors
    other = replace(facts, offset_count=facts.offset_count + 1)
    with pytest.raises(ValueError, match="the facts ask for"):
        pack_networks(other, part.heads, part.context)
    with pytest.raises(ValueError, match="generators"):
        pack_networks(facts, (part.heads[0],) * 3, part.context)
    packed = pack_networks(facts, part.heads, part.context)
    with pytest.raises(BitstreamError, match="steps for 4 layers"):
        unpack_networks(replace(facts, layer_count=3), packed)


def test_cameras_travel_in_a_unit_of_their_own() -> None:
    pose = np.eye(4)
    pose[:3, 3] = (1.0, 2.0, 3.0)
    cameras = (Camera(pose, 50.0, 51.0, 20.0, 15.0, 40, 30),) * 2
    part = replace(part_of(sample()), cameras=cameras)
    header, views, *layers = units_of(part)
    assert views.key == UnitKey(STREAM_GROUP, 0, 0)
    assert breakdown(header.payload, views) == {"cameras": len(views.payload)}
    *_, model = decode([header, views, *layers])
    np.testing.assert_allclose(model.cameras[1].camera_from_world, pose, atol=1e-4)
    assert model.view is model.cameras[0]
    *_, blind = decode([header, *layers])
    assert blind.cameras == ()
    assert (blind.view.width, blind.view.height) == (40, 30)
    with pytest.raises(BitstreamError, match="stream layer 0"):
        list(decode([header, replace(views, payload=views.payload[:-1])]))


def test_values_that_symbols_do_not_give_are_refused() -> None:
    part = part_of(sample())
    wrong = part.layers[1].values.copy()
    wrong[0, 0] += 1
    layers = (part.layers[0], replace(part.layers[1], values=wrong), part.layers[2])
    with pytest.raises(ValueError, match="layer 1"):
        units_of(replace(part, layers=layers))


def test_bytes_are_accounted_for() -> None:
    part = part_of(sample(points=400))
    header, *units = units_of(part)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)
    assert [anchor_count(unit) for unit in units] == [layer.count for layer in part.layers]
    facts = inspect(header.payload)
    assert (facts.kind, facts.width, facts.height, facts.level_count) == ("scene", 40, 30, 3)
    assert facts.details["predicted from"] == "parent, neighbors, hash grid, own channels"
    parts = breakdown(header.payload, units[-1])
    assert parts["features"] > parts["masks"] > 0
    assert set(breakdown(header.payload, header)) == {"headers", "generators", "context networks", "hash grid"}


def test_missing_layers_are_errors_and_a_layer_may_come_again() -> None:
    part = part_of(sample())
    header, first, second, third = units_of(part)
    with pytest.raises(BitstreamError, match="before the stream's header"):
        list(decode([first]))
    with pytest.raises(BitstreamError, match="layer 1 is missing"):
        list(decode([header, first, third]))
    with pytest.raises(BitstreamError, match="one group"):
        list(decode([header, replace(first, key=UnitKey(1, 0, 0))]))
    with pytest.raises(BitstreamError, match="3 layers"):
        list(decode([header, replace(first, key=UnitKey(0, 3, 0))]))
    assert [model.level for model in decode([header, first, second, first])] == [0, 1, 0]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("block_rows", [7, 4096])
def test_integers_do_not_depend_on_threads_or_batches(
    threads: int, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = part_of(sample())
    units = units_of(part)
    wanted = dict(integers(units))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    monkeypatch.setattr(fixed_point, "BLOCK_ROWS", block_rows)
    try:
        assert dict(integers(units)) == wanted
    finally:
        torch.set_num_threads(before)
    assert len(wanted) == 3


def test_a_contracted_scene_comes_back_and_its_cube_has_bounds() -> None:
    part = part_of(sample(PLAIN, contraction=CONTRACTION))
    facts = unpack_header(units_of(part)[0].payload).facts.anchors
    assert lattice_of(facts) == lattice_of(part.facts.anchors)
    assert lattice_of(facts).contraction == CONTRACTION
    *_, last = decode(list(encode([part])))
    positions = last.anchors().positions
    expected = [lattice_of(facts).centers(layer.indices, number) for number, layer in enumerate(part.layers)]
    assert np.allclose(positions.numpy(), np.concatenate(expected), atol=1e-5)
    with pytest.raises(ValueError, match="of contracted space"):
        replace(facts, origin=(-20.0, 0.0, 0.0), side=45.0).pack()


def test_other_versions_are_refused() -> None:
    part = part_of(sample(PLAIN))
    payload = bytearray(units_of(part)[0].payload)
    for version in (0, 1, 2, 4):
        payload[0] = version << 1
        with pytest.raises(BitstreamError, match=f"version at byte 0: is {version}; .* upgrade lamina"):
            inspect(bytes(payload))
        with pytest.raises(BitstreamError, match="upgrade lamina"):
            unpack_header(bytes(payload))
    assert SceneFacts.unpack(units_of(part)[0].payload)[0] == part.facts
