# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import paper_ablation
from lamina.codecs.planar.config import PgsvcConfig
from lamina.data import write_image


def test_schedule_is_scaled_in_proportion() -> None:
    scaled = PgsvcConfig().scaled_to(10_000)
    assert (scaled.steps, scaled.halving_steps, scaled.key_prune_until, scaled.prune_interval) == (
        10_000,
        4_000,
        800,
        20,
    )
    assert scaled.learning_rate == PgsvcConfig().learning_rate


@pytest.mark.parametrize("method", ["joint", "monolithic"])
def test_a_picture_is_measured_at_every_level(tmp_path: Path, method: str) -> None:
    pixels = np.linspace(0, 255, 32 * 24 * 3).astype(np.uint8).reshape(24, 32, 3)
    write_image(tmp_path / "ramp.png", pixels)
    config = replace(PgsvcConfig().scaled_to(50), learning_rate=0.05)
    found = paper_ablation.measure(tmp_path / "ramp.png", method, config, 30, 1)
    assert found["splats"] == [10, 20, 30]
    assert len(found["psnr_db"]) == 3
    assert found["steps"] == (150 if method == "monolithic" else 50)


def test_summary_compares_trainings() -> None:
    runs = {
        "a": {"joint": {"psnr_db": [19.4, 22.0, 24.0]}, "sequential": {"psnr_db": [20.0, 21.0, 22.5]}},
        "b": {"joint": {"psnr_db": [27.0, 28.0, 30.0]}, "monolithic": {"psnr_db": [27.0, 29.0, 30.5]}},
    }
    found = paper_ablation.summarize(runs)
    assert found["mean"]["joint_minus_sequential_db"] == pytest.approx(1.5)
    assert found["mean"]["base_below_own_fit_percent"] == pytest.approx(3.0)
    assert found["mean"]["joint_minus_monolithic_db"] == pytest.approx(-0.5)
    assert found["mean"]["joint_db"] == pytest.approx(27.0)
