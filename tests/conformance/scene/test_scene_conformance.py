# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the scene codec: integers to the bit, whatever threads and batches; pixels within a tolerance."""

import json
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from make_scenes import CASES, FOLDER, MANIFEST, PIXEL_TOLERANCE, digests_of, sheet_of, units_of

from lamina.codecs.scene.facts import breakdown, inspect
from lamina.data import read_image
from lamina.networks import fixed_point, hash_grid

LARGEST_BYTES = 20_000
PINNED: dict[str, dict[str, str]] = json.loads(MANIFEST.read_text("utf-8"))


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
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(CASES)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers(name: str, threads_and_rows: tuple[int, int]) -> None:
    assert threads_and_rows[0] == torch.get_num_threads()
    assert digests_of(units_of(name)) == PINNED[name]


@pytest.mark.parametrize("name", PINNED)
def test_streams_render_to_the_pinned_pictures(name: str) -> None:
    found, wanted = sheet_of(units_of(name)), read_image(FOLDER / f"{name}.png").pixels
    assert found.shape == wanted.shape
    assert np.ptp(wanted) > 50
    assert np.abs(found.astype(int) - wanted).max() <= PIXEL_TOLERANCE


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = units_of(name)
    facts = inspect(header.payload)
    assert facts.kind == "scene"
    assert facts.level_count == len(units)
    for unit in (header, *units):
        assert sum(breakdown(header.payload, unit).values()) == len(unit.payload)
