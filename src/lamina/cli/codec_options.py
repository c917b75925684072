# SPDX-License-Identifier: Apache-2.0
"""What codecs declare (targets, fields that many users choose) enters; options of `lamina encode` leave, and back."""

from __future__ import annotations

import argparse
import ast
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from lamina import codecs
from lamina.cli.options import byte_count, count, frame_range, positive
from lamina.codec import AnyCodec, Target, TargetKind

MOST = 2**31 - 1
"""Of whole numbers on the command line."""


@dataclass(frozen=True)
class TargetOption:
    """How a target is typed."""

    flag: str
    parse: Callable[[str], float]
    metavar: str
    meaning: str
    factor: float = 1.0
    """From what is typed to what the target is in."""


TARGET_OPTIONS: dict[TargetKind, TargetOption] = {
    "bits_per_pixel": TargetOption("--bpp", positive, "BITS", "bits per pixel (and frame), everything counted"),
    "size_bytes": TargetOption("--bytes", byte_count, "SIZE", "size of the file: 24k, 1.5M (k = 1000)"),
    "bits_per_second": TargetOption("--kbps", positive, "KBIT", "bit rate of what is timed, kbit/s", 1000.0),
    "psnr_db": TargetOption("--psnr", positive, "DB", "PSNR on 8-bit pixels, dB"),
    "splats": TargetOption("--splats", count(1, 10_000_000), "N", "splats (of a frame), whatever they cost"),
    "rate_weight": TargetOption("--lambda", positive, "L", "what a bit costs beside the error"),
}


def add_targets(parser: argparse.ArgumentParser) -> None:
    """One option a kind of target that any codec takes; at most one may be given."""
    group = parser.add_argument_group("what the best level should cost or reach (one of)")
    one_of = group.add_mutually_exclusive_group()
    for kind, option in TARGET_OPTIONS.items():
        takers = [codec.name for codec in codecs.CODECS if kind in codec.targets]
        if takers:
            whose = "" if len(takers) == len(codecs.CODECS) else f" ({', '.join(takers)})"
            one_of.add_argument(
                option.flag, dest=kind, type=option.parse, metavar=option.metavar, help=option.meaning + whose
            )


def chosen_target(options: argparse.Namespace) -> Target | None:
    """The target that was typed, if one was."""
    for kind, option in TARGET_OPTIONS.items():
        value = getattr(options, kind, None)
        if value is not None:
            return Target(kind, value * option.factor)
    return None


def add_codec_options(group: argparse._ArgumentGroup) -> None:
    """One option a field that a codec says many users choose; what codecs share is one option."""
    for name in dict.fromkeys(name for codec in codecs.CODECS for name in codec.options):
        takers = [codec for codec in codecs.CODECS if name in codec.options]
        whose = "" if len(takers) == len(codecs.CODECS) else f" ({', '.join(codec.name for codec in takers)})"
        config = takers[0].presets["default"]
        group.add_argument(
            "--" + name.replace("_", "-"), dest=name, help=_meaning(type(config), name) + whose, **_form(config, name)
        )


def chosen_fields(codec: AnyCodec, options: argparse.Namespace) -> dict[str, Any]:
    """Fields of the codec's configuration that were typed.

    Raises:
        ValueError: one is of other codecs only.
    """
    fields: dict[str, Any] = {}
    for name in dict.fromkeys(name for other in codecs.CODECS for name in other.options):
        value = getattr(options, name)
        if value is None:
            continue
        if name not in codec.options:
            raise ValueError(f"--{name.replace('_', '-')} means nothing to {codec.name}; leave it out")
        fields[name] = value
    return fields


def _form(config: Any, name: str) -> dict[str, Any]:
    """How argparse should read a field, from its annotation."""
    hint = get_type_hints(type(config))[name]
    options = [option for option in get_args(hint) if option is not NoneType] if get_origin(hint) is not Literal else []
    if options and get_origin(hint) is not Literal and len(options) == 1:
        hint = options[0]
    if get_origin(hint) is Literal:
        return {"choices": get_args(hint)}
    if hint is int:
        return {"type": count(0, MOST), "metavar": "N"}
    if hint is float:
        return {"type": positive, "metavar": "X"}
    if hint is bool:
        return {"action": "store_const", "const": True}
    if hint is Path:
        return {"type": Path, "metavar": "FILE"}
    if hint == tuple[int, int | None]:
        return {"type": frame_range, "metavar": "A:B"}
    raise TypeError(f"{type(config).__name__}.{name} is {hint}, which is no option of a word: leave it to --knobs")


def _meaning(config: type, name: str) -> str:
    """The docstring of a field, its first sentence, without code marks."""
    module = ast.parse(inspect.getsource(sys.modules[config.__module__]))
    body = next(node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == config.__name__)
    for field, below in pairwise(body):
        is_it = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id == name
        if is_it and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            text = " ".join(str(below.value.value).split()).replace("`", "").replace("%", "%%")
            return text[:1].lower() + text[1:].rstrip(".")
    return ""
