# SPDX-License-Identifier: Apache-2.0
"""Declared syntax enters; Markdown tables, or plain values for generators of readers in other languages, leave.

What a field means is the string below it in the source.
"""

from __future__ import annotations

import ast
import inspect
import sys
from dataclasses import fields
from itertools import pairwise
from typing import Any

from lamina.bitstream.composites import Array, Struct
from lamina.bitstream.kinds import Enumeration, FieldKind, Int, UInt
from lamina.bitstream.syntax import Syntax


def field_meanings(cls: type[Syntax]) -> dict[str, str]:
    """The attribute docstrings of one class by field name; fields without one are left out."""
    module = ast.parse(inspect.getsource(sys.modules[cls.__module__]))
    bodies = [node.body for node in ast.walk(module) if isinstance(node, ast.ClassDef) and node.name == cls.__name__]
    body = bodies[0] if bodies else []
    meanings: dict[str, str] = {}
    for field, below in pairwise(body):
        if not (
            isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr)
        ):
            continue
        if isinstance(below.value, ast.Constant) and isinstance(below.value.value, str):
            meanings[field.target.id] = " ".join(below.value.value.split())
    return meanings


def meanings_of(cls: type[Syntax]) -> dict[str, str]:
    """What each field of a declaration means, those of its bases included."""
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Syntax) and base is not Syntax:
            meanings |= field_meanings(base)
    return meanings


def plain_kind(kind: FieldKind) -> dict[str, Any]:
    """A kind as plain values: its name, and what its instance says; `when` only where there is a flag."""
    plain: dict[str, Any] = {"kind": type(kind).__name__}
    for field in fields(kind):
        value = getattr(kind, field.name)
        if value is not None and field.name not in ("when", "kind", "members", "syntax"):
            plain[field.name] = value
    match kind:
        case Enumeration():
            plain["members"] = {member.name: int(member) for member in kind.members}
        case Array():
            plain["element"] = plain_kind(kind.kind)
        case Struct():
            plain["syntax"] = kind.syntax.__name__
        case UInt():
            plain["maximum"] = kind.highest
        case Int():
            plain |= {"minimum": kind.lowest, "maximum": kind.highest}
        case _:
            pass
    return plain | ({"when": kind.when} if kind.when else {})


def plain_syntax(cls: type[Syntax]) -> list[dict[str, Any]]:
    """The declaration of `cls` as plain values: a record a field, in coding order."""
    meanings = meanings_of(cls)
    return [
        {"name": spec.name, **plain_kind(spec.kind), "meaning": meanings.get(spec.name, "")} for spec in cls.declaration
    ]


def markdown_table(cls: type[Syntax]) -> str:
    """The declaration of `cls` as a Markdown table: a row a field, in coding order."""
    meanings = meanings_of(cls)
    lines = ["| field | coding | legal | meaning |", "|---|---|---|---|"]
    for spec in cls.declaration:
        presence = f" if {spec.kind.when}" if spec.kind.when else ""
        cells = (f"`{spec.name}`", spec.kind.coding + presence, spec.kind.legal, meanings.get(spec.name, ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
