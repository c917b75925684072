# SPDX-License-Identifier: Apache-2.0
"""Every benchmark still finds what it measures."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "benchmarks").rglob("*.py"))
    if path.stem != "__init__"
]


@pytest.mark.parametrize("module", MODULES)
def test_benchmarks_import_what_is_there(module):
    assert importlib.import_module(module).__doc__
