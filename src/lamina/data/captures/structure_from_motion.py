# SPDX-License-Identifier: Apache-2.0
"""A folder of photographs without poses enters, a folder that `read_capture` takes leaves: COLMAP's model beside them.

pycolmap works in a process of its own (`reconstruction_process`): it brings its own threads and libraries, may end the
process it runs in, and frees its memory only with it.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lamina.atomic import write_errors
from lamina.codec import Progress
from lamina.data.captures.picture_files import PICTURE_SUFFIXES, picture_files, picture_size
from lamina.errors import BackendUnavailable, SignalError

LEAST_PHOTOGRAPHS = 3
"""Two can be matched, but nothing tells their focal length."""

RECONSTRUCTED_SUFFIXES = PICTURE_SUFFIXES - {".heic", ".heif", ".exr"}
"""Of pictures that pycolmap opens."""

LOG_NAME = "reconstruction.log"
"""Everything that pycolmap said, for when it fails."""

WORK_NAME = ".reconstruction"
"""Features and matches while they are needed."""

STAGES = {"features": (0.0, 0.3), "matches": (0.3, 0.6), "cameras": (0.6, 1.0)}
"""Shares of the whole job, by what a dozen to a hundred photographs took."""

PROGRESS = re.compile(r"\[(\d+)/(\d+)(?:, (\d+)/(\d+))?\]")
"""How pycolmap counts in its log: photographs, or rows and columns of pairs."""

RESULT, STAGE = "lamina-result ", "lamina-stage "
"""Beginnings of the lines that the process writes for us among pycolmap's own."""

LINES_SHOWN = 4
"""Last lines of the log that an error repeats."""


@dataclass(frozen=True)
class Reconstruction:
    """What was found."""

    folder: Path
    """For `read_capture`."""
    registered: int
    """Photographs whose pose was found."""
    photographs: int
    """All that were there."""
    model_count: int
    """Parts that could not be joined; the largest is kept."""
    error_px: float
    """Mean distance of the points' projections from their features."""


def reconstruct(
    folder: str | Path, out_folder: str | Path, *, report: Callable[[Progress], None] | None = None, seed: int = 0
) -> Reconstruction:
    """Find cameras and points of the photographs in `folder`, and write them as ``sparse/0`` under `out_folder`.

    ``images`` there leads to the photographs. Photographs of one size are taken to be of one camera, others of a camera
    each. Up to 150 are matched each with each, more with their neighbours by name.

    Raises:
        BackendUnavailable: pycolmap is not installed.
        SignalError: too few photographs, `out_folder` has a model, or no cameras could be found; says what to do.
        WriteError: `out_folder` cannot be made.
        Interrupted: `report` raised it to stop the work; what was begun is removed.
    """
    if importlib.util.find_spec("pycolmap") is None:
        raise BackendUnavailable("photographs without poses need pycolmap: pip install 'lamina[sfm]'")
    folder, out = Path(folder), Path(out_folder)
    names = _photographs(folder)
    if (out / "sparse").exists() or (out / "images").exists():
        raise SignalError(f"{out}: holds a reconstruction already; read it, remove it, or choose another folder")
    with write_errors(out):
        (out / WORK_NAME).mkdir(parents=True, exist_ok=True)
    one_camera = len({(size.width, size.height) for size in (picture_size(folder / name) for name in names)}) == 1
    request = {"photographs": str(folder.resolve()), "names": names, "one_camera": one_camera, "seed": seed}
    work = out / WORK_NAME
    try:
        (work / "request.json").write_text(json.dumps(request), encoding="utf-8")
        found = run_process(
            "lamina.data.captures.reconstruction_process", work, out / LOG_NAME, report or (lambda _: None)
        )
        if not found or found["registered"] < LEAST_PHOTOGRAPHS:
            raise SignalError(
                f"{folder}: no cameras could be found for {len(names)} photographs; expected sharp pictures of a still "
                f"scene that overlap by more than half, from places apart; see {out / LOG_NAME}"
            )
        (out / "sparse").mkdir()
        (work / "model").rename(out / "sparse" / "0")
        _lead_to(out / "images", folder, names)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Reconstruction(out, found["registered"], len(names), found["models"], found["error_px"])


def _photographs(folder: Path) -> list[str]:
    """Names below the folder, in order.

    Raises:
        SignalError: no folder, or too few photographs.
    """
    if not folder.is_dir():
        raise SignalError(f"{folder}: no such folder; expected photographs")
    found = (path for path in picture_files(folder) if path.suffix.lower() in RECONSTRUCTED_SUFFIXES)
    names = [path.relative_to(folder).as_posix() for path in found]
    if len(names) < LEAST_PHOTOGRAPHS:
        raise SignalError(f"{folder}: {len(names)} photographs; expected at least {LEAST_PHOTOGRAPHS}, better dozens")
    return names


def run_process(module: str, work: Path, log: Path, report: Callable[[Progress], None]) -> dict:
    """Run a module of ours on a folder, pass its progress on, return what it found; empty if it found nothing.

    Raises:
        SignalError: it failed; repeats the last that pycolmap said.
    """
    command = [sys.executable, "-m", module, str(work)]
    last: deque[str] = deque(maxlen=LINES_SHOWN)
    found: dict = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as run:
        try:
            assert run.stdout is not None
            with log.open("w", encoding="utf-8") as file:
                for line in _reported(run.stdout, report):
                    file.write(line)
                    last.append(line.strip())
                    if line.startswith(RESULT):
                        found = json.loads(line.removeprefix(RESULT))
        except BaseException:
            run.kill()
            raise
    if run.returncode != 0:
        how = f"ended by signal {-run.returncode}" if run.returncode < 0 else f"exit status {run.returncode}"
        raise SignalError(f"pycolmap failed ({how}): {' | '.join(last)}; all it said is in {log}")
    return found


def _reported(lines: Iterator[str], report: Callable[[Progress], None]) -> Iterator[str]:
    """The same lines; stages and counts in them are reported."""
    stage = "features"
    for line in lines:
        if line.startswith(STAGE):
            stage = line.removeprefix(STAGE).strip()
            report(Progress(STAGES[stage][0], f"finding {stage}"))
        elif counted := PROGRESS.search(line):
            row, rows, column, columns = (max(int(number or 1), 1) for number in counted.groups())
            start, stop = STAGES[stage]
            share = min(((row - 1) * columns + column) / (rows * columns), 1.0)
            report(Progress(start + (stop - start) * share, f"finding {stage}: {share:.0%}"))
        yield line


def _lead_to(images: Path, folder: Path, names: list[str]) -> None:
    """A link to the photographs; copies where links are not allowed."""
    try:
        images.symlink_to(folder.resolve(), target_is_directory=True)
    except OSError:
        for name in names:
            (images / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, images / name)
