# SPDX-License-Identifier: Apache-2.0
"""A wheel and a source distribution enter; an error leaves if one lacks a file, or holds one that it should not.

    python release/check.py dist

The wheel holds the package's files, LICENSE and NOTICE, and nothing else. The source distribution holds every file of
the repository, but for what only the repository needs. Needs git, and the files that they were built from.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).resolve().parents[1]
REPOSITORY_ONLY: Final = (".ci/", ".git")
"""What is of no use outside of the repository: what its checks run, what git ignores."""
MADE: Final = ("PKG-INFO", "setup.cfg", "src/lamina.egg-info/")
"""What the build adds to a source distribution."""
LEGAL: Final = {"licenses/LICENSE", "licenses/NOTICE"}
METADATA: Final = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt"} | LEGAL
MOST_WHEEL_BYTES: Final = 10_000_000
MOST_SOURCE_BYTES: Final = 21_000_000
"""Far above what they have: a clip or a fit that slipped in is found, a new module is not."""


def main() -> int:
    """Check the folder that the command line names; the exit status."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    wheels, sources = sorted(folder.glob("*.whl")), sorted(folder.glob("*.tar.gz"))
    if len(wheels) != 1 or len(sources) != 1:
        print(f"{folder}: expected one .whl and one .tar.gz, found {len(wheels)} and {len(sources)}; make package")
        return 1
    faults = [*wheel_faults(wheels[0]), *source_faults(sources[0])]
    for fault in faults:
        print(fault)
    if not faults:
        sizes = ", ".join(f"{path.name} {path.stat().st_size / 1000:.0f} kB" for path in (*wheels, *sources))
        print(f"distributions are complete: {sizes}")
    return 1 if faults else 0


def repository_files() -> set[str]:
    """Every file that git knows or would add, as paths from the root."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name and (REPOSITORY / name).is_file()}


def wheel_faults(wheel: Path) -> list[str]:
    """What is wrong with a wheel."""
    package = {name.removeprefix("src/") for name in repository_files() if name.startswith("src/lamina/")}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        records = {name for name in names if name.split("/")[0].endswith(".dist-info")}
        metadata = next((name for name in records if name.endswith("/METADATA")), None)
        said = Parser().parsestr(archive.read(metadata).decode("utf-8")) if metadata else {}
    faults = differences(wheel, package, names - records)
    faults += differences(wheel, METADATA, {name.split("/", 1)[1] for name in records})
    if said.get("Version") != wheel.name.split("-")[1]:
        faults.append(f"{wheel.name}: its metadata says version {said.get('Version')}")
    return faults + too_large(wheel, MOST_WHEEL_BYTES)


def source_faults(source: Path) -> list[str]:
    """What is wrong with a source distribution."""
    expected = {name for name in repository_files() if not name.startswith(REPOSITORY_ONLY)}
    with tarfile.open(source) as archive:
        names = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    found = {name for name in names if not name.startswith(MADE)}
    return differences(source, expected, found) + too_large(source, MOST_SOURCE_BYTES)


def differences(path: Path, expected: set[str], found: set[str]) -> list[str]:
    """Each file that is missing or too many, in a line."""
    return [
        *(f"{path.name}: {name} is missing" for name in sorted(expected - found)),
        *(f"{path.name}: {name} should not be in it" for name in sorted(found - expected)),
    ]


def too_large(path: Path, most: int) -> list[str]:
    """A line if a file is larger than it may be."""
    size = path.stat().st_size
    return [f"{path.name}: {size:,} bytes, expected {most:,} at most: what is in it?"] if size > most else []


if __name__ == "__main__":
    sys.exit(main())
