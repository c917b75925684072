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


def imports(module: str) -> set[str]:
    """Dotted names of everything of ours that a module imports, wherever in the file, type checking included."""
    path = modules()[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, *([node.module] if node.module else [])])
            found.update(name if (name := f"{base}.{alias.name}") in modules() else base for alias in node.names)
    return {name for name in found if name.split(".")[0] == "lamina"}


def room(module: str) -> str:
    """The top-level room of a module: `lamina.codecs.planar.fit.fit` -> `codecs`; `lamina` itself -> `lamina`."""
    parts = module.split(".")
    return "cli" if parts[-1] == "__main__" else parts[1] if len(parts) > 1 else "lamina"


def python_files(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((REPOSITORY / folder).rglob("*.py"))]
