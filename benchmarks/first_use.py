# SPDX-License-Identifier: Apache-2.0
"""What the first use on a machine costs: seconds of processor time and kernels compiled, with and without kept kernels.

In: nothing but the package and the test samples. Out: benchmarks/results/first_use.json, and a table.

    python -m benchmarks.first_use               # five minutes of one core
    python -m benchmarks.first_use --only decode # rows whose names begin so; nothing is written
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.run_log import write_result

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = PROJECT / "tests" / "samples"
SHORT = ("--preset", "fast", "--lattice.steps", "40", "--lattice.refine_sweeps", "4")
"""Fits of a second or two: what is measured is what comes before them."""
SCENE = PROJECT / "tests" / "conformance" / "scene" / "everything.lam"

RUN = """
import json, sys, time
from pathlib import Path
seconds = {}
from numba.core.event import Listener, register
class Timing(Listener):
    stack = []
    def on_start(self, event):
        self.stack.append([time.process_time(), 0.0])
    def on_end(self, event):
        start, inner = self.stack.pop()
        took = time.process_time() - start
        if self.stack:
            self.stack[-1][1] += took
        function = event.data["dispatcher"].py_func
        if function.__module__.startswith("lamina."):
            name = f"{function.__module__}.{function.__name__}"
            old = seconds.get(name, (0.0, 0))
            seconds[name] = (old[0] + took - inner, old[1] + 1)
register("numba:compile", Timing())
words = json.loads(sys.argv[1])
if words[0] == "rehearse":
    from lamina.media.rehearsal import JOBS
    JOBS[words[1]](Path(words[2]))
elif words[0] == "import":
    __import__(words[1])
else:
    from lamina.cli import main
    assert main(words) == 0
Path(sys.argv[2]).write_text(json.dumps({"cpu_s": time.process_time(), "kernels": seconds}))
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """Rows of the table; later ones read what earlier ones wrote."""
    picture, clip = folder / "picture.lam", folder / "clip.lam"
    (folder / "scene").mkdir()
    return {
        "encode picture": ["encode", str(SAMPLES / "kodim08_96x64.png"), str(picture), *SHORT],
        "encode clip": ["encode", str(SAMPLES / "park_joy_96x64_6f.y4m"), str(clip), *SHORT],
        "encode scene": ["rehearse", "scenes", str(folder / "scene")],
        "decode picture": ["decode", str(picture), str(folder / "out.png")],
        "decode clip": ["decode", str(clip), str(folder / "out.y4m")],
        "render scene": ["render", str(SCENE), "--camera", "orbit", "--frames", "2", "--out", str(folder / "orbit")],
        "import torch": ["import", "torch"],
        "import numba": ["import", "numba"],
    }


def measured(words: list[str], cache: Path, folder: Path) -> dict[str, Any]:
    """One command in a process of its own, on one thread."""
    environment = {
        **os.environ,
        "LAMINA_CACHE_DIR": str(cache),
        "NUMBA_CACHE_DIR": str(cache),
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "PYTHONPATH": str(PROJECT / "src"),
    }
    if words[0] in ("encode", "decode", "render"):
        words = [*words, "--quiet"]
    answer = folder / "answer.json"
    command = [sys.executable, "-c", RUN, json.dumps(words), str(answer)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return json.loads(answer.read_text())


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rows whose names begin so")
    only = parser.parse_args().only
    rows: dict[str, Any] = {}
    by_kernel: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row, words in commands(folder).items():
            needed = row.startswith(only)
            if not needed and words[0] != "encode":
                continue
            cold = measured(words, folder / row.replace(" ", "_"), folder)
            if not needed:
                continue
            warm = measured(_elsewhere(words), folder / row.replace(" ", "_"), folder)
            compiled_s = sum(seconds for seconds, _ in cold["kernels"].values())
            rows[row] = {
                "empty_cache_cpu_s": round(cold["cpu_s"], 2),
                "of_it_compiling_cpu_s": round(compiled_s, 2),
                "kernels": len(cold["kernels"]),
                "signatures": sum(count for _, count in cold["kernels"].values()),
                "warm_cache_cpu_s": round(warm["cpu_s"], 2),
            }
            print(row, rows[row], flush=True)
            for kernel, (seconds, signatures) in cold["kernels"].items():
                entry = by_kernel.setdefault(kernel, {"cpu_s": 0.0, "signatures": 0, "needed_by": []})
                entry["cpu_s"] = round(max(entry["cpu_s"], seconds), 2)
                entry["signatures"] = max(entry["signatures"], signatures)
                entry["needed_by"].append(row)
    if not only:
        slowest_first = dict(sorted(by_kernel.items(), key=lambda item: -item[1]["cpu_s"]))
        figures = {"commands": rows, "kernels": slowest_first}
        print(write_result("first_use", {"threads": 1, "samples": "96x64 picture, 6 frames, 8 views"}, figures))


def _elsewhere(words: list[str]) -> list[str]:
    """The same command with an output of another name: an encode would else find its file."""
    if words[0] != "encode":
        return words
    return [words[0], words[1], words[2].replace(".lam", "_again.lam"), *words[3:]]


if __name__ == "__main__":
    main()
