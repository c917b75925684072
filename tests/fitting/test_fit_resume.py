# SPDX-License-Identifier: Apache-2.0
"""Where an encode goes on, from what is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from lamina.fitting.resume import RestartPoint, after_whole_groups, is_whole
from lamina.units import STREAM_HEADER, Unit, UnitKey

HEADER = Unit(STREAM_HEADER, b"header")


@dataclass
class Kept:
    """Units in memory that count as written."""

    made: list[Unit] = field(default_factory=list)

    @property
    def keys(self) -> list[UnitKey]:
        return [unit.key for unit in self.made]

    def units(self) -> Iterator[Unit]:
        return iter(self.made)

    def keep(self, count: int) -> None:
        del self.made[count:]


def clip(groups: int, layers: int = 2, frames: int = 3) -> list[Unit]:
    return [
        HEADER,
        *(
            Unit(UnitKey(group, layer, frames * group + t), b"1234")
            for group in range(groups)
            for layer in range(layers)
            for t in range(frames)
        ),
    ]


def test_a_clip_goes_on_after_its_last_whole_group() -> None:
    for missing in range(1, 7):
        written = Kept(clip(3)[:-missing])
        assert after_whole_groups(written, 2) == RestartPoint(2, 6, 6 + 12 * 4)
        assert written.made == clip(2)
    assert after_whole_groups(Kept(clip(3)), 2) == RestartPoint(3, 9, 6 + 18 * 4)


@pytest.mark.parametrize("made", [[], [HEADER], clip(1)[:-1]])
def test_without_a_whole_group_all_begins_anew(made: list[Unit]) -> None:
    written = Kept(list(made))
    assert after_whole_groups(written, 2) == RestartPoint()
    assert written.made == []


def test_a_still_is_whole_with_all_layers() -> None:
    assert is_whole(Kept(clip(1, frames=1)), 2)
    partial = Kept(clip(1, frames=1)[:-1])
    assert not is_whole(partial, 2)
    assert partial.made == []
