# SPDX-License-Identifier: Apache-2.0
import xml.etree.ElementTree as ElementTree

import pytest
from benchmarks.result_files import add_figures
from benchmarks.summary_tables import markdown_table
from made_up_figures import clip_figures, rival_figures, scene_figures, still_figures

from benchmarks import make_figures


@pytest.fixture
def measured(results):
    for name, figures in (
        ("stills_default", still_figures(gain_db=1.0)),
        ("stills_default_single", still_figures(gain_db=1.2, targets=(0.03, 0.2, 0.7), shares=(1.0,))),
        ("rivals_stills", rival_figures()),
        ("clips_default", clip_figures()),
        ("scenes_fast", scene_figures()),
        ("rivals_clips", {"akiyo": {"x265": clip_figures()["akiyo"]["bpp=0.1"]["levels"]}}),
    ):
        for subject, values in figures.items():
            add_figures(name, {"protocol": "made up"}, subject, values)
    return results


def test_write_then_check_finds_nothing_stale(measured, tmp_path):
    (tmp_path / "README.md").write_text(
        "before\n<!-- table: clips_default -->\nold\n<!-- end of table -->\n"
        "<!-- table: scenes_fast -->\n<!-- end of table -->\nafter\n"
    )
    assert make_figures.stale_files(tmp_path)
    make_figures.write_files(tmp_path)
    assert make_figures.stale_files(tmp_path) == []
    readme = (tmp_path / "README.md").read_text()
    assert "| akiyo | 0.1 bpp | 2 |" in readme
    assert "| bonsai | 0.002 | 2 |" in readme
    assert "old" not in readme
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")


def test_check_finds_what_was_changed_by_hand_and_what_is_left_over(measured, tmp_path):
    make_figures.write_files(tmp_path)
    page, left_over = tmp_path / make_figures.RESULTS_PAGE, tmp_path / make_figures.FIGURES / "old.svg"
    page.write_text(page.read_text().replace("-", "+", 1))
    left_over.write_text("<svg/>")
    assert make_figures.stale_files(tmp_path) == [make_figures.FIGURES / "old.svg", make_figures.RESULTS_PAGE]
    make_figures.write_files(tmp_path)
    assert not left_over.exists()


def test_results_page_holds_every_kind_of_figure(measured, tmp_path):
    page = make_figures.made_files(tmp_path)[make_figures.RESULTS_PAGE]
    for heading in ("BD-rate (PSNR)", "own bytes", "Cost of scalability", "bits by frame type", "Scenes, preset fast"):
        assert heading in page
    assert "| akiyo | 0.1 bpp | 50.00 | 5.00 | 40.0 | 4.0 | 10 % | 2.00 | 50 |" in page


def test_plots_are_well_formed_and_the_same_each_time(measured, tmp_path):
    files = make_figures.made_files(tmp_path)
    plots = {path.stem: text for path, text in files.items() if path.suffix == ".svg"}
    assert set(plots) == {"stills_mean", "stills_each", "stills_scalability", "clips_each", "scene_bonsai"}
    for text in plots.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")
    assert make_figures.made_files(tmp_path) == files


def test_without_results_only_an_empty_page_is_made(results, tmp_path):
    assert list(make_figures.made_files(tmp_path)) == [make_figures.RESULTS_PAGE]


def test_readme_rejects_a_table_that_nothing_makes(measured):
    with pytest.raises(ValueError, match="no table 'speed'; there are clip_bits_default"):
        make_figures.with_tables("<!-- table: speed -->\n<!-- end of table -->", make_figures.readme_tables())


def test_markdown_table_aligns_numbers_right():
    assert markdown_table(["a", "b"], [["x", "1"]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"
