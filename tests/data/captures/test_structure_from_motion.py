# SPDX-License-Identifier: Apache-2.0
"""Photographs without poses, where pycolmap is installed."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamina.codec import Progress
from lamina.data import write_image
from lamina.data.captures import read_capture, reconstruct
from lamina.data.captures import structure_from_motion as module
from lamina.errors import BackendUnavailable, Interrupted, SignalError

needs_pycolmap = pytest.mark.skipif(
    importlib.util.find_spec("pycolmap") is None, reason="pycolmap is not installed: pip install 'lamina[sfm]'"
)


@pytest.fixture
def photographs(tmp_path: Path, photo: np.ndarray) -> Path:
    """Three pictures of one plane: no depth can be found in them."""
    for number in range(3):
        folder = tmp_path / "photographs"
        folder.mkdir(exist_ok=True)
        write_image(folder / f"{number}.png", np.ascontiguousarray(photo[:, number : number + 90]))
    return tmp_path / "photographs"


@pytest.fixture
def fake_pycolmap(monkeypatch: pytest.MonkeyPatch):
    """A process that says what the test wants instead of pycolmap's."""
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: object())

    def say(program: str) -> None:
        run = subprocess.Popen
        monkeypatch.setattr(
            module.subprocess,
            "Popen",
            lambda command, **options: run([sys.executable, "-c", program, command[-1]], **options),
        )

    return say


@needs_pycolmap
@pytest.mark.data
def test_a_dozen_pictures_of_the_fern_get_their_cameras(development_data: Path, tmp_path: Path) -> None:
    source = development_data / "static" / "llff_fern"
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for path in sorted((source / "images_8").iterdir())[:12]:
        (photographs / path.name).symlink_to(path)
    reports: list[Progress] = []
    found = reconstruct(photographs, tmp_path / "out", report=reports.append)
    assert (found.registered, found.photographs, found.model_count) == (12, 12, 1)
    assert found.error_px < 1.0
    assert reports[0].done == 0.0
    assert {report.stage.partition(":")[0] for report in reports} == {
        "finding features", "finding matches", "finding cameras"
    }  # fmt: skip
    capture, known = read_capture(found.folder), read_capture(source)
    assert len(capture) == 12
    assert len(capture.points) > 500
    # The same path as LLFF's, up to the choice of a world.
    ours = np.stack([view.camera.position_world for view in capture.views])
    theirs = np.stack([view.camera.position_world for view in known.views[:12]])
    assert similarity_error(ours, theirs) < 0.05


def similarity_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """What is left after the best rotation, scale and shift, in parts of the path's size. Source: Umeyama 1991."""
    a, b = ours - ours.mean(axis=0), theirs - theirs.mean(axis=0)
    left, values, right = np.linalg.svd(b.T @ a)
    signs = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    scale = (values * np.diag(signs)).sum() / np.square(a).sum()
    return float(np.linalg.norm(b - scale * a @ (left @ signs @ right).T) / np.linalg.norm(b))


@needs_pycolmap
def test_pictures_without_depth_are_told(photographs: Path, tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"no cameras could be found for 3 photographs; .* see .*reconstruction\.log"):
        reconstruct(photographs, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["reconstruction.log"]


def test_without_pycolmap_the_command_that_installs_it_is_told(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"pip install 'lamina\[sfm\]'"):
        reconstruct(photographs, tmp_path / "out")


def test_a_process_that_dies_is_told_with_its_last_words(photographs: Path, tmp_path: Path, fake_pycolmap) -> None:
    fake_pycolmap("import os; print('check failed: x > 0', flush=True); os.kill(os.getpid(), 6)")
    with pytest.raises(SignalError, match=r"pycolmap failed \(ended by signal 6\): check failed: x > 0; .*log"):
        reconstruct(photographs, tmp_path / "out")
    assert "check failed" in (tmp_path / "out" / "reconstruction.log").read_text()


def test_a_stop_ends_the_process_and_removes_what_was_begun(photographs: Path, tmp_path: Path, fake_pycolmap) -> None:
    fake_pycolmap("import time; print('lamina-stage matches', flush=True); time.sleep(60)")

    def stop(progress: Progress) -> None:
        raise Interrupted(progress.stage)

    with pytest.raises(Interrupted, match="finding matches"):
        reconstruct(photographs, tmp_path / "out", report=stop)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["reconstruction.log"]


def test_counts_of_rows_and_columns_become_a_share(photographs: Path, tmp_path: Path, fake_pycolmap) -> None:
    found = json.dumps({"registered": 3, "models": 2, "error_px": 0.5})
    fake_pycolmap(
        "import sys, pathlib; (pathlib.Path(sys.argv[1]) / 'model').mkdir();"
        f"print('lamina-stage matches\\nMatching block [2/4, 1/2]\\nlamina-result {found}')"
    )
    shares: list[float] = []
    result = reconstruct(photographs, tmp_path / "out", report=lambda progress: shares.append(progress.done))
    assert shares == pytest.approx([0.3, 0.3 + 0.3 * 3 / 8])
    assert (result.registered, result.photographs, result.model_count, result.error_px) == (3, 3, 2, 0.5)
    assert len(list((tmp_path / "out" / "images").iterdir())) == 3
    with pytest.raises(SignalError, match="holds a reconstruction already"):
        reconstruct(photographs, tmp_path / "out")


def test_too_few_photographs_are_told(tmp_path: Path, photo: np.ndarray, fake_pycolmap) -> None:
    write_image(tmp_path / "a.png", photo)
    with pytest.raises(SignalError, match=r"1 photographs; expected at least 3"):
        reconstruct(tmp_path, tmp_path / "out")
    with pytest.raises(SignalError, match=r"no such folder; expected photographs"):
        reconstruct(tmp_path / "none", tmp_path / "out")
