# SPDX-License-Identifier: Apache-2.0
import xml.etree.ElementTree as ElementTree

from benchmarks.scene_plots import scene_plots
from made_up_figures import scene_figures, write, write_scenes


def test_plots_show_every_level_rivals_and_the_plain_fit(results):
    write_scenes()
    write("scenes_default", scene_figures(("bonsai",)))
    plots = scene_plots()
    assert set(plots) == {"scene_bonsai", "scene_lego"}
    for text in plots.values():
        assert ElementTree.fromstring(text).tag.endswith("svg")
    for label in ("plain 3DGS, 33,000", "one level (HAC), fast", "as .spz, fast", "Lamina default, levels of one file"):
        assert label in plots["scene_bonsai"]
        assert label not in plots["scene_lego"]
