# SPDX-License-Identifier: Apache-2.0
"""What damage costs: keys of units that are lost enter, whether another unit can still be used leaves.

The rule. A unit refines what the layers below it say of its frame, and a frame of timed media is predicted from earlier
frames of its group at the same level. So a lost unit (group g, frame t, layer l) costs

- layer l and those above it, of frame t and later frames of group g;
- nothing below layer l, nothing before frame t, no other group.

A lost header unit of a group costs the group; that of the stream costs the stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lamina.bitstream.container import STREAM_HEADER
from lamina.codec import HEADER_LAYER, UnitKey


class Damage:
    """The units that are lost so far."""

    __slots__ = ("_first_lost_frame", "_whole")

    def __init__(self, lost: Iterable[UnitKey] = ()) -> None:
        self._first_lost_frame: dict[int, dict[int, int]] = {}
        self._whole = False
        for key in lost:
            self.add(key)

    def add(self, key: UnitKey) -> None:
        """Note that the unit `key` is lost."""
        if key == STREAM_HEADER:
            self._whole = True
        layers = self._first_lost_frame.setdefault(key.group, {})
        frame = 0 if key.layer == HEADER_LAYER else key.frame
        layers[key.layer] = min(frame, layers.get(key.layer, frame))

    def costs(self, key: UnitKey) -> bool:
        """Whether the unit `key` is of no use, being lost itself or built on what is lost."""
        layers = self._first_lost_frame.get(key.group, {})
        if HEADER_LAYER in layers or self._whole:
            return True
        return any(layer <= key.layer and frame <= key.frame for layer, frame in layers.items())


def usable(keys: Iterable[UnitKey], lost: Iterable[UnitKey]) -> Iterator[UnitKey]:
    """Those of `keys` that the loss of the units `lost` leaves of use."""
    damage = Damage(lost)
    return (key for key in keys if not damage.costs(key))
