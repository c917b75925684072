# SPDX-License-Identifier: Apache-2.0
"""Kept kernels are thrown away when a file that they may call changes."""

import os
import subprocess
import sys

from lamina.entropy.kernel import sources_checksum

CALLER = """
from callee import inner
from lamina.entropy.kernel import kernel

@kernel
def outer(x):
    return inner(x) + 1

print(outer(1), sum(outer.stats.cache_hits.values()))
"""
CALLEE = """
from lamina.entropy.kernel import kernel

@kernel
def inner(x):
    return x * {factor}
"""


def test_a_changed_callee_recompiles_its_caller(tmp_path):
    (tmp_path / "caller.py").write_text(CALLER)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    printed = []
    for factor in (10, 10, 20):
        (tmp_path / "callee.py").write_text(CALLEE.format(factor=factor))
        run = subprocess.run(
            [sys.executable, "caller.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        printed.append(run.stdout.split())
    assert printed == [["11", "0"], ["11", "1"], ["21", "0"]]


def test_sources_checksum_depends_on_every_file(tmp_path):
    (tmp_path / "a.py").write_text("1")
    one = sources_checksum(tmp_path)
    (tmp_path / "b.py").write_text("2")
    sources_checksum.cache_clear()
    assert sources_checksum(tmp_path) != one
