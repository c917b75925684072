# SPDX-License-Identifier: Apache-2.0
"""Everything Lamina raises on purpose.

LaminaError
├── BitstreamError (ValueError)      the bytes are wrong: truncated, damaged, out of range, from a future version
├── SignalError (ValueError)         a picture, clip or capture is missing, malformed or of a kind we do not read
├── TargetError (ValueError)         a size or quality was asked for that this material cannot reach
├── Interrupted (RuntimeError)       a long job was stopped by its user; the message says what was saved, how to go on
├── WriteError (OSError)             a file cannot be written: full disk, no permission, a missing folder
└── BackendUnavailable (RuntimeError) an optional part is not installed; the message names the command that installs it

A programmer's mistake (wrong shape, wrong type) is a plain ValueError or TypeError.
"""

from __future__ import annotations

from dataclasses import dataclass


class LaminaError(Exception):
    """Root of the tree: `except LaminaError` catches all that Lamina raises on purpose."""


@dataclass
class BitstreamError(LaminaError, ValueError):
    """Bytes from outside do not follow the syntax.

    Attributes:
        problem: what was found and what was expected.
        unit: name of the syntax element or unit, such as ``planar header`` or ``group 0, frame 3, layer 2``.
        field: name of the field within the unit; empty when the whole unit is meant.
        position: byte offset within the unit (or the file, for container fields); -1 when it is not known.
        path: the file, when the reader knows it.
    """

    problem: str
    unit: str = ""
    field: str = ""
    position: int = -1
    path: str = ""

    def __str__(self) -> str:
        place = f"{self.unit}.{self.field}" if self.unit and self.field else self.unit or self.field
        where = f" at byte {self.position}" if self.position >= 0 else ""
        return ": ".join(part for part in (self.path, f"{place}{where}".strip(), self.problem) if part)


class SignalError(LaminaError, ValueError):
    """What should be coded or compared cannot be read; says which file, what was found and what was expected."""


class TargetError(LaminaError, ValueError):
    """A target (bytes, bits per pixel, decibels) is out of reach; says what is reachable."""


class Interrupted(LaminaError, RuntimeError):  # noqa: N818 - it is a request, not an error
    """The user stopped a long job; says what was kept and how to continue."""


class WriteError(LaminaError, OSError):
    """A file cannot be written (full disk, no permission, ...); what was at its place before is untouched."""

    def __str__(self) -> str:
        return self.strerror or super().__str__()


class BackendUnavailable(LaminaError, RuntimeError):  # noqa: N818 - reads as the state that it reports
    """An optional dependency or device is missing; names the command that installs it."""
