# SPDX-License-Identifier: Apache-2.0
"""Real samples for the tests of this folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from lamina.data import open_clip, read_image

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def samples() -> Path:
    return ROOT / "tests" / "samples"


@pytest.fixture(scope="session")
def photo(samples: Path) -> np.ndarray:
    return read_image(samples / "kodim15_96x64.png").pixels


@pytest.fixture(scope="session")
def park_joy(samples: Path) -> list[np.ndarray]:
    return list(open_clip(samples / "park_joy_96x64_6f.y4m"))


@pytest.fixture(scope="session")
def development_data() -> Path:
    path = Path(os.environ.get("LAMINA_DATA", ROOT.parent / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"development data not found at {path}; set LAMINA_DATA to its folder")
    return path
