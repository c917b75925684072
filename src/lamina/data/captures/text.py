# SPDX-License-Identifier: Apache-2.0
"""Text and JSON of other tools enter: a file that is none, or absurdly large, is one clear error."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from lamina.errors import SignalError

SIZE_LIMIT_BYTES = 1 << 30
"""A city of a hundred thousand photographs with its points; more is no such file."""


def read_text(path: Path) -> str:
    """All of a file; a byte order mark, which Windows' programs write, is left out.

    Raises:
        SignalError: missing, no text, or too large.
    """
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise SignalError(f"{path}: {path.stat().st_size} bytes; expected at most {SIZE_LIMIT_BYTES}")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SignalError(f"{path}: cannot be read as text: {error}") from error


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        SignalError: missing, or no JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        if isinstance(error, SignalError):
            raise
        raise SignalError(f"{path}: not JSON: {error}") from error


def number_of(value: Any, place: str) -> float:
    """A finite number, also one written as text.

    Raises:
        SignalError: with `place` in front.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise SignalError(f"{place}: expected a number, got {value!r:.40}")
    return number
