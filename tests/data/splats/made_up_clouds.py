# SPDX-License-Identifier: Apache-2.0
"""Clouds to write, and what makes two the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from lamina.data.splats import SplatCloud
from lamina.errors import SignalError


def make_cloud(count: int, degree: int, seed: int = 0) -> SplatCloud:
    """Values of the size that captures have."""
    rng = np.random.default_rng(seed)
    return SplatCloud(
        rng.normal(0, 3, (count, 3)).astype(np.float32),
        rng.uniform(-9, 0, (count, 3)).astype(np.float32),
        rng.normal(0, 1, (count, 4)).astype(np.float32),
        rng.normal(0, 3, count).astype(np.float32),
        rng.normal(0, 0.3, (count, (degree + 1) ** 2, 3)).astype(np.float32),
    )


def assert_same(first: SplatCloud, second: SplatCloud) -> None:
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def is_refused(read: Callable[[Path], SplatCloud], path: Path, data: bytes) -> bool:
    """Whether these bytes give an error that names the file; otherwise they must give Gaussians."""
    path.write_bytes(data)
    try:
        cloud = read(path)
    except SignalError as error:
        return str(path) in str(error)
    assert len(cloud) > 0
    return False
