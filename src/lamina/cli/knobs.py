# SPDX-License-Identifier: Apache-2.0
"""Fields of a codec's configuration by their names on the command line: `--lattice.steps 3000`."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

BOX = {ord(character): " " for character in "╭╮╰╯─│"}
"""tyro frames its messages; ours are one line."""


def with_knobs(config: Any, words: Sequence[str]) -> Any:
    """The configuration with fields changed; ``--help`` lists them and leaves.

    Raises:
        ValueError: no such field, or a value that it does not take.
    """
    if not words:
        return config
    known = {"--help", *(f"--{name}" for name in knob_names(config))}
    for word in words:
        name = word.split("=")[0].replace("_", "-")
        if word.startswith("--") and name not in known:
            close = get_close_matches(name, known, 1)
            raise ValueError(f"there is no option {word!r}" + (f"; did you mean {close[0]}?" if close else ""))
    if not words[0].startswith("-"):
        raise ValueError(f"what is {words[0]!r}? Source and output are given already")
    import tyro

    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(
                type(config),
                default=config,
                args=words,
                prog="lamina encode SOURCE OUTPUT",
                description="",
                # A part that may be missing is there if the preset has it; what is on can be turned off: NAME False.
                config=(tyro.conf.AvoidSubcommands, tyro.conf.FlagConversionOff),
            )
    except SystemExit as leaving:
        if not leaving.code:
            raise
        reason = " ".join(said.getvalue().translate(BOX).split()).partition(" For full helptext")[0]
        reason = reason.partition(" Argument helptext")[0].removeprefix("Value error ")
        raise ValueError(f"{' '.join(words)}: {reason}; --knobs lists each name and what it takes") from None


def knob_names(config: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields, as they are written on the command line."""
    for field in fields(config):
        name, value = prefix + field.name.replace("_", "-"), getattr(config, field.name)
        yield from knob_names(value, f"{name}.") if is_dataclass(value) else [name]
