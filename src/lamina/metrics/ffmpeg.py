# SPDX-License-Identifier: Apache-2.0
"""The name of a filter enters, the path of an ffmpeg that has it leaves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from lamina.errors import BackendUnavailable

INSTALL_COMMAND = "pip install imageio-ffmpeg"
PROBE_TIMEOUT_S = 30


def find_ffmpeg(filter_name: str | None = None) -> Path:
    """The first of $LAMINA_FFMPEG, imageio-ffmpeg's binary, and ffmpeg on the PATH that runs and has the filter.

    Raises:
        BackendUnavailable: there is none; names what was tried and the command that installs one.
    """
    tried: list[str] = []
    for candidate in _candidates():
        filters = _filters(candidate)
        if filters is not None and (filter_name is None or filter_name in filters):
            return candidate
        tried.append(f"{candidate} ({'does not run' if filters is None else f'has no {filter_name}'})")
    wanted = f"an ffmpeg with {filter_name}" if filter_name else "ffmpeg"
    found = f"tried {', '.join(tried)}" if tried else "found none"
    raise BackendUnavailable(f"{wanted} is needed; {found}; {INSTALL_COMMAND}, or set LAMINA_FFMPEG to its path")


def _candidates() -> Iterator[Path]:
    if chosen := os.environ.get("LAMINA_FFMPEG"):
        yield Path(chosen)
    try:
        import imageio_ffmpeg

        yield Path(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        pass
    if on_path := shutil.which("ffmpeg"):
        yield Path(on_path)


def _filters(ffmpeg: Path) -> set[str] | None:
    """Names of the filters that this binary has; None if it does not run."""
    try:
        listing = subprocess.run(
            [str(ffmpeg), "-hide_banner", "-filters"],
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return set(re.findall(r"^ [T.][S.][C.]? *(\w+) ", listing.stdout, re.MULTILINE))
