# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the head codec: integers to the bit, whatever threads; pixels within a tolerance."""

import numpy as np
import pytest
import torch
from make_head_streams import STREAMS

from lamina.codecs.head.facts import breakdown, inspect

LARGEST_BYTES = 20_000
FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


def test_every_stream_is_pinned_and_small() -> None:
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(STREAMS.cases)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers(name: str, threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    assert STREAMS.digests(name) == PINNED[name]
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", PINNED)
def test_streams_render_to_the_pinned_pictures(name: str) -> None:
    assert STREAMS.problem(name) == ""
    assert np.ptp(STREAMS.sheet(name)) > 50


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = STREAMS.units(name)
    facts = inspect(header.payload)
    assert facts.kind == "talking head"
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)
