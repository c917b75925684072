# SPDX-License-Identifier: Apache-2.0
"""Tests marked `cuda` are skipped where there is no GPU; LAMINA_REQUIRE_CUDA=1 makes that a failure."""

import os
from importlib.util import find_spec

import pytest
import torch


@pytest.fixture(autouse=True)
def device_for_cuda_tests(request: pytest.FixtureRequest) -> None:
    """`@pytest.mark.cuda("gsplat")` needs a CUDA device and that package."""
    marker = request.node.get_closest_marker("cuda")
    if marker is None:
        return
    packages = [name for name in marker.args if find_spec(name) is None]
    missing = [*([] if torch.cuda.is_available() else ["CUDA device"]), *packages]
    if missing and os.environ.get("LAMINA_REQUIRE_CUDA") == "1":
        pytest.fail(f"LAMINA_REQUIRE_CUDA=1, but there is no {missing[0]} here")
    if missing:
        pytest.skip(f"no {missing[0]} here; LAMINA_REQUIRE_CUDA=1 makes this a failure")
