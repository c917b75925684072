# SPDX-License-Identifier: Apache-2.0
"""What a result says of where it comes from."""

from pathlib import Path

from benchmarks import run_log


def test_commands_are_told_from_the_project_and_name_no_folders_elsewhere(monkeypatch, tmp_path):
    script = Path(run_log.__file__).parent / "rivals" / "splat_files.py"
    monkeypatch.setattr("sys.argv", [str(script), str(tmp_path / "deep" / "scene.ply"), "--scale", "1/2", "a/b.ply"])
    assert run_log.command() == "python benchmarks/rivals/splat_files.py scene.ply --scale 1/2 a/b.ply"
    monkeypatch.setattr("sys.argv", [str(tmp_path / "own.py")])
    assert run_log.command() == "python own.py"
