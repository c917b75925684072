# SPDX-License-Identifier: Apache-2.0
"""MkDocs hook: the repository's texts and its package tree enter, the pages of the site and their order leave.

Nothing is listed by hand: each module of `src/lamina` is a page of the reference, each file of `docs/` a page of the
guide, each example a page. Links of the repository (`docs/x.md`, `examples/`) are made to lead to pages, and what a
text only names in code, `docs/x.md` or `lamina.codec`, becomes a link too. `make docs` runs it through `mkdocs.yml`.
"""

from __future__ import annotations

import ast
import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

REPOSITORY: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = REPOSITORY / "src"
ROOT_PAGES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "NOTICE": "notice.md",
    "LICENSE": "license.md",
}
"""File of the repository's root -> page."""
OWN_TABS: Final = {"results.md": "Results", "decisions.md": "Decisions"}
"""Pages of `docs/` that stand beside the guide."""
GUIDE_FIRST: Final = ("ARCHITECTURE.md", "adding_a_codec.md", "bitstream.md")
"""The guide begins with these; the others follow by name."""
TEXT: Final = re.compile(
    r"(?P<fence>^ *(?P<mark>```+|~~~+).*?^ *(?P=mark) *$)|(?P<heading>^#+ [^\n]*$)"
    r"|(?P<link>\]\((?P<target>[^)\s]+)\))|(?P<code>(?<![`\[])`(?P<named>[\w./-]+)`(?!`))",
    re.MULTILINE | re.DOTALL,
)
"""What is looked at in a text, in this order: code blocks and headings stay as they are."""


