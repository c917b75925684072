# SPDX-License-Identifier: Apache-2.0
"""Encodes are killed at random moments and given again: benchmarks/results/interruptions.json says what came of it.

    python benchmarks/interruptions.py [--kills 10]

A still, a clip and a scene that ship with the project, short fits, one thread. Each is first coded without
interruption; then, so many times, the encode is killed with SIGKILL at a random moment of that duration and the same
command is given again until it ends. The files are compared byte by byte.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.run_log import write_result

PROJECT = Path(__file__).resolve().parents[1]
SHORT = ("--lattice.steps", "150", "--lattice.predicted-steps", "30", "--lattice.refine-sweeps", "8")


@dataclass(frozen=True)
class Case:
    """What is coded, and how."""

    name: str
    source: str
    options: tuple[str, ...]


CASES = (
    Case("still", "tests/samples/kodim08_96x64.png", ("--preset", "fast", "--bytes", "900", *SHORT)),
    Case(
        "clip", "tests/samples/park_joy_96x64_6f.y4m",
        ("--preset", "fast", "--bpp", "0.6", "--group-frames", "2", *SHORT),
    ),
    Case(
        "scene", "demo/scene",
        ("--preset", "fast", "--levels", "3", "--schedule.steps", "250", "--schedule.tune-steps", "10",
         "--anchors.first", "1000", "--anchors.limit", "2000"),
    ),
)  # fmt: skip


def start(case: Case, path: Path) -> subprocess.Popen[bytes]:
    """Begin, or go on with, an encode."""
    environment = {**os.environ, "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "lamina", "encode", str(PROJECT / case.source), str(path), *case.options, "--quiet"]
    return subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(case: Case, path: Path) -> float:
    """Encode to the end; seconds.

    Raises:
        RuntimeError: it failed.
    """
    started_s = time.monotonic()
    process = start(case, path)
    _, said = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{case.name}: exit {process.returncode}: {said.decode()}")
    return time.monotonic() - started_s


def killed(case: Case, path: Path, moment_s: float) -> dict[str, Any]:
    """Kill an encode, see what is left, give the command again."""
    process = start(case, path)
    try:
        process.wait(timeout=moment_s)
    except subprocess.TimeoutExpired:
        process.kill()
    process.communicate()
    left = path.with_name(path.name + ".part")
    kept = sorted(item.name for item in left.iterdir()) if left.is_dir() else []
    was_whole = path.exists()
    again_s = 0.0 if was_whole else finish(case, path)
    return {"killed_at_s": round(moment_s, 2), "kept": kept, "was_whole": was_whole, "again_s": round(again_s, 2)}


def main() -> None:
    """All cases; the result is written after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=10)
    kills, moments = parser.parse_args().kills, random.Random(1)
    figures: dict[str, Any] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as name:
            whole = Path(name) / "whole.lam"
            duration_s = finish(case, whole)
            runs: list[dict[str, Any]] = []
            for number in range(kills):
                path = Path(name) / f"{number}.lam"
                run = killed(case, path, moments.uniform(0.02, 0.98) * duration_s)
                run["is_identical"] = path.read_bytes() == whole.read_bytes()
                run["leaves_nothing"] = not path.with_name(path.name + ".part").exists()
                runs.append(run)
                print(case.name, run, flush=True)
        identical = sum(run["is_identical"] for run in runs)
        figures[case.name] = {"uninterrupted_s": round(duration_s, 2), "identical": identical, "runs": runs}
        write_result("interruptions", {"kills": kills}, figures)


if __name__ == "__main__":
    main()
