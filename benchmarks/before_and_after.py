# SPDX-License-Identifier: Apache-2.0
"""Two checkouts code the same sources, in turns: benchmarks/results/before_and_after.json says what changed.

    git worktree add ../before 496ef52
    python benchmarks/before_and_after.py --before ../before --data ../shared/data --rounds 2

A still, a clip and a scene are encoded and decoded by both, interleaved, one thread each. Times are processor seconds
of the whole process, imports included, so that other work on the machine counts little; ratios are of the sums over
rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.run_log import write_result

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Case:
    """A source, how it is read, what is asked of it, and how it is shown."""

    name: str
    source: str
    reading: tuple[str, ...]
    choices: tuple[str, ...]
    shown: tuple[str, ...]
    """Verb, options, and the name of what comes out."""


CASES = (
    Case("kodim08", "images/kodak/kodim08.png", (), ("--bpp", "0.42", "--preset", "fast"), ("decode", "out.png")),
    Case(
        "akiyo", "clips/akiyo_cif.mp4", ("--frames", "0:30"), ("--bpp", "0.03", "--preset", "fast"),
        ("decode", "out.y4m"),
    ),
    Case(
        "bonsai", "static/mipnerf360_bonsai_800", ("--scale", "1/2"),
        ("--preset", "fast", "--lambda", "0.004", "--schedule.steps", "1000"),
        ("render", "--camera", "test", "--out", "views"),
    ),
)  # fmt: skip


def run(tree: Path, words: list[str], folder: Path) -> tuple[float, str]:
    """Run a command of a checkout; processor seconds, and what it said."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree / "src"),
        "NUMBA_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "lamina", *words, "--quiet"], cwd=folder, env=environment, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def measured(tree: Path, case: Case, data: Path) -> dict[str, float]:
    """Encode, decode and compare once."""
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), str((data / case.source).resolve())
        encode_s, _ = run(tree, ["encode", source, "a.lam", *case.reading, *case.choices], folder)
        verb, *rest = case.shown
        decode_s, _ = run(tree, [verb, "a.lam", *rest], folder)
        scale = () if "--scale" in case.reading else case.reading
        _, text = run(tree, ["compare", "a.lam", source, *scale, "--json"], folder)
        top = levels_of(json.loads(text))[-1]
        size_bytes = (folder / "a.lam").stat().st_size
        return {"size_bytes": size_bytes, "psnr_db": top["psnr"], "encode_cpu_s": encode_s, "decode_cpu_s": decode_s}


def levels_of(said: Any) -> list[dict[str, Any]]:
    """Of what `lamina compare --json` says."""
    return said["levels"] if isinstance(said, dict) else said


def main() -> None:
    """Measure all cases in turns, and write after each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--before", type=Path, required=True, help="the other checkout")
    parser.add_argument("--data", type=Path, required=True, help="folder of the development data")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    trees = {"before": options.before.resolve(), "after": PROJECT}
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number in range(options.rounds):
        for case in CASES:
            own = found.setdefault(case.name, {"before": [], "after": []})
            for side in ("before", "after") if number % 2 == 0 else ("after", "before"):
                own[side].append(measured(trees[side], case, options.data))
                print(case.name, side, own[side][-1], flush=True)
            write_result(
                "before_and_after", {"rounds": number + 1}, {name: with_ratios(runs) for name, runs in found.items()}
            )


def with_ratios(runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """The runs of a case, and after over before of the sums of each figure."""
    count = min(map(len, runs.values()))
    total = {side: {name: sum(run[name] for run in of[:count]) for name in of[0]} for side, of in runs.items()}
    return {**runs, "ratio": {name: total["after"][name] / total["before"][name] for name in total["before"]}}


if __name__ == "__main__":
    main()