@cache
def modules() -> dict[str, Path]:
    """Dotted name -> file, of the whole package; names with an underscore in front are not public."""
    found = {}
    for path in sorted((SOURCE / "lamina").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if not any(part.startswith("_") for part in name.split(".")):
            found[name] = path
    return found


@cache
def body(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def summary(node: ast.Module) -> str:
    """The first line of a docstring, for a cell of a table."""
    return ((ast.get_docstring(node) or "").splitlines() or [""])[0].replace("|", "\\|")


def page_of(module: str) -> str:
    """The page of a module: `lamina.cameras.paths` -> `reference/cameras/paths.md`; packages have an `index.md`."""
    parts = module.split(".")[1:]
    is_package = modules()[module].name == "__init__.py"
    return "/".join(["reference", *parts, "index.md"] if is_package else ["reference", *parts]) + (
        "" if is_package else ".md"
    )


@cache
def pages() -> dict[str, str]:
    """Path in the repository, or dotted name of a module -> page or file of the site."""
    found = {name: page for name, page in ROOT_PAGES.items() if (REPOSITORY / name).is_file()}
    for path in sorted((REPOSITORY / "docs").rglob("*")):
        if path.is_file() and path.suffix in {".md", ".json", ".svg", ".png"}:
            found[f"docs/{path.relative_to(REPOSITORY / 'docs').as_posix()}"] = path.relative_to(
                REPOSITORY / "docs"
            ).as_posix()
    found |= {"examples/": "examples/index.md", "examples": "examples/index.md"}
    found |= {f"examples/{path.name}": f"examples/{path.stem}.md" for path in examples()}
    for module, path in modules().items():
        found[module] = found[path.relative_to(REPOSITORY).as_posix()] = page_of(module)
        if path.name == "__init__.py":
            found[f"{path.parent.relative_to(REPOSITORY).as_posix()}/"] = page_of(module)
    return found


@cache
def examples() -> tuple[Path, ...]:
    """The examples in their order."""
    return tuple(sorted((REPOSITORY / "examples").glob("*.py")))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The order of pages, and the version from the package's text."""
    docs = REPOSITORY / "docs"
    names = sorted((path.name for path in docs.glob("*.md")), key=str.lower)
    first = [name for name in GUIDE_FIRST if name in names]
    guide = first + [name for name in names if name not in {*first, *OWN_TABS}]
    codecs = sorted(path.relative_to(docs).as_posix() for path in (docs / "codecs").glob("*.md"))
    nav: list[dict[str, Any]] = [
        {"Home": "index.md"},
        {"Examples": ["examples/index.md", *(f"examples/{path.stem}.md" for path in examples())]},
        {"Guide": [*guide, "contributing.md"]},
        {"Codecs": codecs},
        {"Reference": reference_nav("lamina")},
        *({title: name} for name, title in OWN_TABS.items() if name in names),
        {"Changelog": ["changelog.md", {"Notice": "notice.md"}, {"License": "license.md"}]},
    ]
    config.nav = nav
    config.copyright = f"Lamina {version()}. {config.copyright}"
    return config


def version() -> str:
    """`lamina.__version__`, without importing the package."""
    for node in body("lamina").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise ValueError("src/lamina/__init__.py assigns no __version__")


def reference_nav(package: str) -> list[Any]:
    """The pages of a package: its own, then its modules and packages by name."""
    entries: list[Any] = [page_of(package)]
    for module in sorted(modules()):
        if module.rpartition(".")[0] == package:
            title = module.rpartition(".")[2]
            is_package = modules()[module].name == "__init__.py"
            entries.append({title: reference_nav(module) if is_package else page_of(module)})
    return entries


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand outside of `docs/`, and those that are made."""
    made = {
        page: (REPOSITORY / name).read_text(encoding="utf-8")
        for name, page in ROOT_PAGES.items()
        if (REPOSITORY / name).is_file()
    }
    for name in ("notice.md", "license.md"):
        made[name] = f"# {name.removesuffix('.md').title()}\n\n```text\n{made[name]}\n```\n"
    made |= {f"examples/{path.stem}.md": example_page(path) for path in examples()}
    made["examples/index.md"] = examples_page()
    made |= {page_of(module): reference_page(module) for module in modules()}
    for page, content in made.items():
        files.append(File.generated(config, page, content=content))
    return files


def example_page(path: Path) -> str:
    """An example: its docstring, then the whole of it."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    title = path.stem.partition("_")[2].replace("_", " ").capitalize()
    code = text.split('"""', 2)[-1].strip()
    return f'# {title}\n\n{docstring}\n\n```python title="examples/{path.name}"\n{code}\n```\n'


def examples_page() -> str:
    """All examples, with what each shows."""
    rows = [
        f"| [{path.name}]({path.stem}.md) | {summary(ast.parse(path.read_text(encoding='utf-8')))} |"
        for path in examples()
    ]
    return "\n".join(
        [
            "# Examples",
            "",
            "Each runs as it stands: `python examples/01_picture.py`.",
            "",
            "| example | what it shows |",
            "|---|---|",
            *rows,
        ]
    )


def reference_page(module: str) -> str:
    """A module: its docstring and members, of a package also what it gives from its modules; then these."""
    lines = [f"---\ntitle: {module.rpartition('.')[2]}\n---\n", f"::: {module}", ""]
    below = sorted(name for name in modules() if name.rpartition(".")[0] == module)
    links = [f"| [`{name}`]({relative(page_of(name), page_of(module))}) | {summary(body(name))} |" for name in below]
    return "\n".join(
        [*lines, *(["## Modules", "", "| module | what enters and leaves |", "|---|---|", *links] if links else [])]
    )


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links of the repository lead to pages of the site."""
    here = page.file.src_uri
    written = next((name for name, its_page in ROOT_PAGES.items() if its_page == here), f"docs/{here}")

    def replace(found: re.Match[str]) -> str:
        if found["link"]:
            target, mark, anchor = found["target"].partition("#")
            if not target or ":" in target:
                return found[0]
            named = posixpath.normpath(posixpath.join(posixpath.dirname(written), target))
            return f"]({relative(pages()[named], here)}{mark}{anchor})" if named in pages() else found[0]
        if found["code"]:
            its_page = pages().get(found["named"], pages().get(f"src/lamina/{found['named']}"))
            return f"[{found[0]}]({relative(its_page, here)})" if its_page and its_page != here else found[0]
        return found[0]

    if here in {"index.md", *OWN_TABS}:
        page.meta["hide"] = ["navigation"]  # their tabs have no other page
    return TEXT.sub(replace, markdown)


def relative(page: str, here: str) -> str:
    """The path from one page to another."""
    return posixpath.relpath(page, posixpath.dirname(here) or ".")
