# SPDX-License-Identifier: Apache-2.0
"""One scale of one frame <-> its unit's payload.

    MotionHead    what follows; guests that leave, what those that stay differ by, guests that come
    stream        differences of the scale's cells                                     scale_coding.py

All that a unit builds on is a `ScaleState`: that of the frame before, of the same scale; without one it is absolute,
differences are from rest, and all guests come anew. Of the scale above, in the same frame, differences are contexts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, UInt8

from lamina.anchors.context.fixed import FixedContext
from lamina.anchors.layers import AnchorLayer
from lamina.codecs.freeview.guests import (
    MAX_GUESTS,
    Guests,
    gaps_of,
    joined,
    no_guests,
    pack_births,
    remaining,
    stays_of,
    unpack_births,
)
from lamina.codecs.freeview.memory import Memory, fresh_memory
from lamina.codecs.freeview.motion import Sums, added
from lamina.codecs.freeview.rest import Rest
from lamina.codecs.freeview.scale_coding import Above, Carrier, pack_differences, unpack_differences
from lamina.codecs.freeview.syntax import MotionHead
from lamina.errors import BitstreamError

UNIT = "frame"


@dataclass(frozen=True, eq=False)
class Changes:
    """What a unit says."""

    is_absolute: bool
    differences: Int32[np.ndarray, "n c"]
    """Of the scale's cells: from the frame before, or from rest."""
    stays: UInt8[np.ndarray, " g"]
    """0 for guests that leave; of an absolute frame, none were there."""
    guest_differences: Int32[np.ndarray, "s c"]
    """Of guests that stay."""
    born: AnchorLayer | None = None
    """Guests that come."""


@dataclass(frozen=True, eq=False)
class ScaleState:
    """Of one scale after a frame."""

    sums: Sums
    """Since rest."""
    differences: Int32[np.ndarray, "n c"]
    """Of this frame."""
    flags: UInt8[np.ndarray, " n"]
    """A bit a group of columns in which a cell differs."""
    memory: Memory
    guests: Guests


def at_rest(rest: Rest, scale: int) -> ScaleState:
    """Before any frame."""
    count, columns = rest.hierarchy(scale).scales[scale].count, rest.channels.count
    nothing = np.zeros((count, columns), np.int32)
    memory = fresh_memory(count, rest.channels)
    return ScaleState(nothing, nothing, np.zeros(count, np.uint8), memory, no_guests(rest.facts))


def pack_scale(
    rest: Rest,
    context: FixedContext,
    scale: int,
    changes: Changes,
    before: ScaleState,
    above: ScaleState | None,
) -> tuple[bytes, ScaleState]:
    """A unit's payload, and the state after it. `before` of an absolute frame is `at_rest`.

    Raises:
        ValueError: a difference stands where the scale carries none.
    """
    carrier = _cells(rest, scale)
    if changes.differences[carrier.is_sent == 0].any() or changes.differences[:, ~rest.is_carried(scale)].any():
        raise ValueError(f"scale {scale}: differences where its cells carry none; a decoder would have 0 there")
    stream, flags, memory = pack_differences(carrier, changes.differences, before.memory, _above(rest, above))
    staying = remaining(before.guests, changes.stays)
    motion, _, guest_memory = pack_differences(
        _guests(rest, staying), changes.guest_differences, staying.memory, _above(rest)
    )
    born = changes.born
    leaving = gaps_of(changes.stays)
    head = MotionHead(
        has_extensions=False,
        is_absolute=changes.is_absolute,
        is_still=not stream,
        has_departures=bool(leaving),
        has_guest_motion=bool(motion),
        has_births=born is not None,
        reserved=0,
        departures=leaving or None,
        guest_motion=motion or None,
        births=None if born is None else pack_births(rest.facts, context, scale, born),
    )
    guests = _after(staying, changes.guest_differences, guest_memory, born)
    state = _state(rest, changes.is_absolute, before, changes.differences, flags, memory, guests)
    return head.pack() + stream, state


def unpack_scale(
    rest: Rest, context: FixedContext, scale: int, payload: bytes, before: ScaleState | None, above: ScaleState | None
) -> ScaleState:
    """The state after a unit.

    Raises:
        BitstreamError: the payload is damaged, or there is no frame before and it is not absolute.
    """
    head, end = MotionHead.unpack(payload)
    stream = payload[end:]
    if head.is_absolute:
        before = at_rest(rest, scale)
    if before is None:
        raise BitstreamError("the frame before, on which it builds, is missing", UNIT)
    if head.is_still and stream:
        raise BitstreamError(f"{len(stream)} bytes follow a frame that stands still", UNIT)
    if not stream and not head.is_still:
        raise BitstreamError("no stream follows, and the head does not say that all stands still", UNIT)
    if head.guest_motion == b"":
        raise BitstreamError("guests move, but nothing says how", UNIT, "guest_motion")
    differences, flags, memory = unpack_differences(
        _cells(rest, scale), stream, before.memory, _above(rest, above), UNIT
    )
    try:
        stays = stays_of(head.departures or (), before.guests.count)
    except ValueError as error:
        raise BitstreamError(str(error), UNIT, "departures") from None
    staying = remaining(before.guests, stays)
    moves, _, guest_memory = unpack_differences(
        _guests(rest, staying), head.guest_motion or b"", staying.memory, _above(rest), UNIT
    )
    born = None if head.births is None else unpack_births(rest.facts, context, scale, head.births)
    if staying.count + (born.count if born is not None else 0) > MAX_GUESTS:
        raise BitstreamError(f"more than {MAX_GUESTS} guests", UNIT, "births")
    guests = _after(staying, moves, guest_memory, born)
    return _state(rest, head.is_absolute, before, differences, flags, memory, guests)


def applied(changes: Changes, before: ScaleState) -> tuple[Sums, Guests]:
    """Sums and guests that a unit makes, nothing coded: what is shown. Guests keep the memory of the frame before."""
    staying = remaining(before.guests, changes.stays)
    guests = _after(staying, changes.guest_differences, staying.memory, changes.born)
    return added(before.sums, changes.differences), guests


def _state(
    rest: Rest,
    is_absolute: bool,
    before: ScaleState,
    differences: Int32[np.ndarray, "n c"],
    flags: UInt8[np.ndarray, " n"],
    memory: Memory,
    guests: Guests,
) -> ScaleState:
    """After an absolute frame contexts begin anew, and know only which cells had moved."""
    if is_absolute:
        memory = fresh_memory(len(flags), rest.channels)._replace(history=(flags != 0).astype(np.uint8))
    return ScaleState(added(before.sums, differences), differences, flags, memory, guests)


def _after(staying: Guests, differences: Int32[np.ndarray, "s c"], memory: Memory, born: AnchorLayer | None) -> Guests:
    moved = Guests(staying.layer, staying.scale, added(staying.sums, differences), memory)
    return moved if born is None else joined(moved, born)


def _above(rest: Rest, state: ScaleState | None = None) -> Above:
    if state is None:
        return Above(np.zeros((0, rest.channels.count), np.int32), np.zeros(0, np.uint8))
    return Above(state.differences, state.flags)


def _cells(rest: Rest, scale: int) -> Carrier:
    """The cells of a scale."""
    return Carrier(rest.hierarchy(scale).scales[scale], rest.column_ranges(scale), rest.is_sent(scale))


def _guests(rest: Rest, guests: Guests) -> Carrier:
    """Guests carry all columns."""
    ranges = rest.column_ranges(rest.facts.anchors.layer_count)
    return Carrier(guests.scale, ranges, np.ones(guests.count, np.uint8))
