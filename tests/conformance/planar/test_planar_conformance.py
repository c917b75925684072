# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of the planar codec: integers to the bit, pixels within a tolerance, on any number of threads."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from make import CASES, FOLDER, MANIFEST, PIXEL_TOLERANCE, digests_of, pictures_of, sheet_of, units_of

from lamina.codecs.planar import CODEC
from lamina.data import read_image

LARGEST_BYTES = 20_000
PINNED: dict[str, dict[str, str]] = json.loads(MANIFEST.read_text("utf-8"))


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Decodes with so many threads, and puts the number back."""
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_every_stream_is_pinned_and_small() -> None:
    assert set(PINNED) == {path.stem for path in FOLDER.glob("*.lam")} >= set(CASES)
    assert all((FOLDER / f"{name}.lam").stat().st_size <= LARGEST_BYTES for name in PINNED)


@pytest.mark.parametrize("name", PINNED)
def test_streams_decode_to_the_pinned_integers(name: str, threads: int) -> None:
    assert threads == torch.get_num_threads()
    assert digests_of(units_of(name)) == PINNED[name]


@pytest.mark.parametrize("name", PINNED)
def test_streams_render_to_the_pinned_pictures(name: str, threads: int) -> None:
    assert threads == torch.get_num_threads()
    found = sheet_of(pictures_of(units_of(name)))
    wanted = read_image(FOLDER / f"{name}.png").pixels
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= PIXEL_TOLERANCE


@pytest.mark.parametrize("name", PINNED)
def test_every_byte_of_a_unit_is_accounted_for(name: str) -> None:
    header, *units = units_of(name)
    facts = CODEC.inspect(header.payload)
    assert (facts.kind == "video") == ("clip" in name)
    assert facts.level_count == 1 + max(unit.key.layer for unit in units)
    for unit in units:
        assert sum(CODEC.breakdown(header.payload, unit).values()) == len(unit.payload)


def test_a_changed_stream_is_noticed_by_the_maker(tmp_path: Path) -> None:
    for source in FOLDER.iterdir():
        if source.is_file():
            (tmp_path / source.name).write_bytes(source.read_bytes())
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    manifest["clip"]["0 0 0"] = "0" * 32
    (tmp_path / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "make.py", "--check"], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 1
    assert done.stdout.strip() == "clip: decodes to other integers"
