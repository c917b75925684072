# SPDX-License-Identifier: Apache-2.0
"""The plain decoder that was written from docs/walks.md reads the pinned frames of networks: the same integers."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1]
sys.path += [str(FOLDER / "entropy"), str(FOLDER / "networks")]
import networked_reference as plain  # noqa: E402
from walk_reference import DamageError  # noqa: E402

from lamina.bitstream import read_stream  # noqa: E402
from lamina.codecs.freeview.coding import decode_states  # noqa: E402
from lamina.codecs.freeview.networked.frames import NetworkedState  # noqa: E402
from lamina.codecs.freeview.networked.syntax import NetworkedHead  # noqa: E402
from lamina.networks.syntax import HashGridHead  # noqa: E402
from lamina.units import STREAM_GROUP, Unit  # noqa: E402

NAMES = sorted(path.stem for path in (FOLDER / "freeview").glob("paper*.lam"))


def units_of(name: str) -> list[Unit]:
    with read_stream(FOLDER / "freeview" / f"{name}.lam") as stream:
        return list(stream.units())


def compare(ours: NetworkedState, theirs: dict[str, Any]) -> None:
    assert ours.changes is not None
    assert theirs["layers"] == [layer.values.tolist() for layer in ours.changes.layers]
    # To the bit: both are singles.
    assert theirs["parameters"] == [vector.tolist() for vector in ours.vectors]
    assert theirs.get("latents", []) == [own.tolist() for own in ours.changes.latents]
    if ours.changes.grid is not None:
        assert theirs["signs"] == ours.changes.grid.signs.tolist()


@pytest.mark.parametrize("name", NAMES)
def test_frames(name: str) -> None:
    compared, parameters = 0, []
    for unit, decoder, state in decode_states(units_of(name)):
        if unit.key.group == STREAM_GROUP:
            continue
        assert isinstance(state, NetworkedState)
        anchors, facts, layer = decoder.facts.anchors, decoder.facts.networks, decoder.rest.layers[0]
        live = [
            tuple(cell) for cell, mask in zip(layer.indices.tolist(), layer.masks.tolist(), strict=True) if any(mask)
        ]
        head, end = NetworkedHead.unpack(unit.payload)
        if head.is_rest:
            assert len(unit.payload) == end
            continue
        sizes = plain.layers_of(facts, anchors.feature_count, anchors.offset_count)
        found: dict[str, Any] = {"layers": plain.read_networks(facts, head, sizes)}
        parameters = plain.parameters_of(facts, head, sizes, found["layers"], parameters)
        found["parameters"] = parameters
        if facts is not None and facts.representation == 0:
            counts = plain.points_of(live, anchors.base_depth, facts.grid_sizes)
            found["latents"] = plain.read_latents(facts, head, unit.payload[end:], counts)
        else:
            own, start = HashGridHead.unpack(unit.payload[end:])
            found["signs"] = plain.read_grid(facts, own, unit.payload[end + start :])
        compare(state, found)
        compared += 1
    assert compared >= 2


def test_points_of_places_at_the_edges_are_the_same() -> None:
    from lamina.codecs.freeview.networked.points import places_of, point_scales

    cells = np.random.default_rng(2).integers(0, 1 << 6, (60, 3)).astype(np.int32)
    sizes = (1, 9_999, 1 << 17, 1 << 20, 1 << 21)
    ours = [scale.count for scale in point_scales(places_of([cells], 6), sizes, 3)]
    theirs = plain.points_of([tuple(cell) for cell in cells.tolist()], 6, sizes)
    assert ours[1:] == theirs[1:]


def test_the_plain_decoder_rejects_damage() -> None:
    units = units_of("paper")
    facts: Any = next(decoder for _, decoder, _ in decode_states(units)).facts.networks
    head, end = NetworkedHead.unpack(units[3].payload)
    with pytest.raises(DamageError):
        plain.read_latents(facts, head, units[3].payload[end:] + b"\1", [3, 2, 1])
