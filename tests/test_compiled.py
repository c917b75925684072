# SPDX-License-Identifier: Apache-2.0
"""Kept kernels are thrown away when a file that they may call or read changes, and only then; who watches is told."""

import json
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

USE = """
import gc, json, sys, warnings
import numpy as np
from lamina.compiled import watched
from lamina.data.resample_kernels import average_rows

def use():
    average_rows(np.ones((4, 3), np.float32), np.empty((2, 3), np.float32))

told = []
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    if "unwatched" in sys.argv:
        use()
    else:
        with watched(told.append):
            use()
kernels = [each.kernel for each in told if each.kernel]
problems = [each.problem for each in told if each.problem]
print(json.dumps([kernels, problems, [str(warning.message) for warning in warned], gc.isenabled()]))
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
    environment = {**os.environ, "LAMINA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [sys.executable, "caller.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.split()


def test_who_watches_is_told_once_of_each_kernel(tmp_path: Path) -> None:
    told = [use_kernel(LAMINA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert told == [[["average_rows"], [], [], True], [[], [], [], True]]


def test_kernels_are_kept_for_the_user_and_not_beside_the_sources(tmp_path: Path) -> None:
    use_kernel(XDG_CACHE_HOME=str(tmp_path), LOCALAPPDATA=str(tmp_path), HOME=str(tmp_path))
    (kept,) = tmp_path.rglob("*.nbc")
    assert "average_rows" in kept.name
    assert {"lamina", "kernels"} <= set(kept.parts)


def test_a_damaged_kernel_is_compiled_again(tmp_path: Path) -> None:
    use_kernel(LAMINA_CACHE_DIR=str(tmp_path))
    for kept in (*tmp_path.rglob("*.nbc"), *tmp_path.rglob("*.nbi")):
        kept.write_bytes(kept.read_bytes()[:100])
        assert use_kernel(LAMINA_CACHE_DIR=str(tmp_path))[0] == ["average_rows"]
        assert use_kernel(LAMINA_CACHE_DIR=str(tmp_path))[0] == []


def test_where_nothing_can_be_kept_it_works_and_says_so_once(tmp_path: Path) -> None:
    place = tmp_path / "a file"
    place.write_text("")
    kernels, problems, warned, _ = use_kernel(LAMINA_CACHE_DIR=str(place))
    assert kernels == ["average_rows"]
    assert len(problems) == 1
    assert "set LAMINA_CACHE_DIR" in problems[0]
    assert warned == []
    kernels, problems, warned, _ = use_kernel("unwatched", LAMINA_CACHE_DIR=str(place))
    assert (kernels, problems) == ([], [])
    assert len(warned) == 1
    assert str(place) in warned[0]


def use_kernel(*words: str, **variables: str) -> list:
    """Kernels that a process told of, problems that it told of, its warnings, and whether it still collects garbage."""
    cleared = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "LAMINA_CACHE_DIR")}
    command = [sys.executable, "-c", USE, *words]
    run = subprocess.run(command, env={**cleared, **variables}, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)
