# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of every codec: integers to the bit, whatever threads and batches; pixels within a tolerance.

A codec's streams are `STREAMS` of a maker (`make*.py`) in its folder: they are found, not listed.
"""

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch

from lamina.codecs import CODECS
from lamina.networks import fixed_point, hash_grid

sys.path.append(str(Path(__file__).parent))
from pinned_streams import PinnedStreams

HERE = Path(__file__).parent
LARGEST_BYTES = 20_000


def streams_of(maker: Path) -> PinnedStreams:
    """What a maker makes."""
    spec = spec_from_file_location(f"{maker.parent.name}_{maker.stem}", maker)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.STREAMS


MAKERS = [path for path in sorted(HERE.glob("*/make*.py")) if "PinnedStreams(" in path.read_text("utf-8")]
STREAMS = {maker.parent.name: streams_of(maker) for maker in MAKERS}
NAMES = [(folder, name) for folder, streams in STREAMS.items() for name in streams.expected()]


@pytest.fixture(params=[(1, 4096), (2, 4096), (2, 5)], ids=str)
def threads_and_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Decodes with so many threads, and so many rows at once in networks and grids; puts threads back."""
    threads, rows = request.param
    monkeypatch.setattr(fixed_point, "BLOCK_ROWS", rows)
    monkeypatch.setattr(hash_grid, "ROWS_AT_ONCE", rows)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    yield threads, rows
    torch.set_num_threads(before)


def test_every_codec_has_pinned_streams() -> None:
    assert {codec.name for codec in CODECS} == {streams.codec.name for streams in STREAMS.values()}


@pytest.mark.parametrize("folder", STREAMS)
def test_every_stream_is_pinned_and_small(folder: str) -> None:
    streams = STREAMS[folder]
    files = {path.stem: path.stat().st_size for path in streams.manifest.parent.glob("*.lam")}
    assert set(streams.expected()) == set(files) >= set(streams.cases)
    assert max(files.values()) <= LARGEST_BYTES


@pytest.mark.parametrize(("folder", "name"), NAMES)
def test_streams_decode_to_the_pinned_integers_and_pictures(
    folder: str, name: str, threads_and_rows: tuple[int, int]
) -> None:
    assert threads_and_rows[0] == torch.get_num_threads()
    assert STREAMS[folder].problem(name) == ""


@pytest.mark.parametrize(("folder", "name"), NAMES)
def test_pinned_pictures_show_something(folder: str, name: str) -> None:
    assert np.ptp(STREAMS[folder].sheet(name)) > 50


@pytest.mark.parametrize(("folder", "name"), NAMES)
def test_every_byte_of_a_unit_is_accounted_for(folder: str, name: str) -> None:
    own = STREAMS[folder].codec
    header, *units = STREAMS[folder].units(name)
    assert own.inspect(header.payload).level_count == 1 + max(unit.key.layer for unit in units)
    for unit in (header, *units):
        assert sum(own.breakdown(header.payload, unit).values()) == len(unit.payload)
