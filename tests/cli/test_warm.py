# SPDX-License-Identifier: Apache-2.0
"""`lamina warm` compiles once, says where, and refuses a folder that cannot be written. Rehearsed with small jobs."""

from pathlib import Path

import pytest

from lamina import kernel_compiler
from lamina.cli import warm
from lamina.media import rehearsal


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where kernels are kept in these tests."""
    monkeypatch.setattr(kernel_compiler, "kernel_folder", lambda: tmp_path / "kernels")
    return tmp_path / "kernels"


def test_compiles_once(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def run_job(job: str, kernels: list[str], _processes: list) -> None:
        runs.append(job)
        kernels.append("sweep")

    monkeypatch.setattr(warm, "_run_job", run_job)
    status, output, _ = run("warm", "--quiet")
    assert status == 0
    assert output.startswith(f"{folder}: {len(rehearsal.JOBS)} kernels compiled in ")
    assert sorted(runs) == sorted(rehearsal.JOBS)
    assert run("warm", "--quiet")[:2] == (0, f"{folder}: everything is compiled\n")
    assert len(runs) == len(rehearsal.JOBS)


def test_compiles_again_for_other_sources(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm, "_run_job", lambda _job, kernels, _processes: kernels.append("sweep"))
    run("warm", "--quiet")
    monkeypatch.setattr(warm, "_state", lambda: "other sources")
    assert "compiled in" in run("warm", "--quiet")[1]
    assert [path.read_text() for path in folder.iterdir()] == ["other sources"]


def test_rejects_a_folder_that_cannot_be_written(run, folder: Path) -> None:
    folder.write_text("")
    status, _, errors = run("warm", "--quiet")
    assert status == 1
    assert errors.count("\n") == 1
    assert "set LAMINA_CACHE_DIR" in errors


def test_says_which_job_failed_and_marks_nothing(run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "JOBS", {"no such job": print})
    status, _, errors = run("warm", "--quiet")
    assert status == 1
    assert "compiling for no such job failed: KeyError" in errors
    assert not list(folder.iterdir())


def test_a_rehearsal_names_what_it_compiles(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lamina import compiled

    def job(folder: Path) -> None:
        assert folder.is_dir()
        compiled._STATE.begin("sweep")
        compiled._STATE.end()

    monkeypatch.setattr(rehearsal, "JOBS", {"a job": job})
    warm.rehearse("a job")
    assert capsys.readouterr().out == "sweep\n"
