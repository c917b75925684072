# SPDX-License-Identifier: Apache-2.0
"""Encodes killed at random moments, and on a disk that fills up: what comes out, beside an encode left alone.

Enters: a still, a clip and a scene that come with the project. Leaves: a table, and
benchmarks/results/interruptions.json: of each, how often the bytes were the same, and how much longer all runs took.

    python -m benchmarks.interruptions [--kills 10] [--subjects still clip scene] [--full-disk FOLDER]

One `lamina encode` is killed (SIGKILL) and started again until it was killed so often, at moments drawn over the time
that is left of the job, imports included; then it is left alone. One thread each: bytes are promised equal for the same
number of threads. `--full-disk` names a small file system (a tmpfs of a few MB), twice filled up for good: all but
`--room` bytes of it before the encode begins, and all that is left of it before the finished file is written, when its
units are in the journal. The encode fails, and goes on when there is room. `--kills 0` measures that alone.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.result_files import add_figures

PROJECT = Path(__file__).resolve().parents[1]
NAME = "interruptions"
LONGEST_S = 500.0
"""A run that takes longer is an error."""


@dataclass(frozen=True)
class Subject:
    """What is coded, and how."""

    name: str
    source: str
    options: tuple[str, ...]


FILL_AT_THE_END = """
import sys
from pathlib import Path
import lamina.bitstream.journal as journal
from lamina.cli import main
write = journal.write_indexed
def on_a_full_disk(*words, **named):
    with Path(sys.argv.pop(1)).open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return write(*words, **named)
journal.write_indexed = on_a_full_disk
sys.exit(main(sys.argv[2:]))
"""
"""`lamina`, but that the disk is full when the last write begins; the first word is the file that fills it."""

SUBJECTS = (
    Subject("still", "demo/lighthouse.png", ("--preset", "fast", "--psnr", "30")),
    Subject("clip", "tests/samples/park_joy_96x64_6f.y4m", ("--preset", "fast", "--bpp", "0.5", "--group-frames", "2")),
    Subject("scene", "demo/scene", ("--preset", "fast", "--scale", "1/4", "--schedule.steps", "300")),
)


def started(subject: Subject, output: Path, program: tuple[str, ...] = ("-m", "lamina")) -> subprocess.Popen[bytes]:
    """The command, on its way."""
    words = [sys.executable, *program, "encode", str(PROJECT / subject.source), str(output), "--quiet"]
    threads = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": str(PROJECT / "src")}
    return subprocess.Popen(
        [*words, *subject.options], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def left_alone(subject: Subject, output: Path) -> float:
    """Run the command to its end; processor seconds.

    Raises:
        RuntimeError: it failed; says what it said.
    """
    before = spent_s()
    process = started(subject, output)
    _, said = process.communicate(timeout=LONGEST_S)
    if process.returncode:
        raise RuntimeError(f"{subject.name}: exit status {process.returncode}: {said.decode(errors='replace')}")
    return spent_s() - before


def spent_s() -> float:
    """Processor seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def killed(subject: Subject, output: Path, after_s: float) -> bool:
    """Kill the command after so many seconds of processor time; False: it had ended before."""
    process = started(subject, output)
    deadline = time.monotonic() + LONGEST_S
    while process.poll() is None and processor_s(process.pid) < after_s and time.monotonic() < deadline:
        time.sleep(0.01)
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    return was_running


def processor_s(process: int) -> float:
    """Processor seconds of a process that runs (Linux)."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def measure_kills(subject: Subject, kills: int, seed: int, folder: Path) -> dict[str, Any]:
    """An encode killed again and again, beside one left alone."""
    chance = random.Random(f"{subject.name} {seed}")
    alone, cut = folder / "alone.lam", folder / "killed.lam"
    # The first compiles what is not compiled yet; the second is measured, and says that the job repeats itself.
    left_alone(subject, alone)
    first = digest(alone)
    alone.unlink()
    alone_s = left_alone(subject, alone)
    before, moments, same, finished = spent_s(), [], [], 0
    while len(moments) < kills:
        moment = chance.uniform(0.0, alone_s)
        if killed(subject, cut, moment):
            moments.append(round(moment, 2))
        else:
            # It ended sooner, since it had gone on: compare, and begin anew.
            finished += 1
            same.append(digest(cut) == first)
            cut.unlink()
    left_alone(subject, cut)
    same.append(digest(cut) == first)
    return {
        "kills": len(moments),
        "killed_after_s": moments,
        "repeats_itself": digest(alone) == first,
        "files_finished": len(same),
        "files_the_same": sum(same),
        "alone_s": round(alone_s, 1),
        "all_runs_s": round(spent_s() - before, 1),
        "left_behind": sorted(place.name for place in folder.iterdir() if place not in (alone, cut)),
    }


def measure_full_disk(subject: Subject, disk: Path, room_bytes: int, folder: Path) -> dict[str, Any]:
    """Encodes onto a disk that is full from the start, or at the last write, and gone on with when there is room."""
    alone, ballast = folder / "alone.lam", disk / "ballast"
    if not alone.exists():
        left_alone(subject, alone)
    with ballast.open("wb") as file:
        file.write(bytes(max(shutil.disk_usage(disk).free - room_bytes, 0)))
    from_the_start = fail_and_go_on(subject, disk, ("-m", "lamina"), alone)
    at_the_last_write = fail_and_go_on(subject, disk, ("-c", FILL_AT_THE_END, str(ballast)), alone)
    return {
        "file_bytes": alone.stat().st_size,
        "from_the_start": {"room_bytes": room_bytes, **from_the_start},
        "at_the_last_write": at_the_last_write,
    }


def fail_and_go_on(subject: Subject, disk: Path, program: tuple[str, ...], alone: Path) -> dict[str, Any]:
    """An encode that finds no room, and the same command again, with room."""
    output = disk / "full.lam"
    process = started(subject, output, program)
    _, said = process.communicate(timeout=LONGEST_S)
    is_there = output.exists()
    (disk / "ballast").unlink()
    kept = output.with_name(output.name + ".part")
    files = sorted(place.name for place in kept.iterdir()) if kept.is_dir() else []
    again_s = left_alone(subject, output)
    same = digest(output) == digest(alone)
    output.unlink()
    return {
        "exit_status": process.returncode,
        "said": said.decode(errors="replace").strip().splitlines()[-1:],
        "file_is_there": is_there,
        "kept": files,
        "second_run_s": round(again_s, 1),
        "same": same,
        "left_behind": sorted(place.name for place in disk.iterdir()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--subjects", nargs="+", default=[subject.name for subject in SUBJECTS])
    parser.add_argument("--full-disk", type=Path, metavar="FOLDER", help="a small file system")
    parser.add_argument("--room", type=int, default=8192, help="bytes that are left of it")
    options = parser.parse_args()
    settings = {"kills": options.kills, "seed": options.seed, "threads": 1, "times": "processor seconds"}
    for subject in SUBJECTS:
        if subject.name not in options.subjects:
            continue
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            figures = measure_kills(subject, options.kills, options.seed, folder) if options.kills else {}
            if options.full_disk is not None:
                figures["full_disk"] = measure_full_disk(subject, options.full_disk, options.room, folder)
            add_figures(NAME, settings, subject.name, figures)
            print(subject.name, figures, flush=True)


if __name__ == "__main__":
    main()
