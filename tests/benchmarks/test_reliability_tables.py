# SPDX-License-Identifier: Apache-2.0
from benchmarks.reliability_tables import disks_table, kills_table, points_table, reliability_report, starts_table


def test_nothing_measured_is_nothing_said(results) -> None:
    assert reliability_report() == ""


def test_starts_stand_beside_those_before() -> None:
    after = {"warm_cache_cpu_s": 1.25, "empty_cache_cpu_s": 14.5, "kernels": 30}
    before = {"warm_cache_cpu_s": 3.5, "empty_cache_cpu_s": 20.0, "kernels": 31}
    lines = starts_table({"decode picture": {"after": after, "before": before}, "info": {"after": after}}).splitlines()
    assert lines[2] == "| decode picture | 1.25 (3.5) | 14.5 (20) | 30 (31) |"
    assert lines[3] == "| info | 1.25 | 14.5 | 30 |"


def test_interruptions_say_what_was_the_same() -> None:
    run = {"kept": ["job.json", "stream.lam"], "second_run_s": 2.04, "same": True}
    failed = {"kept": [], "second_run_s": 21.9, "same": False}
    figures = {
        "still": {
            "kills": 10, "files_the_same": 2, "files_finished": 2, "left_behind": [], "alone_s": 21.7,
            "all_runs_s": 122.9, "full_disk": {"from_the_start": failed, "at_the_last_write": run},
        },
        "clip": {"full_disk": {}},
    }  # fmt: skip
    assert kills_table(figures).splitlines()[2:] == ["| still | 10 | 2 of 2 | 0 | 21.7 | 122.9 |"]
    assert disks_table(figures).splitlines()[2:] == [
        "| still, from the start | nothing | 21.9 | NO |",
        "| still, at the last write | job.json stream.lam | 2.0 | yes |",
    ]


def test_starts_of_captures_are_compared_with_their_own_points() -> None:
    found = {"views_px": [252, 189], "points": 10091, "size_bytes": 312328, "points_found_in_s": 0, "encode_cpu_s": 171}
    figures = {
        "fern": {"own": {**found, "psnr_db": 28.588}, "swept": {**found, "psnr_db": 28.334}},
        "lego": {"swept": {**found, "psnr_db": 29.9}},
    }
    lines = points_table(figures).splitlines()
    assert lines[2] == "| fern 252x189, own | 10,091 | 28.59 | +0.00 | 312 | 0 | 171 |"
    assert lines[3] == "| fern 252x189, swept | 10,091 | 28.33 | -0.25 | 312 | 0 | 171 |"
    assert lines[4] == "| lego 252x189, swept | 10,091 | 29.90 | – | 312 | 0 | 171 |"
