# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the volume codec: fits of a tiny play, and made-up fields, enter; .lam files leave.

python tests/conformance/volume/make_volume_streams.py            makes the streams that are missing
python tests/conformance/volume/make_volume_streams.py --remake   also those that do not decode to what is pinned
python tests/conformance/volume/make_volume_streams.py --check    changes nothing, compares
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "codecs" / "volume"))

from masked_play import SMALL, masked_play
from pinned_streams import PinnedStreams
from volume_samples import DENSE, LARGE, PLAIN, TABLES, units_of

from lamina.codec import Choices, Session
from lamina.codecs.volume import CODEC
from lamina.media.configuring import configured
from lamina.units import Unit


def fitted(frame_count: int, **fields: object) -> Iterable[Unit]:
    """A play, fitted in seconds."""
    config = configured(CODEC, Choices("fast"), {**SMALL, **fields})
    return CODEC.encode(CODEC.fit(masked_play(frame_count), config, Session()))


STREAMS = PinnedStreams(
    CODEC,
    Path(__file__).with_name("streams.json"),
    {
        "plain": lambda: fitted(3),
        "no_network": lambda: fitted(2, hidden=0, background="white"),
        "everything": lambda: units_of(PLAIN),
        "large_symbols": lambda: units_of(LARGE),
        "one_level": lambda: units_of(replace(PLAIN, level_count=1, coarse_cells=(7, 6, 9), frames=2)),
        "four_levels": lambda: units_of(replace(PLAIN, level_count=4, coarse_cells=(2, 1, 2), frames=2, extra_count=0)),
        "no_cameras": lambda: units_of(replace(PLAIN, has_cameras=False, frames=2, hidden=0)),
        "tables": lambda: units_of(TABLES),
        "dense": lambda: units_of(DENSE),
        "still": lambda: units_of(replace(PLAIN, vectors=0, largest=0, frames=3)),
    },
)

if __name__ == "__main__":
    sys.exit(STREAMS.main(__doc__))
