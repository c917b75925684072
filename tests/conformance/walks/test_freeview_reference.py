# SPDX-License-Identifier: Apache-2.0
"""The plain decoder that was written from docs/walks.md reads the pinned streams of free view: the same integers."""

import sys
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1]
sys.path += [str(FOLDER / "entropy"), str(FOLDER / "networks")]
import anchor_reference  # noqa: E402
import attribute_reference  # noqa: E402
import freeview_reference  # noqa: E402
from freeview_reference import Above, Memory, Scale, read_frame  # noqa: E402
from reference_decoder import Decoder  # noqa: E402
from walk_reference import DamageError  # noqa: E402

from lamina.anchors.syntax import AnchorNetworks, LayerHead  # noqa: E402
from lamina.bitstream import read_stream  # noqa: E402
from lamina.codecs.freeview.coding import decode_states  # noqa: E402
from lamina.codecs.freeview.syntax import CameraSection, FreeviewFacts, MotionHead  # noqa: E402
from lamina.networks.syntax import HashGridHead  # noqa: E402
from lamina.units import STREAM_GROUP, Unit  # noqa: E402

NAMES = sorted(path.stem for path in (FOLDER / "freeview").glob("*.lam") if not path.stem.startswith("paper"))


@dataclass
class Guests:
    """Of a layer: cells, values, who is beside whom, memory."""

    memory: Memory
    cells: list[tuple[int, ...]] = field(default_factory=list)
    values: list[list[int]] = field(default_factory=list)
    neighbors: list[list[int]] = field(default_factory=list)


class Viewer:
    """The plain decoder; heads are read by Lamina."""

    def __init__(self, header: bytes) -> None:
        self.facts, end = FreeviewFacts.unpack(header)
        self.anchors = self.facts.anchors
        self.model = model_of(self.anchors, AnchorNetworks.unpack_whole(header[end:]))
        self.layers: list[anchor_reference.Nodes] = []
        self.goes_on: list[int] = []
        self.masks: list[list[list[int]]] = []
        self.values: list[list[int]] = []
        self.widths = (self.anchors.feature_count, 3, 3, 3 * self.anchors.offset_count)
        self.memories: dict[int, Memory] = {}
        self.guests: dict[int, Guests] = {}
        self.above: dict[tuple[int, int], Above] = {}

    def take_layer(self, layer: int, payload: bytes) -> None:
        if layer == 0:
            payload = payload[CameraSection.unpack(payload)[1] :]
        head, end = LayerHead.unpack(payload)
        decoder, above = Decoder(payload[end:]), self.layers[-1] if layer else None
        is_last, base, k = layer == self.anchors.layers - 1, self.anchors.base_depth, self.anchors.offset_count
        nodes, onward = anchor_reference.read_tree(decoder, base, above, self.goes_on, is_last, head.count)
        masks = anchor_reference.read_masks(decoder, nodes, onward, above, self.masks[-1] if layer else [], k)
        self.values = attribute_reference.read_attributes(
            decoder, self.model, nodes, onward, masks, above, (self.values, layer)
        )[1]
        assert decoder.ended()
        self.layers.append(nodes)
        self.masks.append(masks)
        self.goes_on = onward

    def scales(self) -> list[Scale]:
        cells = [nodes.cells for nodes in self.layers]
        return freeview_reference.scales_of(cells, self.masks, self.anchors.base_depth, list(self.facts.motion.depths))

    def take_frame(self, unit: Unit) -> tuple[Memory, Above, Guests]:
        scale, frame = unit.key.layer, unit.key.frame
        head, end = MotionHead.unpack(unit.payload)
        own, columns = self.scales()[scale], sum(self.widths)
        if head.is_absolute:
            self.memories[scale] = Memory(len(own.parents), columns)
            self.guests[scale] = Guests(Memory(0, columns))
        memory, is_top = self.memories[scale], scale == len(self.facts.motion.depths)
        motion = self.facts.motion
        carried = (is_top or motion.has_coarse_features, True, True, is_top or motion.has_coarse_offsets)
        groups = freeview_reference.groups_of(self.widths, carried)
        found = read_frame(unit.payload[end:], memory, own, groups, self.above.get((scale - 1, frame)))
        self.above[scale, frame] = found
        if head.is_absolute:
            history = [int(flags != 0) for flags in found.flags]
            memory.fresh()
            memory.history = history
        self.move_guests(self.guests[scale], head)
        if head.births:
            self.let_in(self.guests[scale], scale, head.births)
        return memory, found, self.guests[scale]

    def move_guests(self, guests: Guests, head: MotionHead) -> None:
        rows = freeview_reference.stays_of(head.departures, guests.memory.count)
        guests.memory.kept(rows)
        guests.cells, guests.values = [guests.cells[row] for row in rows], [guests.values[row] for row in rows]
        places = {row: place for place, row in enumerate(rows)}
        guests.neighbors = [[places[n] for n in guests.neighbors[row] if n in places] for row in rows]
        scale = Scale([-1] * len(rows), guests.neighbors, [True] * len(rows))
        every = freeview_reference.groups_of(self.widths, (True,) * 4)
        read_frame(head.guest_motion, guests.memory, scale, every, None)

    def let_in(self, guests: Guests, layer: int, births: bytes) -> None:
        head, end = LayerHead.unpack(births)
        decoder, depth = Decoder(births[end:]), self.anchors.base_depth + layer
        nodes, onward = anchor_reference.read_tree(decoder, depth, None, [], True, head.count)
        masks = anchor_reference.read_masks(decoder, nodes, onward, None, [], self.anchors.offset_count)
        model = copy(self.model)
        model.facts = replace(self.anchors, base_depth=depth)
        _, values = attribute_reference.read_attributes(decoder, model, nodes, onward, masks, None, [])
        assert decoder.ended()
        first = guests.memory.count
        guests.memory.grown(len(nodes.cells))
        guests.cells += nodes.cells
        guests.values += values
        guests.neighbors += freeview_reference.beside(nodes, first)


