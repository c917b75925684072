# SPDX-License-Identifier: Apache-2.0
"""Rooms are named by their noun, none is empty, and every test asserts something."""

import ast
from pathlib import Path

import pytest
from source_tree import PACKAGE, REPOSITORY, modules, python_files, tree

NAMELESS = {"utils", "util", "helpers", "common", "misc", "tools"}
"""A function without a room shows a missing room."""


def test_no_room_is_called_by_what_it_is_not() -> None:
    named = [path for path in PACKAGE.rglob("*") if path.stem in NAMELESS]
    assert not named


def test_no_room_is_empty() -> None:
    folders = {path.parent for path in modules().values()}
    for folder in folders:
        code = [path for path in folder.rglob("*.py") if tree(path).body]
        assert code, f"{folder.relative_to(PACKAGE)} holds no code"


@pytest.mark.parametrize("module", sorted(modules()))
def test_public_names_come_once(module: str) -> None:
    for node in tree(modules()[module]).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            names = list(ast.literal_eval(node.value))
            assert len(names) == len(set(names)), "ruff sorts them"


@pytest.mark.parametrize("module", sorted(modules()))
def test_module_says_what_enters_and_leaves(module: str) -> None:
    path = modules()[module]
    assert not tree(path).body or ast.get_docstring(tree(path)), f"{path.name} has no module docstring"


def test_test_files_have_unique_names() -> None:
    names = [path.name for path in python_files("tests") if path.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    "path", [path for path in python_files("tests") if path.name.startswith("test_")], ids=lambda path: path.name
)
def test_every_test_asserts(path: Path) -> None:
    checkers = {
        function.name
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef) and asserts(function)
    }
    for function in ast.walk(tree(path)):
        if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
            called = {
                ast.unparse(node.func).split(".")[-1] for node in ast.walk(function) if isinstance(node, ast.Call)
            }
            assert (
                asserts(function) or called & checkers or any(name.startswith(("assert_", "check_")) for name in called)
            ), f"{path.relative_to(REPOSITORY)}: {function.name} asserts nothing"


def asserts(function: ast.FunctionDef) -> bool:
    """Whether the body holds an assert, `pytest.raises` or one of the comparing functions of numpy and torch."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            if name in {"raises", "warns", "fail", "assert_close", "gradcheck"} or name.startswith("assert_"):
                return True
    return False
