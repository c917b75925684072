# SPDX-License-Identifier: Apache-2.0
"""Declared syntax enters, Markdown tables leave; what a field means is the string below it in the source."""

from __future__ import annotations

import ast
import inspect
import sys
from itertools import pairwise

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


def markdown_table(cls: type[Syntax]) -> str:
    """The declaration of `cls` as a Markdown table: a row a field, in coding order."""
    meanings: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Syntax) and base is not Syntax:
            meanings |= field_meanings(base)
    lines = ["| field | coding | legal | meaning |", "|---|---|---|---|"]
    for spec in cls.declaration:
        presence = f" if {spec.kind.when}" if spec.kind.when else ""
        cells = (f"`{spec.name}`", spec.kind.coding + presence, spec.kind.legal, meanings.get(spec.name, ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
