# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the volume codec: integers to the bit, whatever threads; pixels within a tolerance."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from make_volume_streams import STREAMS

from lamina.codecs.volume.facts import breakdown, inspect
from lamina.codecs.volume.syntax import LevelHead
from lamina.units import HEADER_LAYER, STREAM_GROUP

LARGEST_BYTES = 40_000
FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Decodes with so many threads; puts them back."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_stream_is_pinned_and_small() -> None:
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(STREAMS.cases)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers(name: str, threads: int) -> None:
    assert threads == torch.get_num_threads()
    assert STREAMS.digests(name) == PINNED[name]


@pytest.mark.parametrize("name", PINNED)
def test_streams_render_to_the_pinned_pictures(name: str) -> None:
    assert STREAMS.problem(name) == ""
    assert np.ptp(STREAMS.sheet(name)) > 50


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = STREAMS.units(name)
    facts = inspect(header.payload)
    assert facts.kind == "volume"
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)


def test_together_they_say_everything_that_a_frame_can_say() -> None:
    heads = [
        LevelHead.unpack(unit.payload)[0]
        for name in PINNED
        for unit in STREAMS.units(name)
        if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER
    ]
    for flag in ("is_key", "has_vectors", "has_symbols"):
        assert {bool(getattr(head, flag)) for head in heads} == {False, True}, flag
