# SPDX-License-Identifier: Apache-2.0
"""There is one version number, `lamina.__version__`: packaging reads it, the changelog begins with it."""

import re
import tomllib
from pathlib import Path

import lamina

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def test_version_stands_in_one_file() -> None:
    assigns = re.compile(
        r"^\s*(?:__)?version(?:__)?\s*(?::\s*\w+\s*)?=\s*[\"'](\d+\.\d+[^\"']*)", re.MULTILINE | re.IGNORECASE
    )
    files = [
        *REPOSITORY.glob("*.toml"),
        *REPOSITORY.glob("*.cfg"),
        *REPOSITORY.glob("*.yml"),
        *(REPOSITORY / "src").rglob("*.py"),
    ]
    found = {str(path.relative_to(REPOSITORY)): assigns.findall(path.read_text(encoding="utf-8")) for path in files}
    assert {name: versions for name, versions in found.items() if versions} == {
        "src/lamina/__init__.py": [lamina.__version__]
    }


def test_packaging_reads_it() -> None:
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lamina.__version__"}


def test_changelog_begins_with_it() -> None:
    releases = re.findall(
        r"^## \[?([^\]\s]+)\]?", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert releases[0] in (lamina.__version__, "Unreleased")
    assert lamina.__version__ in releases


def test_media_by_others_are_named_in_the_notice() -> None:
    notice = (REPOSITORY / "NOTICE").read_text(encoding="utf-8")
    kinds = {".png", ".jpg", ".mp4", ".y4m", ".ply", ".spz", ".sog", ".splat", ".ksplat"}
    media = [
        path
        for folder in ("demo", "tests/samples")
        for path in (REPOSITORY / folder).rglob("*")
        if path.suffix in kinds
    ]
    assert media
    for path in media:
        name = str(path.relative_to(REPOSITORY))
        parents = [f"{parent}/" for parent in path.relative_to(REPOSITORY).parents]
        assert any(part in notice for part in (name, *parents[:-2])), f"{name}: say in NOTICE where it is from"


def test_samples_are_named_where_they_lie() -> None:
    samples = REPOSITORY / "tests" / "samples"
    for notice in samples.rglob("NOTICE.md"):
        text = notice.read_text(encoding="utf-8")
        for path in notice.parent.iterdir():
            if path.is_file() and path.suffix not in {".md", ".json"}:
                assert path.name in text, f"{path.relative_to(REPOSITORY)}: say in NOTICE.md where it is from"
