# SPDX-License-Identifier: Apache-2.0
import pytest
from benchmarks.scene_figures import (
    is_same_scene,
    middle_file,
    scene_files,
    size_at_psnr,
    splat_files_of,
    top_curve,
    uncoded_scenes,
)
from made_up_figures import plain_figures, scene_figures, splat_file_figures, write


def test_files_come_by_capture_and_lambda(results):
    write("scenes_fast", scene_figures(("lego", "bonsai")))
    files = scene_files("fast")
    assert [(file.capture, file.rate_weight) for file in files] == [
        (capture, rate_weight) for capture in ("bonsai", "lego") for rate_weight in (0.001, 0.002, 0.004)
    ]
    assert middle_file(files[:3]).rate_weight == 0.002
    assert top_curve(files[:3]) == [(100e3, 24.0), (200e3, 26.0), (400e3, 28.0)]
    assert scene_files("default") == scene_files("fast", "one_level") == []


def test_size_at_psnr_is_linear_in_log_bytes_and_unknown_outside():
    curve = [(400e3, 28.0), (100e3, 24.0)]
    assert size_at_psnr(curve, 26.0) == pytest.approx(200e3)
    assert size_at_psnr(curve, 28.0) == pytest.approx(400e3)
    assert size_at_psnr(curve, 28.1) is None
    assert size_at_psnr(curve, 23.9) is None
    assert size_at_psnr([], 24.0) is None


def test_uncoded_scenes_are_the_longest_plain_fits_and_anchors_of_the_preset(results):
    longest = {f"steps=8000,count={count}": plain_figures(count, 26.0) for count in (100_000, 33_000)}
    write("plain_gaussians", {"bonsai": {"steps=300,count=33000": plain_figures(33_000, 20.0), **longest}})
    anchors = {"offsets": 90_000, "steps": 8000, "psnr": 28.0, "ssim": 0.9, "fit_cpu_s": 400.0}
    settings = ("scaffold,preset=fast,steps=8000", "no_rate,preset=fast,steps=8000", "scaffold,preset=default,steps=9")
    write("scaffold_gaussians", {"bonsai": dict.fromkeys(settings, anchors)})
    assert [(scene.kind, scene.steps, scene.gaussians) for scene in uncoded_scenes("bonsai", "fast")] == [
        ("plain 3DGS", 8000, 33_000),
        ("plain 3DGS", 8000, 100_000),
        ("Scaffold-GS", 8000, 90_000),
        ("the preset, lambda 0", 8000, 90_000),
    ]
    assert uncoded_scenes("lego", "fast") == []


def test_splat_files_are_found_by_capture_preset_and_lambda(results):
    write("scenes_fast", scene_figures())
    fast = {file.rate_weight: file for file in scene_files("fast")}
    write(
        "rivals_splat_files",
        {
            "bonsai_lambda=0.004": splat_file_figures(9_990, 150, 23.0),
            "bonsai_fast_lambda_0.002": splat_file_figures(5_000, 150, 23.0),
            "bonsai_default_lambda=0.001": splat_file_figures(40_000, 600, 27.0),
        },
    )
    found = splat_files_of(fast[0.004], "fast")
    assert found is not None
    assert is_same_scene(fast[0.004], found)
    of_another_fit = splat_files_of(fast[0.002], "fast")
    assert of_another_fit is not None
    assert not is_same_scene(fast[0.002], of_another_fit)
    assert splat_files_of(fast[0.001], "fast") is None
    assert splat_files_of(fast[0.001], "default") is not None
