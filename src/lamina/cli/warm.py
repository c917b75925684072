# SPDX-License-Identifier: Apache-2.0
"""`lamina warm`: nothing enters; all kernels compiled for this machine leave, so that first uses start at once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lamina.cli.console import counted
from lamina.cli.options import Parser
from lamina.codec import Progress
from lamina.errors import LaminaError, WriteError

EXAMPLES = (
    ("lamina warm", "once after installing, about a minute; later calls have nothing to do"),
    ("LAMINA_CACHE_DIR=/opt/lamina lamina warm", "for all users who have that variable set"),
)

KERNEL_COUNT = 190
"""About so many are compiled where there are none: for the bar, which needs no more."""

WORKERS_AT_MOST = 2
"""Scenes and pictures take as long as each other; a third process would compile again what they share."""

REPORT_INTERVAL_S = 0.2


def parser() -> Parser:
    """What `lamina warm` understands."""
    made = Parser("warm", EXAMPLES)
    made.add_argument("--quiet", action="store_true", help="no progress")
    return made


def run(words: list[str]) -> int:
    """Run the command; the exit status."""
    from lamina.kernel_compiler import kernel_folder

    options = parser().parse_args(words)
    folder = kernel_folder()
    mark, state = folder / f"warm_{_digest(str(_package()))}", _state()
    if _is_marked(mark, state):
        print(f"{folder}: everything is compiled")
        return 0
    _check_writable(folder)
    started_s = time.monotonic()
    count = _compile_all(quiet=options.quiet)
    mark.write_text(state)
    print(f"{folder}: {counted(count, 'kernel')} compiled in {time.monotonic() - started_s:.0f} s")
    return 0


def rehearse(job: str) -> None:
    """Run one job of `lamina.media.rehearsal`, in a process of its own; a line on standard output for each kernel."""
    from lamina.compiled import watched
    from lamina.media.rehearsal import JOBS

    with tempfile.TemporaryDirectory() as folder, watched(lambda compiling: print(compiling.kernel, flush=True)):
        JOBS[job](Path(folder))


def _compile_all(*, quiet: bool) -> int:
    """Run all jobs, each in a process of its own; how many kernels they compiled."""
    from lamina.cli.progress import shown_progress
    from lamina.media.rehearsal import JOBS

    kernels: list[str] = []
    processes: list[subprocess.Popen[str]] = []
    with (
        shown_progress("lamina warm", quiet=quiet) as progress,
        ThreadPoolExecutor(min(WORKERS_AT_MOST, os.cpu_count() or 1)) as pool,
    ):
        jobs = [pool.submit(_run_job, job, kernels, processes) for job in JOBS]
        try:
            while not all(job.done() for job in jobs):
                stage = f"kernel {len(kernels)}, {kernels[-1]}" if kernels else "starting"
                progress(Progress(min(len(kernels) / KERNEL_COUNT, 0.99), stage))
                time.sleep(REPORT_INTERVAL_S)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in processes:
                process.kill()
            raise
        for job in jobs:
            job.result()
    return len(kernels)


def _run_job(job: str, kernels: list[str], processes: list[subprocess.Popen[str]]) -> None:
    """Run one job to its end; names of kernels are appended as they come."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        code = f"from lamina.cli.warm import rehearse; rehearse({job!r})"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            processes.append(process)
            assert process.stdout is not None
            kernels.extend(line.strip() for line in process.stdout)
        if process.returncode:
            errors.seek(0)
            reason = (errors.read().strip().splitlines() or [f"status {process.returncode}"])[-1]
            raise LaminaError(f"compiling for {job} failed: {reason}")


def _package() -> Path:
    """Folder of the sources."""
    return Path(__file__).resolve().parents[1]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _state() -> str:
    """What all kernels depend on: sources, Numba, Python, the processor."""
    from llvmlite import binding
    from numba import __version__ as numba_version

    sources = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_package().rglob("*.py")))).hexdigest()
    features = binding.get_host_cpu_features().flatten()
    return _digest("\n".join([sources, numba_version, sys.version, binding.get_host_cpu_name(), features]))


def _is_marked(mark: Path, state: str) -> bool:
    """Whether all was compiled before, from the same sources on the same processor."""
    try:
        return mark.read_text() == state
    except OSError:
        return False


def _check_writable(folder: Path) -> None:
    """Refuse before a minute is spent.

    Raises:
        WriteError: nothing can be kept there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        message = f"{folder}: {error.strerror}; set LAMINA_CACHE_DIR to a folder that can be written"
        raise WriteError(error.errno, message) from error
