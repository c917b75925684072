# SPDX-License-Identifier: Apache-2.0
"""One form of checkpoint: what is kept comes back, for its own job, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from lamina.fitting.checkpoint import Keeper, load, remove, save

ARRAYS = {"values": np.arange(6, dtype=np.float32).reshape(2, 3), "name": np.array("tune")}


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    save(path, "a job", {"step": 7, "random": {"state": 2**100}}, ARRAYS)
    found = load(path, "a job")
    assert found is not None
    facts, arrays = found
    assert facts == {"step": 7, "random": {"state": 2**100}}
    assert set(arrays) == set(ARRAYS)
    np.testing.assert_array_equal(arrays["values"], ARRAYS["values"])
    assert str(arrays["name"]) == "tune"
    remove(path)
    remove(path)
    assert load(path, "a job") is None


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_rejects_another_job_and_damage(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "fit.npz"
    save(path, "a job", {}, ARRAYS)
    assert load(path, "another job") is None
    path.write_bytes(path.read_bytes()[:-30] if damage is None else damage)
    assert load(path, "a job") is None
    assert load(None, "a job") is None


def test_a_keeper_saves_when_it_is_time(tmp_path: Path) -> None:
    path = tmp_path / "fit.npz"
    saved: list[Path] = []
    patient, eager = Keeper(path, 1000.0), Keeper(path, 0.0)
    patient(saved.append)
    assert saved == []
    patient(saved.append, now=True)
    eager(saved.append)
    Keeper(None, 0.0)(saved.append, now=True)
    assert saved == [path, path]
