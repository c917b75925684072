# SPDX-License-Identifier: Apache-2.0
"""Small pictures and made-up figures; results go to a temporary folder."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


@pytest.fixture(scope="session")
def pixels():
    """A shaded disk over a ramp with a little noise, 96x64: something at every frequency."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:64, 0:96].astype(np.float64)
    disk = np.hypot(x - 40, y - 30) < 20
    base = np.stack([2 * x, 3 * y, 128 + 90 * np.sin(x / 5) * np.cos(y / 9)], axis=-1)
    base[disk] = 255 - base[disk]
    return np.clip(base + rng.normal(0, 4, base.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def results(tmp_path, monkeypatch):
    """An empty folder of results."""
    from benchmarks import result_files, run_log

    folder = tmp_path / "results"
    folder.mkdir()
    monkeypatch.setattr(run_log, "RESULTS", folder)
    monkeypatch.setattr(result_files, "RESULTS", folder)
    return folder
