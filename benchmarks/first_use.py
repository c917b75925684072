# SPDX-License-Identifier: Apache-2.0
"""What starting costs: processor seconds of commands in a process of their own, with and without kept kernels.

In: the package, its test samples and its demonstration's scene; maybe another checkout, measured in turns with this
one. Out: benchmarks/results/first_use.json, and a table.

    python -m benchmarks.first_use                    # ten minutes of one core
    python -m benchmarks.first_use --before ../before # both checkouts: git worktree add ../before 496ef52
    python -m benchmarks.first_use --only decode      # rows whose names begin so; nothing is written

A command runs first with an empty folder of kernels: what is compiled, and how long that takes, is seen from within.
Then it runs again, `--rounds` times, as on any other day; the least counts, as other work on the machine only adds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.run_log import write_result
from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
SAMPLES = PROJECT / "tests" / "samples"
CLIP = SAMPLES / "park_joy_96x64_6f.y4m"
LONG_FRAMES = 300
SHORT = ("--preset", "fast", "--lattice.steps", "40", "--lattice.refine_sweeps", "4")
"""Fits of a second or two: what is measured is what comes before them."""
SHORTEST = ("--preset", "fast", "--lattice.steps", "10", "--lattice.refine_sweeps", "1")
"""For the clip of 300 frames, of which only the shape counts."""
SHORT_SCENE = ("--preset", "fast", "--scale", "1/4", "--schedule.steps", "40", "--schedule.tune_steps", "5")

MAKERS = ("long clip", "tiny picture")
"""Rows whose files later rows read, and which are not measured."""

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
if words[0] == "import":
    __import__(words[1])
else:
    from lamina.cli import main
    assert main(words) == 0
answer = {"cpu_s": time.process_time(), "kernels": seconds, "torch": "torch" in sys.modules}
Path(sys.argv[2]).write_text(json.dumps(answer))
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """Rows of the table; later ones read what earlier ones wrote."""
    picture, clip, scene = folder / "picture.lam", folder / "clip.lam", folder / "scene.lam"
    long, tiny = folder / "long.lam", folder / "tiny.lam"
    return {
        "encode picture": ["encode", str(SAMPLES / "kodim08_96x64.png"), str(picture), *SHORT],
        "encode clip": ["encode", str(CLIP), str(clip), *SHORT],
        "encode scene": ["encode", str(PROJECT / "demo" / "scene"), str(scene), *SHORT_SCENE],
        "long clip": ["encode", str(long_clip(folder)), str(long), *SHORTEST],
        "tiny picture": ["encode", str(tiny_picture(folder)), str(tiny), *SHORT, "--layers", "1"],
        "decode tiny picture": ["decode", str(tiny), str(folder / "tiny_out.png")],
        "decode picture": ["decode", str(picture), str(folder / "out.png")],
        "decode clip": ["decode", str(clip), str(folder / "out.y4m")],
        "decode first of 300 frames": ["decode", str(long), str(folder / "first.png"), "--frames", "0"],
        "render scene": ["render", str(scene), "--camera", "orbit", "--frames", "2", "--out", str(folder / "orbit")],
        "info of 300 frames": ["info", str(long)],
        "import torch": ["import", "torch"],
        "import numba": ["import", "numba"],
    }


def long_clip(folder: Path) -> Path:
    """The sample's frames forth and back until there are 300."""
    path = folder / "long.y4m"
    header, *frames = CLIP.read_bytes().split(b"FRAME\n")
    order = [*frames, *frames[-2:0:-1]]
    path.write_bytes(header + b"".join(b"FRAME\n" + order[number % len(order)] for number in range(LONG_FRAMES)))
    return path


def tiny_picture(folder: Path) -> Path:
    """One color, 16 by 16: as small as files get."""
    path = folder / "tiny.png"
    Image.fromarray(np.full((16, 16, 3), (200, 90, 40), np.uint8)).save(path)
    return path


