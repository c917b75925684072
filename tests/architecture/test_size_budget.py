# SPDX-License-Identifier: Apache-2.0
"""Files, functions and signatures stay small enough to be read in one go."""

import ast
from pathlib import Path

import pytest
from source_tree import REPOSITORY, python_files, tree

FILE_LINES = 400
FUNCTION_LINES = 50
KERNEL_LINES = 150
"""Numba and Triton kernels are one flattened loop on purpose (docs/decisions.md)."""
PARAMETERS = 7
SOURCES = python_files("src", "benchmarks", "demo", "examples")


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def is_kernel(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in function.decorator_list}
    return bool(names & {"compiled", "njit", "jit", "vectorize", "guvectorize", "kernel"})


def identity(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("path", [*SOURCES, *python_files("tests")], ids=identity)
def test_file_is_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= FILE_LINES, f"{lines} lines, {FILE_LINES} allowed: is it two rooms?"


@pytest.mark.parametrize("path", SOURCES, ids=identity)
def test_functions_fit_a_screen(path: Path) -> None:
    long = {
        function.name: length
        for function in functions(path)
        if (length := (function.end_lineno or 0) - function.lineno + 1)
        > (KERNEL_LINES if is_kernel(function) else FUNCTION_LINES)
    }
    assert not long


@pytest.mark.parametrize("path", SOURCES, ids=identity)
def test_functions_take_few_parameters(path: Path) -> None:
    many = {
        function.name: count
        for function in functions(path)
        if not is_kernel(function) and (count := positional_count(function)) > PARAMETERS
    }
    assert not many, "more than seven parameters: make a small frozen record of them"


def positional_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters without `self`; keyword-only ones, which are named at every call, do not count."""
    arguments = [*function.args.posonlyargs, *function.args.args]
    return len([argument for argument in arguments if argument.arg not in {"self", "cls"}])


@pytest.mark.parametrize("path", [*SOURCES, *python_files("tests")], ids=identity)
def test_file_begins_with_its_license(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# SPDX-License-Identifier: Apache-2.0\n")
