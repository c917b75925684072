# SPDX-License-Identifier: Apache-2.0
"""What tools are told without decoding: facts of the header, where bytes go."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from freeview_samples import Play, first_part, play_units

from lamina.codecs.freeview.coding import stream_facts
from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.syntax import FreeviewFacts, MotionFacts
from lamina.units import STREAM_GROUP, QualityMetric, SeenBy


def test_facts_of_the_header() -> None:
    first = first_part()
    info = inspect(play_units(first)[0].payload)
    assert info.kind == "free view"
    assert (info.width, info.height, info.level_count) == (40, 30, 3)
    assert info.frames_per_second == Fraction(25)
    assert info.is_timed
    assert info.seen_by is SeenBy.CAMERA
    assert info.details["moved by"] == "cells of depth 1, cells of depth 3, anchors"
    assert info.details["background"] == "#0a141e"
    assert info.details["nearest"] == "0.25 world units"
    facts = stream_facts(first.facts)
    assert (facts.seen_by, facts.quality_metric) == (SeenBy.CAMERA, QualityMetric.VIEW_PSNR)
    assert facts.frames_per_second == Fraction(25)


@pytest.mark.parametrize("layers", [1, 3])
def test_every_byte_of_every_unit_is_somebodys(layers: int) -> None:
    units = play_units(first_part(layers), Play(6, 2, (0, 4)))
    named: set[str] = set()
    for unit in units:
        parts = breakdown(units[0].payload, unit)
        assert sum(parts.values()) == len(unit.payload)
        assert all(size >= 0 for size in parts.values())
        named |= {name for name, size in parts.items() if size}
    assert {"generators", "context networks", "cameras", "tree", "features", "motion", "key motion", "headers"} <= named


def test_key_motion_is_that_of_frames_at_which_a_viewer_can_join() -> None:
    units = play_units(first_part(2), Play(6, 2, (0, 4)))
    for unit in units:
        if unit.key.group == STREAM_GROUP:
            continue
        parts = breakdown(units[0].payload, unit)
        assert ("key motion" in parts) == (unit.key.frame in (0, 4))


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"motion": {"depths": (1,)}}, "scales for"),
        ({"motion": {"depths": (3, 1)}}, "finer than the one before"),
        ({"motion": {"depths": (1, 1)}}, "finer than the one before"),
        ({"motion": {"depths": (3, 4)}}, "its layer only down to 2"),
        ({"motion": {"steps": (0.0, 1.0, 1.0, 1.0)}}, "steps"),
        ({"motion": {"unit": 0.0}}, "unit"),
        ({"width": 0}, "width"),
        ({"rate_denominator": 0}, "rate_denominator"),
        ({"near": -1.0}, "near"),
    ],
)
def test_facts_beyond_the_format_are_refused(fields: dict[str, Any], match: str) -> None:
    good: FreeviewFacts = first_part().facts
    motion: MotionFacts = replace(good.motion, **fields.pop("motion", {}))
    with pytest.raises(ValueError, match=match):
        replace(good, cells=motion, **fields).pack()
