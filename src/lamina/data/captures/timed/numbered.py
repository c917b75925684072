# SPDX-License-Identifier: Apache-2.0
"""Files with numbers in their names enter; which file is which frame leaves, or what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lamina.data.captures.picture_files import PICTURE_SUFFIXES
from lamina.data.captures.timed.capture import check_range
from lamina.errors import SignalError

LAST_NUMBER = re.compile(r"(?P<prefix>.*?)(?P<number>\d+)(?P<rest>\D*)", re.DOTALL)

MOST_DIGITS = 18
"""Longer numbers are hashes, not frames."""

Found = Mapping[str, Mapping[int, Path]]
"""Camera -> number in the source -> its picture."""


@dataclass(frozen=True)
class NamePattern:
    """How the names of a sequence are made: text, a number with leading zeros, text."""

    prefix: str
    digits: int
    suffix: str

    def name(self, number: int) -> str:
        """Of the file with this number."""
        return f"{self.prefix}{number:0{self.digits}d}{self.suffix}"


@dataclass(frozen=True)
class Frames:
    """Which numbers of the source are frames: the first, and every so many after it."""

    first: int
    step: int
    count: int

    def number(self, frame: int) -> int:
        """In the source."""
        return self.first + frame * self.step


def pattern_of(name: str) -> tuple[NamePattern, int] | None:
    """The pattern that a name follows, and its number: the last one before the suffix. None: it has no number."""
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    match = LAST_NUMBER.fullmatch(stem)
    if match is None or len(match["number"]) > MOST_DIGITS:
        return None
    return NamePattern(match["prefix"], len(match["number"]), f"{match['rest']}{dot}{suffix}"), int(match["number"])


def numbered_pictures(folder: Path) -> dict[int, Path]:
    """Pictures of a folder by the numbers in their names; those without a number are left out.

    Raises:
        SignalError: two pictures have the same number.
    """
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        parsed = pattern_of(path.name)
        if parsed is None or path.suffix.lower() not in PICTURE_SUFFIXES or path.name.startswith("."):
            continue
        number = parsed[1]
        if number in found:
            raise SignalError(
                f"{folder}: {found[number].name} and {path.name} are both picture {number}; expected one a frame: "
                f"keep one kind in the folder"
            )
        found[number] = path
    return found


def common_frames(
    found: Found,
    expected: Callable[[str, int], Path],
    wanted: tuple[int, int | None] | None,
    root: Path,
    notes: list[str],
) -> Frames:
    """The frames that all cameras have. `expected`: the file that should be there; `wanted`: the range asked for.

    Raises:
        SignalError: no pictures, some are missing in the middle, or cameras are of different lengths and no range says
            how many frames to take.
    """
    numbers = sorted({number for pictures in found.values() for number in pictures})
    if not numbers:
        raise SignalError(f"{root}: no pictures of any camera; expected {expected(next(iter(found)), 0)} and so on")
    step = min((after - before for before, after in pairwise(numbers)), default=1)
    odd = next((number for number in numbers if (number - numbers[0]) % step), None)
    if odd is not None:
        raise SignalError(
            f"{root}: pictures are numbered {numbers[0]}, {numbers[0] + step}, ..., but {odd} is between them; "
            f"expected one step between all frames"
        )
    frames = Frames(numbers[0], step, (numbers[-1] - numbers[0]) // step + 1)
    counts = {name: (max(pictures) - numbers[0]) // step + 1 if pictures else 0 for name, pictures in found.items()}
    start, stop = wanted or (0, None)
    for name, pictures in found.items():
        for frame in range(start, counts[name] if stop is None else min(stop, counts[name])):
            if frames.number(frame) not in pictures:
                raise SignalError(
                    f"{expected(name, frames.number(frame))}: missing: frame {frame} of camera {name}, which has later "
                    f"ones up to {counts[name] - 1}; expected every frame, or a range without it: --frames A:B"
                )
    return Frames(frames.first, step, shared_length(counts, wanted, root, notes))


def shared_length(
    counts: Mapping[str, int], wanted: tuple[int, int | None] | None, root: Path, notes: list[str]
) -> int:
    """How many frames all cameras have; `wanted` is the range asked for.

    Raises:
        SignalError: they are of different lengths, and no range that all have was asked for; or the range is not there.
    """
    stop = wanted[1] if wanted else None
    shortest, longest = min(counts, key=lambda name: counts[name]), max(counts, key=lambda name: counts[name])
    count = counts[shortest]
    if count == counts[longest]:
        check_range(str(root), wanted or (0, None), count)
        return count
    lengths = f"camera {shortest} has {count} frames, camera {longest} has {counts[longest]}"
    if stop is None or stop > count:
        remedy = f"take what all have with --frames 0:{count}" if count else f"remove camera {shortest}"
        raise SignalError(f"{root}: cameras of different lengths: {lengths}; expected one length, or {remedy}")
    notes.append(f"cameras of different lengths: {lengths}; frames up to {stop - 1} are taken")
    return count
