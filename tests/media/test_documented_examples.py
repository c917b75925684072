# SPDX-License-Identifier: Apache-2.0
"""Examples in docstrings of the Python face run as they are written."""

import doctest
import importlib
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["lamina.media.encoding"])
def test_docstring_examples_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(importlib.import_module(module))
    assert results.attempted > 0
    assert results.failed == 0
