# SPDX-License-Identifier: Apache-2.0
"""Guests: they come, move and leave; gaps come back; born anew they show what they showed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from freeview_samples import born_in, camera, first_part, rest_of, sparse
from hypothesis import given
from hypothesis import strategies as st

from lamina.anchors.neighbors import ITSELF
from lamina.codecs.freeview.fit.rebirth import reborn
from lamina.codecs.freeview.guests import (
    Guests,
    gaps_of,
    guest_facts,
    joined,
    moved_guests,
    no_guests,
    pack_births,
    remaining,
    stays_of,
    unpack_births,
)
from lamina.codecs.freeview.model import FirstPart, FreeviewModel, render
from lamina.codecs.freeview.rest import Rest

FIRST: FirstPart = first_part(2)
REST: Rest = rest_of(FIRST)

SHOWN_TOLERANCE = 0.25
"""Of what guests change of a picture: the made-up model has coarse steps (a fitted one: `test_freeview_fit`)."""


def batch(layer: int, seed: int, count: int = 7) -> Guests:
    return joined(no_guests(FIRST.facts), born_in(REST, FIRST.context, layer, np.random.default_rng(seed), count))


@given(stays=st.lists(st.integers(0, 1), max_size=40))
def test_gaps_come_back(stays: list[int]) -> None:
    flags = np.array(stays, np.uint8)
    gaps = gaps_of(flags)
    assert len(gaps) == stays.count(0)
    assert (stays_of(gaps, len(stays)) == flags).all()


@pytest.mark.parametrize(("gaps", "count"), [((0,), 0), ((3,), 3), ((0, 0, 1), 3), ((1 << 20, 1 << 20), 5)])
def test_gaps_reject_guests_that_are_not_there(gaps: tuple[int, ...], count: int) -> None:
    with pytest.raises(ValueError, match="leaves, but there are"):
        stays_of(gaps, count)


@pytest.mark.parametrize("layer", [0, 1])
def test_births_come_back(layer: int) -> None:
    born = born_in(REST, FIRST.context, layer, np.random.default_rng(layer))
    found = unpack_births(FIRST.facts, FIRST.context, layer, pack_births(FIRST.facts, FIRST.context, layer, born))
    for name in ("indices", "has_children", "masks", "symbols", "values"):
        assert (getattr(found, name) == getattr(born, name)).all()


def test_guests_stand_in_cells_of_their_layer() -> None:
    anchors = FIRST.facts.anchors
    for layer in (0, 1):
        facts = guest_facts(anchors, layer)
        assert facts.layers == 1
        assert facts.base_depth == anchors.base_depth + layer


def test_batches_follow_each_other_and_know_their_own_neighbors() -> None:
    first, second = (born_in(REST, FIRST.context, 0, np.random.default_rng(seed)) for seed in (1, 2))
    guests = joined(joined(no_guests(FIRST.facts), first), second)
    assert guests.count == first.count + second.count
    assert (guests.layer.indices == np.concatenate([first.indices, second.indices])).all()
    neighbors = guests.scale.neighbors
    assert (neighbors[:, ITSELF] == np.arange(guests.count)).all()
    assert neighbors[: first.count].max() < first.count
    late = neighbors[first.count :]
    assert (late[late >= 0] >= first.count).all()
    assert (guests.scale.parents == -1).all()


def test_those_that_stay_keep_what_they_have() -> None:
    guests = batch(0, 3)
    moves = sparse(guests.count, REST.channels.count, np.random.default_rng(0), 1.0)
    guests = replace(guests, sums=moves)
    stays = (np.arange(guests.count) % 3 > 0).astype(np.uint8)
    rest = remaining(guests, stays)
    kept = np.flatnonzero(stays)
    assert (rest.sums == moves[kept]).all()
    assert (rest.layer.indices == guests.layer.indices[kept]).all()
    assert (rest.scale.neighbors[:, ITSELF] == np.arange(len(kept))).all()
    old, new = guests.scale.neighbors[kept], rest.scale.neighbors
    for before, after in zip(old.reshape(-1), new.reshape(-1), strict=True):
        assert after == (kept.tolist().index(before) if before in kept else -1)
    everybody = remaining(guests, np.ones(guests.count, np.uint8))
    assert (everybody.scale.neighbors == guests.scale.neighbors).all()
    assert remaining(guests, np.zeros(guests.count, np.uint8)).count == 0


def test_a_level_shows_the_guests_of_its_layers() -> None:
    guests = (batch(0, 4), batch(1, 5))
    sums = tuple(np.zeros((scale.count, REST.channels.count), np.int32) for scale in REST.hierarchy(1).scales)
    whole = FreeviewModel(REST, 0, 1, sums, guests)
    base = FreeviewModel(REST, 0, 0, sums[:1], guests[:1])
    assert len(whole.anchors) == len(REST.level(1).anchors) + guests[0].count + guests[1].count
    assert len(base.anchors) == len(REST.level(0).anchors) + guests[0].count
    assert whole.counts["guests"] == guests[0].count + guests[1].count
    assert torch.equal(whole.anchors.positions[-guests[1].count :], moved_guests(FIRST.facts, 1, guests[1]).positions)


def shown(guests: Guests) -> np.ndarray:
    sums = (np.zeros((REST.hierarchy(0).scales[0].count, REST.channels.count), np.int32),)
    with torch.no_grad():
        return render(FreeviewModel(REST, 0, 0, sums, (guests,)), camera()).clamp(0, 1).numpy()


@pytest.mark.parametrize("turned", [False, True])
def test_born_anew_they_show_what_they_showed(turned: bool) -> None:
    guests = batch(0, 6, count=20)
    moves = np.zeros((guests.count, REST.channels.count), np.int32)
    _, translation, rotation, offsets, _ = REST.channels.starts
    moves[:, translation:rotation] = np.random.default_rng(0).integers(-12, 13, (guests.count, 3))
    if turned:
        moves[:, rotation:offsets] = np.random.default_rng(1).integers(-20, 21, (guests.count, 3))
    guests = replace(guests, sums=moves)
    anew = reborn(REST, FIRST.context, 0, moved_guests(FIRST.facts, 0, guests))
    assert anew is not None
    again = joined(no_guests(FIRST.facts), anew)
    assert not again.sums.any()
    nobody = shown(no_guests(FIRST.facts))
    effect = np.abs(shown(guests) - nobody).mean()
    assert np.abs(shown(again) - shown(guests)).mean() < SHOWN_TOLERANCE * effect


def test_born_anew_each_has_a_cell_of_its_own() -> None:
    guests = batch(0, 8, count=30)
    assert reborn(REST, FIRST.context, 0, moved_guests(FIRST.facts, 0, no_guests(FIRST.facts))) is None
    crowd = joined(guests, guests.layer)
    anew = reborn(REST, FIRST.context, 0, moved_guests(FIRST.facts, 0, crowd))
    assert anew is not None
    assert len(np.unique(anew.indices, axis=0)) == anew.count
    assert guests.count < anew.count <= crowd.count