def model_of(facts: Any, networks: AnchorNetworks) -> attribute_reference.Model:
    grid = None
    if networks.hash_grid:
        head, end = HashGridHead.unpack(networks.hash_grid)
        names = ("nodes_3d", "nodes_2d", "log2_table_3d", "log2_table_2d", "feature_count")
        grid = {name: getattr(head, name) for name in names}, networks.hash_grid[end:]
    return attribute_reference.Model(facts, networks, grid)


def units_of(name: str) -> list[Unit]:
    with read_stream(FOLDER / "freeview" / f"{name}.lam") as stream:
        return list(stream.units())


def both(name: str) -> Iterator[tuple[SimpleNamespace, tuple[Memory, Above, Guests]]]:
    """What Lamina and the plain decoder have after each unit of a frame."""
    units = units_of(name)
    viewer = Viewer(units[0].payload)
    for unit, _, state in decode_states(units):
        if unit.key.group == STREAM_GROUP:
            viewer.take_layer(unit.key.layer, unit.payload)
            continue
        found: Any = state
        yield found, viewer.take_frame(unit)


@pytest.mark.parametrize("name", NAMES)
def test_frames(name: str) -> None:
    compared = 0
    for ours, (memory, found, guests) in both(name):
        assert found.differences == ours.differences.tolist()
        assert found.flags == ours.flags.tolist()
        assert memory.sums == ours.sums.tolist()
        assert memory.history == ours.memory.history.tolist()
        assert [list(cell) for cell in guests.cells] == ours.guests.layer.indices.tolist()
        assert guests.values == ours.guests.layer.values.tolist()
        assert guests.memory.sums == ours.guests.sums.tolist()
        compared += 1
    assert compared > 0


def test_the_plain_decoder_rejects_damage() -> None:
    units = units_of("everything")
    viewer = Viewer(units[0].payload)
    for unit in units[1:4]:
        viewer.take_layer(unit.key.layer, unit.payload)
    first = units[4]
    with pytest.raises(DamageError):
        viewer.take_frame(Unit(first.key, first.payload + b"\1"))
