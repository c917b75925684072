# SPDX-License-Identifier: Apache-2.0
"""What the architecture tests look at: the package's files as syntax trees, and who imports whom."""

import ast
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "src" / "lamina"


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of the whole package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(module: str, *, at_run_time: bool = False) -> set[str]:
    """Dotted names of everything of ours that a module imports, wherever in the file.

    What is imported for type checking counts, unless `at_run_time`.
    """
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree(path)):
        if at_run_time and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped.update(inner for statement in node.body for inner in ast.walk(statement))
    for node in ast.walk(tree(path)):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in modules() else base for alias in node.names)
    return {name for name in found if name.split(".")[0] == "lamina"}


@cache
def closure(module: str) -> frozenset[str]:
    """Everything of ours that is imported at run time when a module and all that it imports are, lazily or not."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name not in modules():
            continue
        found.add(name)
        waiting += imports(name, at_run_time=True)
        waiting += [".".join(name.split(".")[:end]) for end in range(2, name.count(".") + 1)]
    return frozenset(found)


def room(module: str) -> str:
    """The top-level room of a module: `lamina.codecs.planar.fit.fit` -> `codecs`; `lamina` itself -> `lamina`."""
    parts = module.split(".")
    return "cli" if parts[-1] == "__main__" else parts[1] if len(parts) > 1 else "lamina"


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]
