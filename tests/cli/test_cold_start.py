# SPDX-License-Identifier: Apache-2.0
"""`lamina info` and `import lamina` answer at once: nothing heavy is imported on their way."""

import subprocess
import sys
from pathlib import Path

import pytest

from lamina.bitstream import write_stream
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.syntax import MethodId, PlanarHeader, ScalabilityId
from lamina.units import STREAM_HEADER, Unit

HEAVY = ("torch", "numpy", "numba", "av", "PIL", "tyro", "rich")


@pytest.fixture
def headers_only(tmp_path: Path) -> Path:
    """A planar file that holds its header unit and nothing else."""
    header = PlanarHeader.of(MethodId.LATTICE, ScalabilityId.QUALITY, 3, (90, 91, 92), (768, 512)).pack()
    write_stream(tmp_path / "empty.lam", CODEC.facts(header), [Unit(STREAM_HEADER, header)])
    return tmp_path / "empty.lam"


def heavy_imports(statements: str) -> str:
    code = f"import sys; sys.argv = ['lamina']; {statements}; print([m for m in {HEAVY} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout.splitlines()[-1]


def test_importing_lamina_imports_nothing_heavy() -> None:
    assert heavy_imports("import lamina; lamina.LaminaError") == "[]"


def test_info_imports_nothing_heavy(headers_only: Path) -> None:
    assert heavy_imports(f"from lamina.cli import main; assert main(['info', {str(headers_only)!r}]) == 0") == "[]"


def test_cut_imports_nothing_heavy(headers_only: Path) -> None:
    words = ["cut", str(headers_only), str(headers_only.with_name("out.lam")), "--bytes", "1M"]
    assert heavy_imports(f"from lamina.cli import main; main({words!r})") == "[]"


def test_help_imports_nothing_heavy() -> None:
    assert heavy_imports("from lamina.cli import main; main(['encode', '--help'])") == "[]"
