# SPDX-License-Identifier: Apache-2.0
"""What the pinned streams of the freeview codec must have among them; `test_pinned_streams` checks each of them."""

from make_freeview_streams import STREAMS

from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.codecs.freeview.syntax import FreeviewFacts, MotionHead
from lamina.units import STREAM_GROUP

PINNED = STREAMS.expected()


def heads_of(name: str) -> list[MotionHead | NetworkedHead]:
    """Of a stream's frames."""
    header, *units = STREAMS.units(name)
    kind = NetworkedHead if FreeviewFacts.unpack(header.payload)[0].has_networks else MotionHead
    return [kind.unpack(unit.payload)[0] for unit in units if unit.key.group != STREAM_GROUP]


def test_together_they_say_everything_that_networks_can_say() -> None:
    facts = [FreeviewFacts.unpack(STREAMS.units(name)[0].payload)[0].networks for name in PINNED]
    networks = [own for own in facts if own is not None]
    assert {own.representation for own in networks} == set(Representation)
    assert {own.network_bits for own in networks} == {8, 16, 32}
    assert {len(own.grid_sizes) for own in networks if own.representation == Representation.POINTS} == {0, 2}
    for flag in ("has_inner_aggregation", "has_network_entropy"):
        assert {getattr(own, flag) for own in networks} == {False, True}, flag
    heads = [head for name in PINNED for head in heads_of(name) if isinstance(head, NetworkedHead)]
    for flag in ("is_rest", "has_reference"):
        assert {getattr(head, flag) for head in heads} == {False, True}, flag


def test_together_they_say_everything_that_a_frame_can_say() -> None:
    heads = [head for name in PINNED for head in heads_of(name) if isinstance(head, MotionHead)]
    for flag in ("is_absolute", "is_still", "has_departures", "has_guest_motion", "has_births"):
        assert {bool(getattr(head, flag)) for head in heads} == {False, True}, flag
