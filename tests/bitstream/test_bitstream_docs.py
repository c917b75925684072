# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "make_bitstream_tables.py"), "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_tables_of_the_documentation_are_fresh() -> None:
    result = check(DOCS)
    assert result.returncode == 0, result.stderr


def test_the_check_rejects_stale_tables(tmp_path) -> None:
    shutil.copy(DOCS / "make_bitstream_tables.py", tmp_path)
    text = (DOCS / "bitstream.md").read_text(encoding="utf-8")
    (tmp_path / "bitstream.md").write_text(text.replace("| `version` | u(8)", "| `version` | u(9)"), encoding="utf-8")
    result = check(tmp_path)
    assert result.returncode == 1
    assert "stale: run" in result.stderr
