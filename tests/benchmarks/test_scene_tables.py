# SPDX-License-Identifier: Apache-2.0
import torch
from benchmarks.scene_plots import scene_plots
from benchmarks.scene_tables import scene_report, short_levels_table
from made_up_figures import one_level_figures, scene_figures, splat_file_figures, write, write_scenes

HEADINGS = (
    "every level",
    "by part",
    "one level",
    "coarse-to-fine",
    "other tools",
    "Fits without a rate",
    "Time and memory",
)


def sections_of(report):
    """Lines of each heading's section."""
    parts = [part.splitlines() for part in report.split("### ")[1:]]
    return {lines[0]: lines[1:] for lines in parts}


def section(report, words):
    return next(lines for heading, lines in sections_of(report).items() if words in heading)


def test_report_has_a_section_for_everything_that_was_measured(results):
    write_scenes()
    report = scene_report("fast")
    for words in HEADINGS:
        assert any(words in heading for heading in sections_of(report)), words
    assert "| 0.002 | 2 | 200.0 | 10,000 | 20,000 | 26.00 | 0.6500 | 30 |" in section(report, "bonsai, every level")
    assert "| tree | 50.0 | 25.0 % | 50.0 | 25.0 % |" in section(report, "by part")
    assert "| bonsai | 0.004 | – | – | 600 | 1,100 | 1,200 | 0.50 | 400 | – | 2.75 |" in section(
        report, "Time and memory"
    )


def test_fits_on_a_gpu_have_their_own_section_with_its_name(results, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A GPU")
    write("scenes_fast", scene_figures())
    assert "On A GPU" not in scene_report("fast")
    write("scenes_fast_cuda", scene_figures())
    lines = section(scene_report("fast"), "On A GPU")
    assert "| bonsai | 0.002 | 2 | 200.0 | 10,000 | 20,000 | 26.00 | 0.6500 | 30 |" in lines


def test_what_quantising_costs_is_the_difference_of_both_qualities(results):
    write("scenes_fast", scene_figures())
    fit = {"steps": 8000, "bytes": [1000, 200_000], "psnr": [20.0, 26.0], "fitted_psnr": 26.25}
    write("scene_quantization", {"bonsai": {"lambda=0.002": fit}})
    lines = section(scene_report("fast"), "quantising costs")
    assert "| bonsai | 0.002 | 8,000 | 200.0 | 26.25 | 26.00 | +0.25 |" in lines
    assert "quantising costs" not in scene_report("default")


def test_one_level_is_compared_at_equal_psnr_and_only_where_ranges_overlap(results):
    write_scenes()
    lines = section(scene_report("fast"), "one level")
    assert lines.count("| bonsai | 26.00 | 200.0 | 180.0 | +11.1 % |") == 2
    assert "| bonsai | 28.00 | 400.0 | – | – |" in lines
    assert any("**bonsai, BD-rate**" in line and "**+11.1 %**" in line for line in lines)
    assert not any("lego" in line for line in lines)


def test_one_level_without_common_psnr_says_so(results):
    write("scenes_fast", scene_figures())
    apart = one_level_figures()
    for file in apart["bonsai"].values():
        file["levels"][0]["psnr"] += 10
    write("scenes_fast_one_level", apart)
    assert "no PSNR in common: 24.00 to 28.00 dB, one level 34.00 to 36.00 dB" in scene_report("fast")


def test_lower_levels_show_what_coarse_to_fine_gains(results):
    write_scenes()
    lines = section(scene_report("fast"), "coarse-to-fine")
    assert "| bonsai | 0.002 | 0 | 25.0 | 25.0 | +0.0 % | 20.00 | 17.50 | +2.50 |" in lines
    assert "| bonsai | 0.002 | 2 | 200.0 | 200.0 | +0.0 % | 26.00 | 26.00 | +0.00 |" in lines


def test_splat_files_show_share_of_the_size_also_at_equal_psnr(results):
    write_scenes()
    lines = section(scene_report("fast"), "other tools")
    assert "| bonsai | 0.002 | 20,000 | 200.0 | 26.00 | .spz | 400.0 | 25.00 | +1.00 | 50 % | 35 % | 32 % |" in lines


def test_splat_files_of_another_fit_are_left_out(results):
    write("scenes_fast", scene_figures())
    write("rivals_splat_files", {"bonsai_lambda=0.002": splat_file_figures(15_000, 400, 25.0)})
    assert "other tools" not in scene_report("fast")
    assert "as .spz" not in scene_plots()["scene_bonsai"]


def test_plain_fit_is_compared_with_the_best_file(results):
    write_scenes()
    lines = section(scene_report("fast"), "Fits without a rate")
    assert "| bonsai | plain 3DGS | 8,000 | 33,000 | 28.50 | 0.8000 | 350 | -0.50 |" in lines


def test_report_works_with_scenes_alone_and_is_empty_without(results):
    assert scene_report("fast") == short_levels_table("fast") == ""
    assert scene_plots() == {}
    write("scenes_fast", scene_figures())
    assert list(sections_of(scene_report("fast"))) == [
        "bonsai, every level",
        "Bytes by part, middle lambda",
        "Time and memory",
    ]
    assert short_levels_table("fast").splitlines()[-1] == "| bonsai | 0.002 | 2 | 200.0 | 26.00 | 0.6500 |"
