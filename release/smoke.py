# SPDX-License-Identifier: Apache-2.0
"""A wheel and a source distribution enter; an error leaves if what a user does first does not work with them.

    python release/smoke.py dist [--python python3.12]

A fresh virtual environment outside of the repository, the wheel and its dependencies as `constraints.txt` pins them; a
picture of the source distribution is coded, cut, decoded and opened from Python; then some of its tests, against the
installed wheel. Needs a package index, and nothing of this environment but Python.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SAMPLE: Final = "tests/samples/kodim08_96x64.png"
TEST_TOOLS: Final = ("pytest", "pytest-timeout", "hypothesis", "beartype")
TESTS: Final = ("tests/bitstream", "tests/conformance/test_container_conformance.py", "tests/cli/test_cold_start.py")
"""Seconds each, and between them: declared syntax, files, pinned bytes, the installed command."""
MOST_SECONDS_OF_VERSION: Final = 1.0
"""`lamina --version` imports no torch, which alone would take longer."""
IN_PYTHON: Final = """
import sys, pathlib, lamina
assert pathlib.Path(lamina.__file__).is_relative_to(sys.prefix), lamina.__file__
assert (pathlib.Path(lamina.__file__).parent / "py.typed").is_file()
with lamina.open("photo.lam") as media:
    assert media.level_count > 1 and media.decode(level=0).shape == (64, 96, 3)
    assert media.decode(size=(192, 128)).shape == (128, 192, 3)
print(lamina.__version__)
"""


@dataclass(frozen=True)
class Place:
    """A fresh environment and a folder to work in."""

    folder: Path

    @property
    def programs(self) -> Path:
        """Where its commands are."""
        return self.folder / "venv" / ("Scripts" if os.name == "nt" else "bin")

    def run(self, *command: str | Path, status: int = 0, cwd: Path | None = None) -> str:
        """Run one command, say how long it took; what it printed."""
        variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        variables |= {
            "PYTHONNOUSERSITE": "1",
            "LAMINA_CACHE_DIR": str(self.folder / "kernels"),
            "PATH": f"{self.programs}{os.pathsep}{variables['PATH']}",
        }
        began = time.monotonic()
        done = subprocess.run(
            [str(self.programs / command[0]), *map(str, command[1:])],
            cwd=cwd or self.folder,
            env=variables,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        shown = " ".join(map(str, command)) if "\n" not in str(command[-1]) else f"{command[0]} -c ..."
        print(f"{time.monotonic() - began:6.1f} s  {shown.replace(str(self.folder), '.')}", flush=True)
        if done.returncode != status:
            raise SystemExit(f"{done.stdout}\nexit status {done.returncode}, expected {status}")
        return done.stdout


def main() -> int:
    """Try the distributions in the folder that the command line names; the exit status."""
    parser = argparse.ArgumentParser(description="Try a wheel and a source distribution where nothing else is.")
    parser.add_argument("folder", type=Path, help="holds one .whl and one .tar.gz")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the fresh environment")
    asked = parser.parse_args()
    (wheel,), (source,) = asked.folder.resolve().glob("*.whl"), asked.folder.resolve().glob("*.tar.gz")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lamina-smoke-") as name:
        place = Place(Path(name).resolve())
        with tarfile.open(source) as archive:
            archive.extractall(place.folder, filter="data")
        unpacked = place.folder / source.name.removesuffix(".tar.gz")
        subprocess.run([asked.python, "-m", "venv", place.folder / "venv"], check=True)
        install(place, unpacked, wheel)
        try_commands(place, unpacked, version=wheel.name.split("-")[1])
        try_tests(place, unpacked)
    print(f"{time.monotonic() - began:6.1f} s  in all: installed, coded, tested in a clean environment")
    return 0


def install(place: Place, unpacked: Path, *what: Path | str) -> None:
    """Install into the fresh environment, at the versions that are tested."""
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")  # torch alone has thousands of files
    place.run("python", "-m", "pip", "install", *quiet, "-c", unpacked / "constraints.txt", *what)


def try_commands(place: Place, unpacked: Path, version: str) -> None:
    """What the README shows first."""
    place.run("python", "-m", "pip", "check")
    place.run("lamina", "--version")  # the first start also writes bytecode
    began = time.monotonic()
    said = place.run("lamina", "--version").strip()
    seconds = time.monotonic() - began
    expect(said == f"lamina {version}", f"lamina --version says {said!r}, the wheel is of {version}")
    expect(seconds < MOST_SECONDS_OF_VERSION, f"lamina --version took {seconds:.1f} s: what does it import?")
    sample = unpacked / SAMPLE
    place.run("lamina", "encode", sample, "photo.lam", "--preset", "fast")
    expect("level" in place.run("lamina", "info", "photo.lam"), "lamina info names no level")
    place.run("lamina", "decode", "photo.lam", "photo.png")
    place.run("lamina", "cut", "photo.lam", "small.lam", "--level", "0")
    place.run("lamina", "decode", "small.lam", "small.png")
    place.run("lamina", "compare", "photo.lam", sample)
    expect(bool(place.run("lamina", "digest", "photo.lam").strip()), "lamina digest says nothing")
    sizes = [(place.folder / name).stat().st_size for name in ("small.lam", "photo.lam")]
    expect(0 < sizes[0] < sizes[1], f"cutting a level off gave {sizes[0]} of {sizes[1]} bytes")
    expect(place.run("python", "-c", IN_PYTHON).strip() == version, "lamina.__version__ is not the wheel's")
    refused = place.run("lamina", "info", sample, status=1).strip()
    expect(len(refused.splitlines()) == 1, f"bad input is not refused in one line:\n{refused}")


def try_tests(place: Place, unpacked: Path) -> None:
    """Some of the source distribution's tests, against the installed wheel."""
    install(place, unpacked, *TEST_TOOLS)
    (unpacked / "src").rename(place.folder / "sources put away")
    said = place.run("python", "-m", "pytest", "-m", "not data", *TESTS, cwd=unpacked)
    print(said.strip().splitlines()[-1])


def expect(is_so: bool, otherwise: str) -> None:
    """Leave with an error unless something is so."""
    if not is_so:
        raise SystemExit(otherwise)


if __name__ == "__main__":
    sys.exit(main())
