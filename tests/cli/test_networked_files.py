# SPDX-License-Identifier: Apache-2.0
"""The verbs on a file of the paper's free view: facts, digest, looking; choices that the preset does not have."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "data" / "captures" / "timed"))

from made_captures import write_panoptic

from lamina.data.splats import read_splats

FOLDER = Path(__file__).parents[1] / "conformance" / "freeview"
NAMES = ("paper", "paper_floats", "paper_triplane")


@pytest.mark.parametrize("name", NAMES)
def test_info_counts_every_byte(run, name: str) -> None:
    path = FOLDER / f"{name}.lam"
    status, output, _ = run("info", path, "--json")
    facts = json.loads(output)
    assert status == 0
    assert (facts["kind"], facts["codec"]) == ("free view", "freeview")
    assert len(facts["levels"]) == 1
    parts = facts["parts"]
    assert sum(parts.values()) == facts["size_bytes"] == path.stat().st_size
    assert parts["networks"] > 0
    assert parts["latents"] > 0
    assert ("tables" in parts and parts["tables"] > 0) == (name != "paper_triplane")


def test_info_says_what_moves_anchors(run) -> None:
    status, output, _ = run("info", FOLDER / "paper.lam")
    assert status == 0
    assert "latents of 3 scales and networks of 8 bits" in output


def test_frames_are_given_to_other_tools(run, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    assert run("decode", FOLDER / "paper.lam", folder, "--format", "ply", "--quiet")[0] == 0
    files = sorted(folder.glob("*.ply"))
    assert len(files) == 6
    means = [read_splats(path).means for path in files]
    assert means[0].shape[1] == 3
    assert not np.array_equal(means[0][:20], means[5][:20])


def test_levels_are_refused_by_one_line(run, tmp_path: Path) -> None:
    rig, out = write_panoptic(tmp_path / "rig", range(2)), tmp_path / "out.lam"
    status, _, errors = run("encode", rig, out, "--preset", "paper", "--levels", "3", "--quiet")
    lines = [line for line in errors.splitlines() if "warning" not in line]
    assert status == 2
    assert len(lines) == 1, errors
    assert lines[0].startswith("lamina: error: ")
    assert "3, expected 1" in lines[0]
    assert "preset default" in lines[0]
    assert not out.exists()
