# SPDX-License-Identifier: Apache-2.0
"""Arrows between the rooms go one way (DESIGN: cli -> codecs -> foundations)."""

import ast
import subprocess
import sys

import pytest
from source_tree import closure, imports, modules, python_files, room, tree

WIRE = {"errors", "times", "units"}
CONTRACT = WIRE | {"codec"}
FOUNDATIONS = {
    "bitstream",
    "cameras",
    "entropy",
    "quantize",
    "networks",
    "render",
    "anchors",
    "grids",
    "fitting",
    "data",
    "metrics",
}
ALLOWED = {
    "errors": set(),
    "times": set(),
    "units": {"errors", "times"},
    "arriving": {"errors"},
    "atomic": {"errors", "arriving"},
    "compiled": {"kernel_compiler"},
    "kernel_compiler": set(),
    "bitstream": WIRE | {"arriving", "atomic"},
    "cameras": WIRE | {"atomic", "bitstream"},
    "codec": WIRE | {"cameras"},
    "entropy": WIRE | {"compiled", "bitstream"},
    "quantize": CONTRACT,
    "networks": CONTRACT | {"compiled", "entropy", "quantize", "bitstream"},
    "render": CONTRACT | {"cameras", "compiled"},
    "data": CONTRACT | {"arriving", "atomic", "cameras", "compiled", "render"},
    "metrics": CONTRACT | {"compiled"},
    "fitting": CONTRACT | {"atomic", "cameras", "compiled", "render"},
    "anchors": CONTRACT
    | {"bitstream", "cameras", "compiled", "data", "entropy", "fitting", "networks", "quantize", "render"},
    "grids": CONTRACT | {"anchors", "compiled"},
    "codecs": CONTRACT | FOUNDATIONS | {"atomic", "compiled"},
    "stream": WIRE | {"bitstream"},
    "live": CONTRACT | {"bitstream", "codecs", "data"},
    "media": CONTRACT | FOUNDATIONS | {"arriving", "atomic", "codecs"},
    "lamina": CONTRACT | {"bitstream", "cameras", "codecs", "data", "media"},
    "cli": CONTRACT
    | FOUNDATIONS
    | {"arriving", "atomic", "codecs", "compiled", "kernel_compiler", "live", "media", "stream", "lamina"},
}
"""Who may import whom, beside itself."""

ENCODER = {"fit", "fitting"}
"""Folders that decoders never import, however far one follows."""


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


def decoders() -> list[str]:
    """Modules that a decoder begins with: of each codec, and of each way to pack; rendering; whole files."""
    ends = (".coding", ".model", ".packing", ".facts", ".syntax")
    codecs = [name for name in modules() if name.startswith("lamina.codecs.") and name.endswith(ends)]
    return [*codecs, "lamina.media.reading", *(name for name in modules() if room(name) in {"render", "bitstream"})]


@pytest.mark.parametrize("module", decoders())
def test_a_decoder_reaches_no_encoder_however_far_one_follows(module: str) -> None:
    reached = closure(module)
    wrong = sorted(name for name in reached if set(name.split(".")) & ENCODER)
    assert not wrong, f"{module} reaches {wrong}"


def test_the_closure_sees_imports_of_imports() -> None:
    assert "lamina.fitting.checkpoint" in closure("lamina.codecs.scene.fit.fit")
    assert "lamina.entropy.walk" in closure("lamina.codecs.planar.coding"), "lazy imports count too"


@pytest.mark.parametrize("folder", ["src/lamina/media", "src/lamina/cli", "tests/contract"])
def test_no_codec_is_named_where_all_are_served(folder: str) -> None:
    names = {
        module.split(".")[2] for module in modules() if module.startswith("lamina.codecs.") and module.count(".") == 2
    }
    for path in python_files(folder):
        for node in ast.walk(tree(path)):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(part in names for name in imported for part in name.split(".")), f"{path}: {imported}"
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert node.value not in names, f"{path}: {node.value!r}"


@pytest.mark.parametrize(
    "statement", ["import lamina", "import lamina.cli", "import lamina.codecs", "import lamina.bitstream"]
)
def test_importing_the_light_rooms_does_not_import_torch(statement: str) -> None:
    code = f"{statement}; import sys; print(sorted({{'torch', 'numba', 'av', 'PIL', 'tyro'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
