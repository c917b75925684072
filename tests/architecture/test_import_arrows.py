# SPDX-License-Identifier: Apache-2.0
"""Arrows between the rooms go one way (DESIGN: cli -> codecs -> foundations)."""

import subprocess
import sys

import pytest
from source_tree import imports, modules, room

CONTRACT = {"errors", "codec"}
FOUNDATIONS = {"bitstream", "entropy", "quantize", "networks", "render", "anchors", "data", "metrics"}
ALLOWED = {
    "errors": set(),
    "codec": {"errors"},
    "atomic": {"errors"},
    "compiled": set(),
    "bitstream": CONTRACT | {"atomic"},
    "entropy": CONTRACT | {"compiled", "bitstream"},
    "quantize": CONTRACT,
    "networks": CONTRACT | {"compiled", "entropy", "quantize", "bitstream"},
    "render": CONTRACT | {"atomic", "compiled"},
    "anchors": CONTRACT | {"networks", "render", "compiled"},
    "data": CONTRACT | {"atomic", "compiled", "render"},
    "metrics": CONTRACT | {"compiled"},
    "codecs": CONTRACT | FOUNDATIONS | {"atomic", "compiled"},
    "stream": CONTRACT | {"bitstream"},
    "media": CONTRACT | FOUNDATIONS | {"atomic", "codecs"},
    "lamina": CONTRACT | {"media"},
    "cli": CONTRACT | FOUNDATIONS | {"codecs", "media", "stream", "lamina"},
}
"""Who may import whom, beside itself."""


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_only_rooms_below_its_own(module: str) -> None:
    here = room(module)
    assert here in ALLOWED, f"{module}: a new room; say in this test what it may import"
    wrong = {name for name in imports(module) if room(name) != here and room(name) not in ALLOWED[here]}
    assert not wrong, f"{module} imports {sorted(wrong)}; {here} may import {sorted(ALLOWED[here])}"


def test_allowed_arrows_have_no_cycle() -> None:
    done: set[str] = set()
    while len(done) < len(ALLOWED):
        ready = {name for name in ALLOWED if name not in done and ALLOWED[name] - {name} <= done}
        assert ready, f"a cycle among {sorted(set(ALLOWED) - done)}"
        done |= ready


def test_codecs_do_not_import_each_other() -> None:
    for module in modules():
        parts = module.split(".")
        if room(module) == "codecs" and len(parts) > 2:
            others = {
                name for name in imports(module) if name.split(".")[1:2] == ["codecs"] and len(name.split(".")) > 2
            }
            foreign = {name for name in others if name.split(".")[2] != parts[2]}
            assert not foreign, f"{module} imports another codec: {sorted(foreign)}"


def test_decode_and_render_do_not_import_fit() -> None:
    decoding = {"coding", "model", "syntax", "breakdown", "render"}
    for module in modules():
        parts = module.split(".")
        if room(module) in {"codecs", "render"} and (parts[-1] in decoding or room(module) == "render"):
            assert not {name for name in imports(module) if "fit" in name.split(".")[-1].split("_")}, module


@pytest.mark.parametrize(
    "statement", ["import lamina", "import lamina.cli", "import lamina.codecs", "import lamina.bitstream"]
)
def test_importing_the_light_rooms_does_not_import_torch(statement: str) -> None:
    code = f"{statement}; import sys; print(sorted({{'torch', 'numba', 'av', 'PIL', 'tyro'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
