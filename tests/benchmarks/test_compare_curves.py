# SPDX-License-Identifier: Apache-2.0
import pytest
from benchmarks.compare_curves import (
    bd_rates,
    level_curves,
    level_gains_db,
    mean_bd_rates,
    scalability_costs,
    target_summaries,
)
from benchmarks.rivals.curves import points_from_json
from made_up_figures import rival_figures, still_figures

RIVALS = {
    picture: {name: points_from_json(points) for name, points in curves.items()}
    for picture, curves in rival_figures().items()
}


def test_bd_rate_of_five_db_is_half_the_bytes():
    rates = bd_rates(still_figures(gain_db=5.0)["kodim01"], RIVALS["kodim01"])
    assert rates == pytest.approx(dict.fromkeys(RIVALS["kodim01"], -50.0), abs=0.1)


def test_bd_rate_leaves_out_rivals_without_common_quality():
    assert bd_rates(still_figures(gain_db=60.0)["kodim01"], RIVALS["kodim01"]) == {}
    assert bd_rates({}, RIVALS["kodim01"]) == {}


def test_bd_rate_counts_only_targets_within_the_compared_range():
    results = still_figures(gain_db=5.0, targets=(0.2, 0.6))["kodim01"]
    outlier = still_figures(gain_db=-9.0, targets=(0.05,))["kodim01"]
    assert bd_rates({**outlier, **results}, RIVALS["kodim01"])["jpeg2000"] == pytest.approx(-50.0, abs=0.1)


def test_mean_bd_rates_say_how_many_subjects_they_are_of():
    assert mean_bd_rates([{"jpeg": -40.0, "avif": 2.0}, {"jpeg": -20.0}]) == {"jpeg": (-30.0, 2), "avif": (2.0, 1)}


def test_level_gains_are_at_each_levels_own_bytes():
    jpeg2000 = {picture: curves["jpeg2000"] for picture, curves in RIVALS.items()}
    gains = level_gains_db(still_figures(gain_db=0.7), jpeg2000)
    assert set(gains) == {"bpp=0.2", "bpp=0.4", "bpp=0.6"}
    assert gains["bpp=0.4"] == pytest.approx([0.7, 0.7, 0.7], abs=0.01)


def test_scalability_costs_compare_levels_with_single_layer_files():
    single = still_figures(gain_db=1.0, targets=(0.03, 0.1, 0.3, 0.7), shares=(1.0,))
    costs = scalability_costs(still_figures(gain_db=0.0), single)
    assert costs == pytest.approx(dict.fromkeys(("kodim01", "kodim02"), 100 * (2**0.2 - 1)), abs=0.2)


def test_target_summaries_are_means_smallest_target_first():
    figures = still_figures(gain_db=0.0, targets=(0.6, 0.2))
    figures["kodim02"]["bpp=0.2"]["encode_s"] = 60.0
    first, second = target_summaries(figures)
    assert (first.target, first.count, first.encode_s) == ("bpp=0.2", 2, 50.0)
    assert second.levels[2]["bpp"] == pytest.approx(0.6)


def test_level_curves_leave_targets_in_splats_out():
    results = still_figures(gain_db=0.0)["kodim01"]
    curves = level_curves({**results, "splats=9000": results["bpp=0.2"]})
    assert [len(curve) for curve in curves] == [3, 3, 3]
