# SPDX-License-Identifier: Apache-2.0
"""Kept kernels are thrown away when a file that they may call or read changes, and only then."""

import os
import subprocess
import sys
from pathlib import Path

CALLER = """
from callee import inner
from lamina.entropy.kernel import kernel

@kernel
def outer(x):
    return inner(x) + 1

print(outer(1), sum(outer.stats.cache_hits.values()))
"""
CALLEE = """
import constants
from lamina.compiled import compiled

@compiled()
def inner(x):
    return x * constants.FACTOR
"""


def test_a_change_recompiles_what_it_may_be_inside(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER)
    (tmp_path / "callee.py").write_text(CALLEE)
    assert [
        run_with(tmp_path, "constants.py", "FACTOR = 10"),
        run_with(tmp_path, "unrelated.py", "FACTOR = 20"),
        run_with(tmp_path, "constants.py", "FACTOR = 20"),
        run_with(tmp_path, "callee.py", CALLEE.replace("* constants", "+ constants")),
    ] == [["11", "0"], ["11", "1"], ["21", "0"], ["22", "0"]]


def test_a_function_without_a_file_is_compiled(tmp_path: Path) -> None:
    source = "from lamina.compiled import compiled\nprint(compiled()(lambda x: x + 1)(1))"
    run = subprocess.run([sys.executable, "-"], input=source, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout == "2\n"


def run_with(folder: Path, name: str, source: str) -> list[str]:
    """What `caller.py` prints, its result and how many kernels it found kept, once the file `name` holds `source`."""
    (folder / name).write_text(source)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "caller.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.split()
