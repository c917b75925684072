# SPDX-License-Identifier: Apache-2.0
"""Made-up frames of the paper's method, and what becomes of them when one is damaged."""

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from lamina.codecs.freeview.coding import decode
from lamina.codecs.freeview.networked.frames import Ground, NetworkedFrames
from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.errors import BitstreamError
from lamina.units import Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "freeview"))
from networked_samples import Act, act_parts, act_units, first_of, ground_of

KINDS = {
    "points": Act(points=8, frames=4, channels=3, hidden=3),
    "floats": Act(points=8, frames=3, channels=2, hidden=2, network_bits=32, entropy=False),
    "raw": Act(points=8, frames=4, channels=2, hidden=2, network_bits=16, entropy=False, inner=False),
    "hash grid": Act(Representation.HASH_GRID, points=8, frames=3, scales=1, hidden=2),
}
FIRST_FRAME = 2
"""A header unit and the one layer of the first frame come before."""


@cache
def play(kind: str) -> tuple[Unit, ...]:
    return tuple(act_units(KINDS[kind]))


def decoded(units: tuple[Unit, ...]) -> int:
    """Models that come out; nothing but a BitstreamError that names its place may go wrong."""
    count = 0
    place = "none"
    try:
        for model in decode(units):
            for name in ("positions", "features", "offsets"):
                assert bool(torch.isfinite(getattr(model.anchors, name)).all())
            count += 1
    except BitstreamError as error:
        place = error.unit
    assert place
    return count


def with_payload(kind: str, number: int, payload: bytes) -> tuple[Unit, ...]:
    units = list(play(kind))
    units[number] = replace(units[number], payload=payload)
    return tuple(units)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    return max(number - FIRST_FRAME, 0)


def frame_numbers(kind: str) -> range:
    return range(FIRST_FRAME, len(play(kind)))


@cache
def ground(kind: str) -> Ground:
    return ground_of(first_of(KINDS[kind]))


def tried(kind: str, number: int, payload: bytes) -> int:
    """Models of a damaged frame and the next, by a decoder that has all before: what `decode` does, sooner."""
    index, own = number - FIRST_FRAME, ground(kind)
    known = act_parts(KINDS[kind])[2][index - 1] if index else None
    frames = NetworkedFrames(own.facts, own, index - 1, known)
    count = 0
    try:
        for later, unit in enumerate(play(kind)[number : number + 2]):
            state = frames.take(own.rest, unit.key, unit.payload if later else payload)
            for name in ("positions", "features", "offsets"):
                assert bool(torch.isfinite(getattr(state.anchors, name)).all())
            count += 1
    except BitstreamError:
        pass
    return count


def head_of(kind: str, number: int) -> tuple[NetworkedHead, bytes]:
    payload = play(kind)[number].payload
    head, end = NetworkedHead.unpack(payload)
    return head, payload[end:]


def flipped(payload: bytes, position: int) -> bytes:
    damaged = bytearray(payload)
    damaged[position // 8] ^= 1 << (position % 8)
    return bytes(damaged)
