# SPDX-License-Identifier: Apache-2.0
"""Parts to units and back: sums and guests, cuts, every order that the contract allows, joins, what is refused."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from freeview_samples import Play, first_part, frame_parts, model_of, play_units

from lamina.codecs.freeview.coding import decode, decode_states, integers
from lamina.codecs.freeview.frame_coding import MotionHead
from lamina.codecs.freeview.model import FreeviewModel
from lamina.codecs.freeview.syntax import FreeviewFacts
from lamina.errors import BitstreamError
from lamina.units import STREAM_GROUP, STREAM_HEADER, Unit

PLAYS = {
    "one layer": (1, Play()),
    "two layers": (2, Play()),
    "three layers": (3, Play()),
    "without guests": (3, Play(has_guests=False)),
    "one group": (2, Play(group_frames=9, joins=(0,))),
    "a join a frame": (2, Play(4, 1, (0, 1, 2, 3))),
    "another seed": (3, Play(seed=7)),
}


def models(units: Iterable[Unit]) -> dict[tuple[int, int], FreeviewModel]:
    return {(model.frame, model.level): model for model in decode(units)}


def same(one: FreeviewModel, other: FreeviewModel) -> bool:
    """All integers, and what they mean."""
    integers = all((a == b).all() for a, b in zip(one.sums, other.sums, strict=True))
    for a, b in zip(one.guests, other.guests, strict=True):
        integers &= a.count == b.count and bool((a.sums == b.sums).all())
        integers &= all((getattr(a.layer, f) == getattr(b.layer, f)).all() for f in ("indices", "masks", "values"))
    return integers and torch.equal(one.anchors.positions, other.anchors.positions)


@pytest.mark.parametrize("name", PLAYS)
def test_sums_and_guests_come_back(name: str) -> None:
    layers, play = PLAYS[name]
    first = first_part(layers)
    found = models(play_units(first, play))
    assert len(found) == layers * play.frame_count
    for part in frame_parts(first, play):
        assert same(found[part.frame, layers - 1], model_of(part, first.context))


@pytest.mark.parametrize("level", [0, 1])
def test_a_cut_shows_what_the_whole_shows_at_that_level(level: int) -> None:
    units = play_units(first_part())
    whole, cut = models(units), models(unit for unit in units if unit.key.layer <= level)
    assert {own for _, own in cut} == set(range(level + 1))
    for key, model in cut.items():
        assert same(model, whole[key])


def by_layers(units: list[Unit]) -> list[Unit]:
    """Group by group, in a group layer by layer: as files are."""
    return sorted(units, key=lambda unit: (unit.key.group, unit.key.layer, unit.key.frame))


def layer_by_layer_a_frame_late(units: list[Unit]) -> list[Unit]:
    """In a group each layer a frame behind the one below."""
    return sorted(units, key=lambda unit: (unit.key.group, unit.key.frame + unit.key.layer, unit.key.layer))


@pytest.mark.parametrize("order", [by_layers, layer_by_layer_a_frame_late])
@pytest.mark.parametrize("seed", [0, 1])
def test_any_order_of_layers_and_frames_in_a_group_gives_the_same(order: object, seed: int) -> None:
    units = play_units(first_part(), Play(9, 3, (0, 6), seed=seed))
    assert callable(order)
    ordered = order(units)
    assert ordered != units
    expected, found = models(units), models(ordered)
    assert expected.keys() == found.keys()
    assert all(same(model, found[key]) for key, model in expected.items())
    assert dict(integers(units)) == dict(integers(ordered))


def test_decoding_begins_where_a_viewer_can_join() -> None:
    first, play = first_part(2), Play(6, 2, (0, 4))
    units = play_units(first, play)
    late = [unit for unit in units if unit.key.group == STREAM_GROUP or unit.key.frame >= 4]
    whole = models(units)
    found = models(late)
    assert {frame for frame, _ in found} == {4, 5}
    assert all(same(model, whole[key]) for key, model in found.items())


@pytest.mark.parametrize("frame", [1, 2, 5])
def test_rejects_a_join_anywhere_else(frame: int) -> None:
    units = play_units(first_part(2), Play(6, 2, (0, 4)))
    late = [unit for unit in units if unit.key.group == STREAM_GROUP or unit.key.frame >= frame]
    with pytest.raises(BitstreamError, match="frame before, on which it builds, is missing"):
        models(late)


def test_rejects_layers_whose_layer_below_is_missing() -> None:
    units = play_units(first_part(2))
    with pytest.raises(BitstreamError, match="layer below is missing"):
        models(unit for unit in units if unit.key.group < 0 or unit.key.layer)
    with pytest.raises(BitstreamError, match="layer 0 of the first frame is missing"):
        models(unit for unit in units if unit.key.group >= 0 or unit.key.layer)
    with pytest.raises(BitstreamError, match="before the stream's header"):
        models(unit for unit in units if unit.key != STREAM_HEADER)


def test_rejects_layers_that_the_header_does_not_have() -> None:
    one, two = play_units(first_part(1)), play_units(first_part(2))
    above = next(unit for unit in two if unit.key.layer == 1 and unit.key.group >= 0)
    below = next(unit for unit in two if unit.key.layer == 1 and unit.key.group < 0)
    for stray in (above, below):
        with pytest.raises(BitstreamError, match="says 1 layers"):
            models([*one, stray])


def test_rejects_bytes_behind_a_still_frame() -> None:
    units = play_units(first_part(1), Play(3, 3, (0,), has_guests=False))
    head = MotionHead(False, True, True, False, False, False, 0)
    units[2] = replace(units[2], payload=head.pack() + b"\1\2\3\4\5")
    with pytest.raises(BitstreamError, match="stands still"):
        models(units)


def test_a_still_frame_is_a_byte() -> None:
    first = first_part(1)
    part = next(iter(frame_parts(first, Play(1, 1, (0,), has_guests=False))))
    (changes,) = part.changes
    still = replace(part, changes=(replace(changes, differences=np.zeros_like(changes.differences)),))
    units = play_units(first, Play(0))
    from lamina.codecs.freeview.coding import encode_frame

    (unit,) = encode_frame(still)
    assert len(unit.payload) == 1
    model = models([*units, unit])[0, 0]
    assert torch.equal(model.anchors.positions, model.rest.level(0).anchors.positions)


def test_states_of_frames_that_nobody_needs_are_forgotten() -> None:
    units = play_units(first_part(2), Play(12, 3, (0, 6), seed=3))
    for ordered in (units, by_layers(units)):
        for _, decoder, _ in decode_states(ordered):
            assert all(len(states) <= 3 + 2 for states in decoder.frames.states)


def test_the_header_tells_what_was_fitted() -> None:
    first = first_part()
    facts, _ = FreeviewFacts.unpack(play_units(first)[0].payload)
    assert facts == first.facts


def test_cameras_come_with_the_first_layer() -> None:
    first = first_part(2)
    for own in (first, replace(first, cameras=())):
        model = models(play_units(own))[0, 1]
        assert len(model.cameras) == len(own.cameras)
        assert model.view.width == 40
    found = models(play_units(first))[0, 1].view.camera_from_world
    assert np.allclose(found, first.cameras[0].camera_from_world, atol=1e-4)
