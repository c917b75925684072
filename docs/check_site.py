# SPDX-License-Identifier: Apache-2.0
"""MkDocs hook: the built site enters, an error leaves if a link, a picture or an anchor of it leads nowhere.

MkDocs checks what is written as Markdown; this checks what a browser gets, cross references and raw HTML included.
"""

from __future__ import annotations

import posixpath
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

MOST_SHOWN: Final = 20


class Links(HTMLParser):
    """What a page links to, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep links and anchors of one element."""
        said = dict(attrs)
        self.anchors |= {name for name in (said.get("id"), said.get("name")) if name}
        target = said.get("src") or (said.get("href") if tag in {"a", "link"} else None)
        if target:
            self.targets.add(target)


def on_post_build(config: MkDocsConfig) -> None:
    """Check every page of the site."""
    site = Path(config.site_dir)
    read = {path.relative_to(site).as_posix(): links_of(path) for path in sorted(site.rglob("*.html"))}
    read.pop("404.html", None)  # its links are absolute: it is shown at any address
    broken = [
        f"{page}: {target}"
        for page, links in read.items()
        for target in sorted(links.targets)
        if not leads(site, page, target, read)
    ]
    if broken:
        shown = "\n".join(broken[:MOST_SHOWN])
        raise PluginError(f"{len(broken)} links lead nowhere:\n{shown}")


def links_of(path: Path) -> Links:
    """Read one page."""
    links = Links()
    links.feed(path.read_text(encoding="utf-8"))
    return links


def leads(site: Path, page: str, target: str, read: dict[str, Links]) -> bool:
    """Whether a link leads to a file of the site, and to an anchor there; links to elsewhere are believed."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return True
    named = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path))) if parts.path else page
    if named.startswith("..") or named.startswith("/"):
        return False
    if (site / named).is_dir():
        named = posixpath.normpath(posixpath.join(named, "index.html"))
    if named in read and parts.fragment and not parts.fragment.startswith("__"):
        return unquote(parts.fragment) in read[named].anchors
    return (site / named).is_file()
