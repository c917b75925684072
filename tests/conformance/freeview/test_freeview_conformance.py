# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the freeview codec: integers to the bit, whatever threads; pixels within a tolerance."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from make_freeview_streams import STREAMS

from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.codecs.freeview.syntax import FreeviewFacts, MotionHead
from lamina.networks import fixed_point
from lamina.units import STREAM_GROUP

LARGEST_BYTES = 20_000
FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


@pytest.fixture(params=[(1, 4096), (2, 5)])
def threads_and_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Decodes with so many threads, and so many rows at once in networks; puts threads back."""
    threads, rows = request.param
    monkeypatch.setattr(fixed_point, "BLOCK_ROWS", rows)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    yield threads, rows
    torch.set_num_threads(before)


def test_every_stream_is_pinned_and_small() -> None:
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(STREAMS.cases)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers(name: str, threads_and_rows: tuple[int, int]) -> None:
    assert threads_and_rows[0] == torch.get_num_threads()
    assert STREAMS.digests(name) == PINNED[name]


@pytest.mark.parametrize("name", PINNED)
def test_streams_render_to_the_pinned_pictures(name: str) -> None:
    assert STREAMS.problem(name) == ""
    assert np.ptp(STREAMS.sheet(name)) > 50


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = STREAMS.units(name)
    facts = inspect(header.payload)
    assert facts.kind == "free view"
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)


def heads_of(name: str) -> list[MotionHead | NetworkedHead]:
    """Of a stream's frames."""
    header, *units = STREAMS.units(name)
    kind = NetworkedHead if FreeviewFacts.unpack(header.payload)[0].has_networks else MotionHead
    return [kind.unpack(unit.payload)[0] for unit in units if unit.key.group != STREAM_GROUP]


def test_together_they_say_everything_that_networks_can_say() -> None:
    facts = [FreeviewFacts.unpack(STREAMS.units(name)[0].payload)[0].networks for name in PINNED]
    networks = [own for own in facts if own is not None]
    assert {own.representation for own in networks} == set(Representation)
    assert {own.network_bits for own in networks} == {8, 16, 32}
    assert {len(own.grid_sizes) for own in networks if own.representation == Representation.POINTS} == {0, 2}
    for flag in ("has_inner_aggregation", "has_network_entropy"):
        assert {getattr(own, flag) for own in networks} == {False, True}, flag
    heads = [head for name in PINNED for head in heads_of(name) if isinstance(head, NetworkedHead)]
    for flag in ("is_rest", "has_reference"):
        assert {getattr(head, flag) for head in heads} == {False, True}, flag


def test_together_they_say_everything_that_a_frame_can_say() -> None:
    heads = [head for name in PINNED for head in heads_of(name) if isinstance(head, MotionHead)]
    for flag in ("is_absolute", "is_still", "has_departures", "has_guest_motion", "has_births"):
        assert {bool(getattr(head, flag)) for head in heads} == {False, True}, flag
