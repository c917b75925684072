# SPDX-License-Identifier: Apache-2.0
"""What is written of a stream enters; where a fit goes on, leaves."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.codec import Written
from lamina.units import HEADER_LAYER, STREAM_GROUP


@dataclass(frozen=True, slots=True)
class RestartPoint:
    """Where an encode goes on."""

    group: int = 0
    frame: int = 0
    """First frame that is yet to be coded."""
    spent_bytes: int = 0
    """Payloads that are finished."""


def after_whole_groups(written: Written, level_count: int) -> RestartPoint:
    """Keep the groups that are finished, forget what follows, and say where to go on.

    A group is finished when it has `level_count` layers, all of the same frames. Units must have been made group by
    group, after those of the stream group; without a finished group these are made again too.
    """
    frames: dict[int, dict[int, set[int]]] = {}
    ends: dict[int, int] = {}
    for place, key in enumerate(written.keys, start=1):
        ends[key.group] = place
        if key.group != STREAM_GROUP and key.layer != HEADER_LAYER:
            frames.setdefault(key.group, {}).setdefault(key.layer, set()).add(key.frame)
    whole = [
        group
        for group, layers in sorted(frames.items())
        if len(layers) == level_count and all(layer == layers[0] for layer in layers.values())
    ]
    last = max((number for number, group in enumerate(whole) if number == group), default=-1)
    written.keep(ends[last] if last >= 0 else 0)
    if last < 0:
        return RestartPoint()
    spent = sum(len(unit.payload) for unit in written.units())
    return RestartPoint(last + 1, max(frames[last][0]) + 1, spent)


def is_whole(written: Written, level_count: int) -> bool:
    """Whether a still is finished: its one group has all layers. What is there of an unfinished one is forgotten."""
    return after_whole_groups(written, level_count).group > 0
