# SPDX-License-Identifier: Apache-2.0
r"""Names of pictures, as a reconstruction has them, and the files that are there enter; a file for each name leaves.

By name alone: what comes in the same order need not be the same. In this order, each file once:

    the path as it is                       cam0/IMG_1.jpg
    without suffix                          cam0/IMG_1.png
    letters of another case                 cam0/img_1.JPG
    the longest end of the path that fits   C:\shoot\cam0\IMG_1.jpg; IMG_1.jpg where files lie flat

An end fits if it is of one file and of one name: frames of two cameras that are called alike are not told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.data.captures.picture_files import PICTURE_SUFFIXES, picture_files
from lamina.data.kinds import RAW_SUFFIXES
from lamina.errors import SignalError

SHOWN_NAMES = 3
"""So many missing pictures are named."""

MOST_PARTS = 32
"""Of a path's end that are compared: longer paths are nobody's."""

LEAST_FOUND = 2
"""Fewer pictures are no capture."""

Key = tuple[str, ...]
"""Parts of a path."""


class PicturesMissing(SignalError):  # noqa: N818 - it says what was found
    """Hardly any of the pictures that a reconstruction names are there."""


@dataclass(frozen=True)
class Pairing:
    """Which file is whose."""

    files: tuple[Path | None, ...]
    """Of each name, in order; None: it is missing."""
    by_end: int = 0
    """How many were found by the end of their path alone."""
    example: str = ""
    """One of these: name and file."""
    by_order: str = ""
    """Why files belong to names by their order, where they do."""

    def notes(self, names: Sequence[str]) -> list[str]:
        """What was skipped and how others were found, for people."""
        notes: list[str] = []
        missing = [name for name, file in zip(names, self.files, strict=True) if file is None]
        if missing:
            notes.append(f"{len(missing)} of {len(names)} pictures are missing: {shown(missing)}: skipped")
        if self.by_end:
            notes.append(
                f"{self.by_end} of {len(names)} pictures were found by the end of their names ({self.example})"
            )
        if self.by_order:
            notes.append(f"{self.by_order}: paired with it by order")
        return notes


def find_pictures(names: Sequence[str], folders: Sequence[Path], place: Path) -> tuple[Path, Pairing]:
    """The first of `folders` with any of these pictures, and which file there is whose.

    Raises:
        PicturesMissing: hardly any is found; says which, and where they were looked for. `place`: where names are from.
    """
    most: tuple[Path, Pairing] | None = None
    for folder in folders:
        pairing = pair(names, folder)
        count = sum(file is not None for file in pairing.files)
        if count >= LEAST_FOUND:
            return folder, pairing
        if count and most is None:
            most = folder, pairing
    missing = [name for number, name in enumerate(names) if most is None or most[1].files[number] is None]
    if most is not None and not missing:
        return most
    looked = ", ".join(str(folder) for folder in folders) or "no folder: there is none"
    raise PicturesMissing(
        f"{place}: {len(missing)} of {len(names)} pictures are missing: {shown(missing)}; looked in {looked}; "
        f"expected the pictures that were reconstructed, under the same names"
    )


def pair(names: Sequence[str], folder: Path) -> Pairing:
    """The picture below `folder` that each name is of."""
    return pair_files(names, {file.relative_to(folder).as_posix(): file for file in picture_files(folder)})


def pair_files(names: Sequence[str], files: Mapping[str, Path]) -> Pairing:
    """As `pair`, of files by their path below some folder."""
    found: dict[int, Path] = {}
    steps: tuple[Callable[[str], Key], ...] = (_parts, _without_suffix, _folded)
    for key_of in steps:
        _claim(names, files, found, key_of)
    exact = len(found)
    ends = {number: _folded(name) for number, name in enumerate(names) if number not in found}
    longest = min(max((len(key) for key in ends.values()), default=0), MOST_PARTS)
    for length in range(longest, 0, -1):
        # With the suffix first: a mask is called like its picture, but for that.
        _claim(names, files, found, lambda name, length=length: _lowered(name)[-length:])
        _claim(names, files, found, lambda name, length=length: _folded(name)[-length:])
    example = next((f"{names[n]}: {found[n].name}" for n in ends if n in found), "")
    return Pairing(tuple(found.get(number) for number in range(len(names))), len(found) - exact, example)


def _claim(
    names: Sequence[str], files: Mapping[str, Path], found: dict[int, Path], key_of: Callable[[str], Key]
) -> None:
    """Add to `found` the names that still have no file and share their key with one file, and no other such name."""
    left = {number: key_of(name) for number, name in enumerate(names) if number not in found}
    if not left:
        return
    taken = set(found.values())
    there: dict[Key, list[Path]] = {}
    for name, file in files.items():
        if file not in taken:
            there.setdefault(key_of(name), []).append(file)
    asked = Counter(left.values())
    for number, key in left.items():
        if key and asked[key] == 1 and len(there.get(key, ())) == 1:
            found[number] = there[key][0]


def _parts(name: str) -> Key:
    """Of a path of any system; "." is none."""
    return tuple(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))


def _without_suffix(name: str) -> Key:
    *folders, last = _parts(name) or ("",)
    # "r_0.5" has a suffix that is none.
    stem, dot, suffix = last.rpartition(".")
    return (*folders, stem if dot and f".{suffix.lower()}" in PICTURE_SUFFIXES | RAW_SUFFIXES else last)


def _lowered(name: str) -> Key:
    return tuple(part.casefold() for part in _parts(name))


def _folded(name: str) -> Key:
    return tuple(part.casefold() for part in _without_suffix(name))


def shown(names: Iterable[str]) -> str:
    """The first few, for messages."""
    listed = list(names)
    return ", ".join(listed[:SHOWN_NAMES]) + (", ..." if len(listed) > SHOWN_NAMES else "")
