# SPDX-License-Identifier: Apache-2.0
import pytest
from benchmarks.container_overhead import CASES, Case, flushes_of, groups_of, measure, share

from lamina.units import UnitKey


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.label}, groups of {case.group_frames}")
def test_the_container_takes_no_more_than_it_may(tmp_path, case: Case) -> None:
    figures = measure(case, 8, tmp_path)
    most = 1.1 if case.bits_per_second == 200_000 else 8.0
    assert figures["container_percent"] < most
    assert figures["journal_one_second_flushes_percent"] < most
    assert figures["kbit_s"] == pytest.approx(case.bits_per_second / 1000, rel=0.2)
    assert figures["open_read_bytes"] < 1000
    assert list(tmp_path.iterdir()) == []


def test_flushes_hold_the_units_of_their_frames() -> None:
    groups = list(groups_of(Case("short", 10_000, 25), 2))
    assert [len(group) for group in groups] == [75, 75]
    flushes = list(flushes_of(groups[1], 10))
    assert [len(flush) for flush in flushes] == [30, 30, 15]
    assert flushes[2][0].key == UnitKey(1, 0, 45)


def test_a_share_is_of_the_whole_file() -> None:
    assert share(200, 150) == 25.0
