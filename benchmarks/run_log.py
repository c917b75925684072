# SPDX-License-Identifier: Apache-2.0
"""Figures of a benchmark enter; benchmarks/results/<name>.json leaves, with what is needed to measure them again.

write_result("entropy_speed", {"symbols": 2_000_000}, {"encode_msym_s": 250.0})
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "numba", "torch", "pillow", "av")
"""Whose versions change figures."""


def write_result(name: str, settings: Mapping[str, Any], figures: Mapping[str, Any] | list[Any]) -> Path:
    """Write one result, replacing the last of that name; returns the file.

    Commit, date, machine and command line are added. Values that JSON has no word for are written as text.
    """
    RESULTS.mkdir(exist_ok=True)
    record = {
        "name": name,
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command(),
        "machine": machine(),
        "settings": dict(settings),
        "figures": figures,
    }
    path = RESULTS / f"{name}.json"
    temporary = path.with_suffix(".json.partial")
    temporary.write_text(json.dumps(record, indent=1, default=str) + "\n")
    temporary.replace(path)
    return path


def command() -> str:
    """What was typed, from the project's folder; of paths elsewhere, which say nothing to others, the last name."""
    script = Path(sys.argv[0]).resolve()
    project = Path(__file__).resolve().parents[1]
    name = script.relative_to(project).as_posix() if script.is_relative_to(project) else script.name
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return " ".join(["python", name, *words])


def commit() -> str:
    """Short hash of the checkout, with ``+changes`` where tracked files differ from it; ``unknown`` without git."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            ["git", "diff", "--quiet", "HEAD", "--", "src", "benchmarks/*.py"], cwd=here.parent, check=False
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changed.returncode else "")


def machine() -> dict[str, Any]:
    """Processor, graphics processor where there is one, cores that this process may use, system, versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    gpu = {"gpu": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}
    return {
        "cpu": _cpu_model(),
        **gpu,
        "cores_used_at_most": cores,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def _cpu_model() -> str:
    """Name of the processor and, on Linux, its family and model numbers: virtual machines hide the name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    facts = dict(line.split(":", 1) for line in lines[:30] if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    return f"{facts.get('model name', 'unknown')} (family {facts.get('cpu family')}, model {facts.get('model')})"