def measured(tree: Path, words: list[str], cache: Path, folder: Path) -> dict[str, Any]:
    """One command in a process of its own, on one thread."""
    environment = {
        **os.environ,
        "LAMINA_CACHE_DIR": str(cache),
        "NUMBA_CACHE_DIR": str(cache),
        "OMP_NUM_THREADS": "1",
        "NUMBA_NUM_THREADS": "1",
        "PYTHONPATH": str(tree / "src"),
    }
    if words[0] in ("encode", "decode", "render"):
        words = [*words, "--quiet"]
    answer = folder / "answer.json"
    command = [sys.executable, "-c", RUN, json.dumps(words), str(answer)]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return json.loads(answer.read_text())


def measure_row(row: str, tree: Path, words: list[str], folder: Path, rounds: int) -> dict[str, Any]:
    """One row: cold, then warm; its kernels are under `compiled`."""
    cache = folder / row.replace(" ", "_")
    cold = measured(tree, words, cache, folder)
    warm = []
    for number in range(rounds):
        warm.append(measured(tree, _elsewhere(words, number), cache, folder))
    shutil.rmtree(cache, ignore_errors=True)
    return {
        "empty_cache_cpu_s": round(cold["cpu_s"], 2),
        "of_it_compiling_cpu_s": round(sum(seconds for seconds, _ in cold["kernels"].values()), 2),
        "kernels": len(cold["kernels"]),
        "signatures": sum(count for _, count in cold["kernels"].values()),
        "warm_cache_cpu_s": round(min(one["cpu_s"] for one in warm), 2),
        "imports_torch": warm[-1]["torch"],
        "compiled": cold["kernels"],
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows whose names begin so")
    parser.add_argument("--before", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=3, help="with kept kernels")
    options = parser.parse_args()
    trees = {"after": PROJECT} | ({"before": options.before.resolve()} if options.before is not None else {})
    rows: dict[str, dict[str, Any]] = {}
    by_kernel: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as name:
        work = {side: Path(name) / side for side in trees}
        for folder in work.values():
            folder.mkdir()
        words_of = {side: commands(folder) for side, folder in work.items()}
        for row in words_of["after"]:
            for side, tree in trees.items():
                folder, words = work[side], words_of[side][row]
                if row in MAKERS or (not row.startswith(options.only) and words[0] == "encode"):
                    # Its own kernels, or else what is measured later would find them compiled.
                    measured(tree, words, Path(name) / "others" / side, folder)
                    continue
                if not row.startswith(options.only):
                    continue
                found = measure_row(row, tree, words, folder, options.rounds)
                compiled = found.pop("compiled")
                if row == "decode tiny picture":
                    found["file_bytes"] = (folder / "tiny.lam").stat().st_size
                rows.setdefault(row, {})[side] = found
                print(row, side, found, flush=True)
                if side == "after":
                    _note_kernels(by_kernel, compiled, row)
    if not options.only:
        slowest_first = dict(sorted(by_kernel.items(), key=lambda item: -item[1]["cpu_s"]))
        settings = {
            "threads": 1,
            "times": "processor seconds of the process, imports included",
            "samples": "96x64 picture; 6 and 300 frames; 35 views of 80x60",
            "before": _commit_of(options.before) if options.before is not None else None,
            "rounds": options.rounds,
        }
        print(write_result("first_use", settings, {"commands": rows, "kernels": slowest_first}))


def _note_kernels(by_kernel: dict[str, dict[str, Any]], compiled: dict[str, Any], row: str) -> None:
    for kernel, (seconds, signatures) in compiled.items():
        entry = by_kernel.setdefault(kernel, {"cpu_s": 0.0, "signatures": 0, "needed_by": []})
        entry["cpu_s"] = round(max(entry["cpu_s"], seconds), 2)
        entry["signatures"] = max(entry["signatures"], signatures)
        entry["needed_by"].append(row)


def _commit_of(tree: Path) -> str:
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    return subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout.strip()


def _elsewhere(words: list[str], number: int) -> list[str]:
    """The same command with an output of another name: an encode would else find its file."""
    if words[0] != "encode":
        return words
    return [words[0], words[1], words[2].replace(".lam", f"_{number}.lam"), *words[3:]]


if __name__ == "__main__":
    main()
