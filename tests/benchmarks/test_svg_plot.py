# SPDX-License-Identifier: Apache-2.0
import re

import pytest
from benchmarks.svg_plot import COLORS, Curve, Panel, draw


def panel(points, is_x_log=True):
    curves = [Curve("lamina", "Lamina <top>", points), Curve("jpeg", "JPEG", points, is_dashed=True)]
    return Panel("a & b", "bits per pixel", "PSNR, dB", curves, is_x_log)


def test_drawing_has_each_label_once_escaped_and_in_its_color():
    drawing = draw([panel([(0.1, 30.0), (1.0, 40.0)]), panel([(0.2, 30.0), (1.0, 42.0)])], columns=2)
    assert drawing.count("Lamina &lt;top&gt;") == 1
    assert "a &amp; b" in drawing
    assert COLORS["lamina"] in drawing
    assert "stroke-dasharray" in drawing


def test_log_axis_puts_equal_ratios_at_equal_distances():
    drawing = draw([panel([(0.01, 1.0), (0.1, 2.0), (1.0, 3.0)])], columns=1)
    x = [float(value) for value in re.findall(r'<circle cx="([\d.]+)"', drawing.split("<g ")[1])[:3]]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.15)


def test_one_point_can_be_drawn():
    assert "<circle" in draw([panel([(0.3, 30.0)])], columns=4)


def test_draw_rejects_what_an_axis_cannot_show():
    with pytest.raises(ValueError, match="above 0"):
        draw([panel([(0.0, 30.0), (1.0, 40.0)])], columns=1)
    with pytest.raises(ValueError, match="finite"):
        draw([panel([(0.1, float("nan"))])], columns=1)
