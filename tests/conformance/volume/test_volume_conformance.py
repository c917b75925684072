# SPDX-License-Identifier: Apache-2.0
"""What the pinned streams of the volume codec must have among them; `test_pinned_streams` checks each of them."""

from make_volume_streams import STREAMS

from lamina.codecs.volume.syntax import LevelHead
from lamina.units import HEADER_LAYER, STREAM_GROUP


def test_together_they_say_everything_that_a_frame_can_say() -> None:
    heads = [
        LevelHead.unpack(unit.payload)[0]
        for name in STREAMS.expected()
        for unit in STREAMS.units(name)
        if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER
    ]
    for flag in ("is_key", "has_vectors", "has_symbols", "is_dense", "has_tables"):
        assert {bool(getattr(head, flag)) for head in heads} == {False, True}, flag
