# SPDX-License-Identifier: Apache-2.0
"""Makes the pinned streams of the freeview codec: fits of a tiny play, and made-up motion, enter; .lam files leave.

python tests/conformance/freeview/make_freeview_streams.py            makes the streams that are missing
python tests/conformance/freeview/make_freeview_streams.py --remake   also those that do not decode to what is pinned
python tests/conformance/freeview/make_freeview_streams.py --check    changes nothing, compares
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[2] / "codecs" / "freeview"))

from freeview_samples import PLAIN, USUAL, Play, first_part, play_units
from networked_samples import Act, act_units
from pinned_streams import PinnedStreams
from tiny_play import SMALL, play_with_newcomer, tiny_play

from lamina.codec import Choices, Session
from lamina.codecs.freeview import CODEC
from lamina.codecs.freeview.config import NetworkedConfig
from lamina.codecs.freeview.networked.syntax import Representation
from lamina.data.captures.timed import TimedCapture
from lamina.media.configuring import configured
from lamina.units import Unit


def fitted(play: TimedCapture, **fields: object) -> Iterable[Unit]:
    """A play, fitted in seconds."""
    config = configured(CODEC, Choices("fast"), {"level_count": 2, **SMALL, **fields})
    return CODEC.encode(CODEC.fit(play, config, Session()))


def made_up(layers: int, play: Play = USUAL, **choices: object) -> Iterable[Unit]:
    """Motion of any size, guests that come and go at random."""
    return play_units(first_part(layers, points=25, **choices), play)


STREAMS = PinnedStreams(
    CODEC,
    Path(__file__).with_name("streams.json"),
    {
        "plain": lambda: fitted(tiny_play(4)),
        "guests": lambda: fitted(play_with_newcomer(5), group_frames=4),
        "one_level": lambda: fitted(tiny_play(3), level_count=1),
        "chained_groups": lambda: fitted(tiny_play(5), group_frames=1, join_groups=3),
        "everything": lambda: made_up(3, Play(6, 2, (0, 4), seed=1)),
        "coarse_offsets": lambda: made_up(2, coarse=(False, True), shape=PLAIN),
        "roots": lambda: made_up(3, Play(4, 4, (0,), seed=2), depths=(0, 1)),
        "no_cameras": lambda: without_cameras(),
        "paper": lambda: paper(tiny_play(6)),
        "paper_one_scale": lambda: act_units(Act(scales=1, inner=False, entropy=False, points=20, frames=3, seed=3)),
        "paper_floats": lambda: act_units(
            Act(network_bits=32, entropy=False, channels=3, hidden=3, points=20, frames=3)
        ),
        "paper_16_bits": lambda: act_units(Act(network_bits=16, entropy=False, points=20, group_frames=2, seed=4)),
        "paper_triplane": lambda: act_units(Act(Representation.TRIPLANE, scales=1, points=12, frames=3)),
        "paper_hash_grid": lambda: act_units(Act(Representation.HASH_GRID, scales=1, points=12, frames=3)),
    },
)


def paper(play: TimedCapture) -> Iterable[Unit]:
    """The paper's frames, fitted: I-frames, P-frames."""
    base = configured(CODEC, Choices("fast"), {"level_count": 1, **SMALL})
    networks = NetworkedConfig(iterations=40, channels=6, hidden=8)
    config = replace(base, networked=networks, group_frames=3, join_groups=0)
    return CODEC.encode(CODEC.fit(play, config, Session()))


def without_cameras() -> Iterable[Unit]:
    """No view for viewers to start from, and nothing that moves."""
    first = replace(first_part(1, points=12), cameras=())
    return play_units(first, Play(2, 2, (0,), has_guests=False))


if __name__ == "__main__":
    sys.exit(STREAMS.main(__doc__))
