# SPDX-License-Identifier: Apache-2.0
"""Real files of Gaussians."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def splat_samples() -> Path:
    return Path(__file__).parents[2] / "samples" / "splats"
