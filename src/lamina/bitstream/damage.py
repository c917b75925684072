# SPDX-License-Identifier: Apache-2.0
"""What damage costs: keys of units that are lost enter, whether another unit can still be used leaves.

The rule. A unit refines what the layers below it say of its frame, and a frame of timed media is predicted from earlier
frames of its group at the same level. So a lost unit (group g, frame t, layer l) costs

- layer l and those above it, of frame t and later frames of group g, and of groups that are chained to g;
- nothing below layer l, nothing before frame t, no other group.

A lost header unit of a group costs the group, and those chained to it. A lost layer of the stream group costs that
layer and those above it everywhere; its header unit costs the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lamina.units import HEADER_LAYER, STREAM_GROUP, UnitKey


def never(_group: int) -> bool:
    """No group is chained."""
    return False


class Damage:
    """The units that are lost so far."""

    __slots__ = ("_first_lost_frame", "_is_chained")

    def __init__(self, is_chained: Callable[[int], bool] = never, lost: Iterable[UnitKey] = ()) -> None:
        self._first_lost_frame: dict[int, dict[int, int]] = {}
        self._is_chained = is_chained
        for key in lost:
            self.add(key)

    def add(self, key: UnitKey) -> None:
        """Note that the unit `key` is lost."""
        layers = self._first_lost_frame.setdefault(key.group, {})
        frame = 0 if key.layer == HEADER_LAYER else key.frame
        layers[key.layer] = min(frame, layers.get(key.layer, frame))

    def costs(self, key: UnitKey) -> bool:
        """Whether the unit `key` is of no use, being lost itself or built on what is lost."""
        for group, layers in self._first_lost_frame.items():
            if group == key.group:
                if any(layer <= key.layer and frame <= key.frame for layer, frame in layers.items()):
                    return True
                if HEADER_LAYER in layers:
                    return True
            elif min(layers) <= key.layer and (group == STREAM_GROUP or self._builds_on(key.group, group)):
                return True
        return False

    def _builds_on(self, group: int, earlier: int) -> bool:
        """Whether a chain leads from one group back to another."""
        return earlier < group and all(self._is_chained(number) for number in range(group, earlier, -1))


def usable(
    keys: Iterable[UnitKey], lost: Iterable[UnitKey], is_chained: Callable[[int], bool] = never
) -> Iterator[UnitKey]:
    """Those of `keys` that the loss of the units `lost` leaves of use."""
    damage = Damage(is_chained, lost)
    return (key for key in keys if not damage.costs(key))
