# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the planar codec: integers to the bit, pixels within a tolerance, on any number of threads."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from make import STREAMS

from lamina.codecs.planar import CODEC

LARGEST_BYTES = 20_000
FOLDER = STREAMS.manifest.parent
PINNED = STREAMS.expected()


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Decodes with so many threads, and puts the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_stream_is_pinned_and_small() -> None:
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(STREAMS.cases)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers_and_pictures(name: str, threads: int) -> None:
    assert threads == torch.get_num_threads()
    assert STREAMS.problem(name) == ""


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = STREAMS.units(name)
    facts = CODEC.inspect(header.payload)
    assert (facts.kind == "video") == ("clip" in name)
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in units:
        assert sum(CODEC.breakdown(header.payload, unit).values()) == len(unit.payload)


def test_a_changed_stream_is_noticed_by_the_maker(tmp_path: Path) -> None:
    folder = tmp_path / "conformance" / "planar"
    shutil.copytree(FOLDER, folder)
    shutil.copy(FOLDER.with_name("pinned_streams.py"), tmp_path / "conformance")
    manifest = (folder / "manifest.json").read_text("utf-8")
    changed = manifest.replace(PINNED["clip"]["0 0 0"], "0" * 32)
    (folder / "manifest.json").write_text(changed, "utf-8")
    done = subprocess.run(
        [sys.executable, folder / "make.py", "--check"], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 1
    assert done.stdout.strip() == "clip: decodes to other integers"
