# SPDX-License-Identifier: Apache-2.0
"""Write the tables of docs/bitstream.md, and docs/syntax.json, from the declared syntax; `--check`: are they stale?

Enters: the Syntax classes of the modules that its markers name, and of each `syntax` under lamina.codecs. Leaves: what
stands between the markers of docs/bitstream.md, and all declarations as plain values, from which readers in other
languages are generated.

    python docs/make_bitstream_tables.py [--check]
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import lamina.bitstream
from lamina.bitstream.container import CODECS_FAMILY, MAGIC, MIME_TYPE
from lamina.bitstream.container import VERSION as CONTAINER_VERSION
from lamina.bitstream.syntax import Syntax, words_of
from lamina.bitstream.tables import markdown_table, plain_syntax

DOCUMENT = Path(__file__).with_name("bitstream.md")
DECLARATIONS = Path(__file__).with_name("syntax.json")
CONTAINER = "lamina.bitstream.container"
CODECS = "codecs"
MARKED = re.compile(r"(<!-- begin tables: (?P<room>\S+) -->\n).*?(<!-- end tables -->)", re.DOTALL)


def codec_syntax_modules() -> list[ModuleType]:
    """The modules called `syntax` under lamina.codecs, by name; nothing else is imported."""
    package = Path(inspect.getfile(lamina.bitstream)).parents[1]
    files = (path.relative_to(package.parent) for path in (package / "codecs").rglob("syntax.py"))
    found = sorted(files, key=lambda path: path.parent.parts)
    return [importlib.import_module(".".join(path.with_suffix("").parts)) for path in found]


def tables_of(module: ModuleType, heading: str) -> str:
    """Heading, first paragraph and table of each Syntax class that `module` defines, in its order."""
    parts: list[str] = []
    for cls in vars(module).values():
        if isinstance(cls, type) and issubclass(cls, Syntax) and cls.__module__ == module.__name__:
            summary = inspect.cleandoc(cls.__doc__ or "").split("\n\n")[0]
            parts.append(f"{heading} {words_of(cls.__name__).capitalize()}\n\n{summary}\n\n{markdown_table(cls)}")
    return "\n".join(parts)


def tables_for(room: str) -> str:
    """What belongs between the markers of one room: a module, or `codecs` for all of them."""
    if room != CODECS:
        return tables_of(importlib.import_module(room), "###")
    modules = codec_syntax_modules()
    return "\n".join(
        f"### {' '.join(module.__name__.split('.')[2:-1])}\n\n{tables_of(module, '####')}" for module in modules
    )


def declarations(document: str) -> str:
    """All declarations that the document shows, as JSON: module -> class -> fields in coding order."""
    rooms = [marked["room"] for marked in MARKED.finditer(document)]
    modules = [importlib.import_module(room) for room in rooms if room != CODECS] + codec_syntax_modules()
    plain = {
        module.__name__.removeprefix("lamina."): {
            cls.__name__: plain_syntax(cls)
            for cls in vars(module).values()
            if isinstance(cls, type) and issubclass(cls, Syntax) and cls.__module__ == module.__name__
        }
        for module in modules
    }
    head = {
        "magic": MAGIC.decode(),
        "container_version": CONTAINER_VERSION,
        "codecs_family": CODECS_FAMILY,
        "mime_type": MIME_TYPE,
    }
    return json.dumps({**head, "modules": plain}, indent=1) + "\n"


def with_tables(document: str) -> str:
    """`document` with fresh tables between its markers."""
    return MARKED.sub(lambda marked: f"{marked[1]}\n{tables_for(marked['room'])}{marked[3]}", document)


def main() -> int:
    """Write, or check; 1 when the tables are stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the tables are stale")
    arguments = parser.parse_args()
    document = DOCUMENT.read_text(encoding="utf-8")
    made = {DOCUMENT: with_tables(document), DECLARATIONS: declarations(document)}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if arguments.check:
        for path in stale:
            print(f"{path} is stale: run `python docs/{Path(__file__).name}`", file=sys.stderr)
        return int(bool(stale))
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
