# SPDX-License-Identifier: Apache-2.0
"""A path enters, an open container of libav leaves: the one place where libav is told a name.

libav reads names as addresses: "12:30.mp4" has a protocol "12", "shot%03d.png" is a sequence. A ``file:`` before an
absolute path says that it is a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer


def libav_name(path: Path) -> str:
    """What libav must be told to open the file at a path and nothing else."""
    return f"file:{path.absolute()}"


def open_input(path: Path, demuxer: str | None = None) -> InputContainer:
    """For reading, of any kind or as one `demuxer` has it; other files that it names are read only if they are files.

    Raises:
        av.error.FFmpegError: not of a kind that libav reads.
        OSError: it cannot be opened.
    """
    import av

    return av.open(libav_name(path), format=demuxer, options={"protocol_whitelist": "file"})


def open_output(path: Path, muxer: str, options: dict[str, str] | None = None) -> OutputContainer:
    """For writing, as a `muxer` with these options has it.

    Raises:
        OSError: the place is not writable.
    """
    import av

    return av.open(libav_name(path), "w", format=muxer, options=options or {})
