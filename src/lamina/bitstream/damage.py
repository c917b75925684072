# SPDX-License-Identifier: Apache-2.0
"""What damage costs: keys of units that are lost enter, whether another unit can still be used leaves.

The rule. A unit refines what the layers below it say of its frames, and a frame of timed media is predicted from
earlier frames of its chain (its group, and the groups that this builds on) at the same level. So a lost unit (group g,
frame t, layer l) costs

- layer l and those above it, of frame t and later frames of group g, and of the groups that are chained to g;
- nothing below layer l, nothing before frame t, no other group.

A lost header unit of a group costs the group, and those chained to it. A lost layer of the stream group costs that
layer and those above it everywhere; its header unit costs the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from lamina.units import HEADER_LAYER, STREAM_GROUP, UnitKey

BEFORE_ALL_FRAMES: Final = -1


def alone(group: int) -> int:
    """Chains of a stream without any: every group is one."""
    return group


class Damage:
    """The units that are lost so far. `chain_of` gives the first group of a group's chain (`Stream.chain_of`)."""

    __slots__ = ("_chain_of", "_lost")

    def __init__(self, chain_of: Callable[[int], int] = alone, lost: Iterable[UnitKey] = ()) -> None:
        self._chain_of = chain_of
        # Chain -> layer -> (group, frame) of the first loss: it costs all that later ones of the same layer do.
        self._lost: dict[int, dict[int, tuple[int, int]]] = {}
        for key in lost:
            self.add(key)

    def add(self, key: UnitKey) -> None:
        """Note that the unit `key` is lost."""
        place = key.group, BEFORE_ALL_FRAMES if key.layer == HEADER_LAYER else key.frame
        chain = key.group if key.group == STREAM_GROUP else self._chain_of(key.group)
        layers = self._lost.setdefault(chain, {})
        layers[key.layer] = min(place, layers.get(key.layer, place))

    def costs(self, key: UnitKey, frame_count: int = 1) -> bool:
        """Whether a unit of so many frames is of no use, being lost itself or built on what is lost."""
        if not self._lost:
            return False
        if min(self._lost.get(STREAM_GROUP, ()), default=key.layer + 1) <= key.layer:
            return True
        if key.group == STREAM_GROUP:
            return False
        last = key.group, key.frame + frame_count - 1
        layers = self._lost.get(self._chain_of(key.group), {})
        return any(layer <= key.layer and place <= last for layer, place in layers.items())


def usable(
    keys: Iterable[UnitKey], lost: Iterable[UnitKey], chain_of: Callable[[int], int] = alone
) -> Iterator[UnitKey]:
    """The keys of units of one frame each that the loss of the units `lost` leaves of use."""
    damage = Damage(chain_of, lost)
    return (key for key in keys if not damage.costs(key))
