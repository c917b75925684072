# SPDX-License-Identifier: Apache-2.0
"""What the pinned streams of the freeview codec must have among them; `test_pinned_streams` checks each of them."""

from make_freeview_streams import STREAMS

from lamina.codecs.freeview.syntax import MotionHead
from lamina.units import STREAM_GROUP


def test_together_they_say_everything_that_a_frame_can_say() -> None:
    heads = [
        MotionHead.unpack(unit.payload)[0]
        for name in STREAMS.expected()
        for unit in STREAMS.units(name)
        if unit.key.group != STREAM_GROUP
    ]
    for flag in ("is_absolute", "is_still", "has_departures", "has_guest_motion", "has_births"):
        assert {bool(getattr(head, flag)) for head in heads} == {False, True}, flag
