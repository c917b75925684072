# SPDX-License-Identifier: Apache-2.0
"""Modules of the decode path, run as plain Python with every intermediate integer recorded.

    walk = watched("lamina.codecs.planar.lattice.walk")     the same functions, nothing compiled
    walk.code_shape(...)                                    exact: Python's integers do not wrap
    LARGEST["lamina.codecs.planar.lattice.walk:code_shape"] the largest magnitude that an operation gave there

The source is rewritten: operations report what they give, elements of arrays and numpy's casts become Python integers.
Operations on whole arrays are done by numpy as they are, and reported as doubles would have them.
"""

from __future__ import annotations

import ast
import importlib
import operator
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

LARGEST: dict[str, int] = defaultdict(int)
"""Largest magnitude of an integer by "module:function"."""

WATCHED = (
    "lamina.entropy.binary",
    "lamina.entropy.indexed",
    "lamina.entropy.mixing",
    "lamina.entropy.rans_kernels",
    "lamina.entropy.split",
    "lamina.entropy.symbols",
    "lamina.entropy.table_syntax",
    "lamina.entropy.tables",
    "lamina.networks.coding",
    "lamina.networks.hash_grid",
    "lamina.networks.hash_kernels",
    "lamina.anchors.coding.masks",
    "lamina.anchors.coding.tree",
    "lamina.anchors.context.fixed",
    "lamina.anchors.context.neighborhood",
    "lamina.anchors.neighbors",
    "lamina.anchors.octree",
    "lamina.codecs.freeview.guests",
    "lamina.codecs.freeview.hierarchy",
    "lamina.codecs.freeview.memory",
    "lamina.codecs.freeview.motion",
    "lamina.codecs.freeview.networked.points",
    "lamina.codecs.freeview.scale_coding",
    "lamina.codecs.freeview.walk",
    "lamina.codecs.planar.lattice.coding",
    "lamina.codecs.planar.lattice.motion",
    "lamina.codecs.planar.lattice.steps",
    "lamina.codecs.planar.lattice.update",
    "lamina.codecs.planar.lattice.walk",
    "lamina.codecs.planar.pgsvc.coding",
    "lamina.codecs.planar.pgsvc.sections",
    "lamina.codecs.planar.pgsvc.walks",
    "lamina.codecs.volume.reconstruction",
    "lamina.codecs.volume.table_coding",
    "lamina.codecs.volume.values",
    "lamina.codecs.volume.vectors",
    "lamina.codecs.volume.walk",
    "lamina.grids.bricks",
    "lamina.grids.level",
    "lamina.grids.refined",
    "lamina.grids.sums",
    "lamina.grids.warp",
)
OPERATORS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift, ast.BitOr: operator.or_, ast.BitAnd: operator.and_, ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
}  # fmt: skip
NAMES = {kind.__name__: function for kind, function in OPERATORS.items()}
CASTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def plain(value: Any) -> Any:
    """An element of an array as Python's integer; anything else as it is."""
    return int(value) if isinstance(value, (np.integer, np.bool_)) else value


def operate(name: str, left: Any, right: Any, place: str) -> Any:
    """The operation, its result reported."""
    left, right = plain(left), plain(right)
    found = NAMES[name](left, right)
    if isinstance(found, int):
        LARGEST[place] = max(LARGEST[place], abs(found))
    elif isinstance(found, np.ndarray) and np.issubdtype(found.dtype, np.integer) and found.size:
        exact = found
        if name in ("Add", "Sub", "Mult"):
            exact = NAMES[name](np.asarray(left, np.float64), np.asarray(right, np.float64))
        elif name == "LShift":
            exact = np.asarray(left, np.float64) * 2.0 ** np.asarray(right, np.float64)
        LARGEST[place] = max(LARGEST[place], int(np.abs(exact.astype(np.float64)).max()))
    return found


def cast(kind: str, value: Any) -> Any:
    """A numpy scalar type's constructor: Python's integer, if it is one and fits."""
    value = plain(value)
    if isinstance(value, (int, float)):
        limits = np.iinfo(kind)
        assert limits.min <= int(value) <= limits.max, f"{value} as {kind}"
        return int(value)
    return getattr(np, kind)(value)


class Rewriting(ast.NodeTransformer):
    """Puts `operate`, `plain` and `cast` into a module."""

    def __init__(self, module: str) -> None:
        self.module, self.function = module, ""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        outer, self.function = self.function, self.function or node.name
        node.body = [self.visit(statement) for statement in node.body]
        node.decorator_list = [self.visit(part) for part in node.decorator_list]
        self.function = outer
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.value = self.visit(node.value) if node.value else None
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        return self._operation(node.op, self.visit(node.left), self.visit(node.right))

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        return ast.Assign([node.target], self._operation(node.op, self.visit(read), self.visit(node.value)))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.ctx, ast.Store):
            node.slice = self.visit(node.slice)
            return node
        return _call("_plain", self.generic_visit(node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        function = node.func
        is_numpy = isinstance(function, ast.Attribute) and ast.unparse(function.value) == "np"
        node = self.generic_visit(node)
        if is_numpy and function.attr in CASTS:
            return _call("_cast", ast.Constant(function.attr), *node.args)
        return node

    def _operation(self, kind: ast.operator, left: ast.AST, right: ast.AST) -> ast.Call:
        place = ast.Constant(f"{self.module}:{self.function or 'constants'}")
        return _call("_operate", ast.Constant(type(kind).__name__), left, right, place)


def _call(name: str, *arguments: ast.AST) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


@cache
def watched(module: str) -> SimpleNamespace:
    """A module of `WATCHED`, rewritten, with those that it imports."""
    real = importlib.import_module(module)
    path = str(real.__file__)
    tree = Rewriting(module).visit(ast.parse(Path(path).read_text(encoding="utf-8")))
    namespace: dict[str, Any] = {"__name__": module, "_operate": operate, "_plain": plain, "_cast": cast}
    body = [node for node in tree.body if not isinstance(node, ast.ImportFrom) or not _replaced(node, namespace)]
    tree.body = body
    exec(compile(ast.fix_missing_locations(tree), path, "exec"), namespace)
    return SimpleNamespace(**namespace)


def _replaced(node: ast.ImportFrom, namespace: dict[str, Any]) -> bool:
    """Import what is watched from its rewritten module, and compile nothing; whether that was all."""
    if node.module in ("lamina.compiled", "lamina.entropy.kernel"):
        namespace["kernel"] = lambda function: function
        namespace["compiled"] = lambda **_: lambda function: function
        return True
    if node.module not in WATCHED:
        return False
    for name in node.names:
        namespace[name.asname or name.name] = getattr(watched(node.module), name.name)
    return True
