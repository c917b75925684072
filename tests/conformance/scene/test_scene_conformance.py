# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the scene codec: integers to the bit, whatever threads and batches; pixels within a tolerance."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from make_scenes import STREAMS

from lamina.codecs.scene.facts import breakdown, inspect
from lamina.networks import fixed_point, hash_grid

LARGEST_BYTES = 20_000
FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


@pytest.fixture(params=[(1, 4096), (2, 4096), (2, 5)])
def threads_and_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Decodes with so many threads, and so many rows at once in networks and grids; puts threads back."""
    threads, rows = request.param
    monkeypatch.setattr(fixed_point, "BLOCK_ROWS", rows)
    monkeypatch.setattr(hash_grid, "ROWS_AT_ONCE", rows)
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
    assert facts.kind == "scene"
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)
