# SPDX-License-Identifier: Apache-2.0
"""The commands on real splats: a small part of a photograph, coded once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.codecs.planar.model import PlanarModel
from lamina.data import read_image
from lamina.metrics import psnr

PHOTO = Path(__file__).parents[2] / "demo" / "lighthouse.png"


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    return read_image(PHOTO).pixels[200:248, 360:424]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory, source: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("planar") / "part.lam"
    lamina.encode(source, path, preset="fast", splats=150).close()
    return path


def test_levels_get_better(coded: Path, source: np.ndarray) -> None:
    with lamina.open(coded) as media:
        quality_db = [psnr(source, media.decode(level)) for level in range(media.level_count)]
    assert quality_db == sorted(quality_db)
    assert quality_db[-1] > quality_db[0] + 1


def test_info_says_what_the_encoder_measured(run, coded: Path, source: np.ndarray) -> None:
    facts = json.loads(run("info", coded, "--json")[1])
    with lamina.open(coded) as media:
        for level in facts["levels"]:
            assert level["quality_db"] == pytest.approx(psnr(source, media.decode(level["level"])), abs=0.02)
    assert sum(facts["parts"].values()) == coded.stat().st_size
    assert {"positions", "shapes", "colors"} <= set(facts["parts"])


def test_any_size_is_the_same_picture(coded: Path) -> None:
    with lamina.open(coded) as media:
        own, double = media.decode(), media.decode(size=(128, 96))
    halved = double.reshape(48, 2, 64, 2, 3).mean(axis=(1, 3))
    assert double.shape == (96, 128, 3)
    assert np.abs(halved - own).mean() < 3


def test_model_is_made_of_tensors(coded: Path) -> None:
    with lamina.open(coded) as media:
        model, base = media.model(), media.model(level=0)
    assert isinstance(model, PlanarModel)
    assert len(model.gaussians) > len(base.gaussians) > 0


def test_digest_of_a_cut_is_the_beginning_of_that_of_the_whole(run, coded: Path, tmp_path: Path) -> None:
    assert run("cut", coded, tmp_path / "base.lam", "--level", 0)[0] == 0
    whole, base = (run("digest", path)[1].splitlines() for path in (coded, tmp_path / "base.lam"))
    assert base[:-1] == whole[: len(base) - 1]
    assert len(whole) == 1 + 3 + 1


def test_info_needs_no_torch(coded: Path) -> None:
    code = (
        "import sys; from lamina.cli import main; main(['info', sys.argv[1]]);"
        "print('torch' in sys.modules or 'numba' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code, str(coded)], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "False"
