# SPDX-License-Identifier: Apache-2.0
"""The plain decoder that was written from docs/walks.md reads the pinned heads: the same integers."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
sys.path += [str(FOLDER / "entropy")]
import head_reference  # noqa: E402
import numpy as np  # noqa: E402
import packet_reference  # noqa: E402
from walk_reference import DamageError  # noqa: E402

from lamina.bitstream import read_stream  # noqa: E402
from lamina.codecs.head.coding import RunState, decode_states  # noqa: E402
from lamina.codecs.head.columns import column_layers  # noqa: E402
from lamina.codecs.head.packets import FrameState, pack_frame  # noqa: E402
from lamina.codecs.head.syntax import HeadFacts, LayerHead, PacketHead, RunHead  # noqa: E402
from lamina.data.faces.template import face_template  # noqa: E402
from lamina.units import STREAM_GROUP, Unit  # noqa: E402

NAMES = sorted(path.stem for path in (FOLDER / "head").glob("*.lam") if not path.stem.startswith("networked"))


def units_of(name: str) -> list[Unit]:
    with read_stream(FOLDER / "head" / f"{name}.lam") as stream:
        return list(stream.units())


@pytest.mark.parametrize("name", NAMES)
def test_heads_and_runs(name: str) -> None:
    units = units_of(name)
    facts, template = HeadFacts.unpack_whole(units[0].payload), face_template()
    mesh: list[list[int]] = []
    free: list[list[int]] = []
    for unit, _, state in decode_states(units):
        layer = unit.key.layer
        if unit.key.group == STREAM_GROUP:
            _, end = LayerHead.unpack(unit.payload)
            count = len(mesh) + facts.mesh_counts[layer]
            own, beside = head_reference.read_layer(
                unit.payload[end:], (mesh, free), template.places(count).tolist(),
                template.sample_regions[:count].tolist(), template.sample_ranks[:count].tolist(),
                facts.free_counts[layer],
            )  # fmt: skip
            assert own == state.gaussians.mesh.tolist()
            assert beside == state.gaussians.free.tolist()
            mesh, free = mesh + own, free + beside
            continue
        assert isinstance(state, RunState)
        columns = column_layers(facts.torso, facts.dimensions, facts.layers)[layer]
        head, end = RunHead.unpack(unit.payload)
        firsts = (0, 3, 6, 8, 8 + facts.torso)
        groups = [max(first for first in firsts if first <= column) for column in columns]
        rows = head_reference.read_run(
            unit.payload[end:], head.frames, facts.activity[columns.start : columns.stop], groups
        )
        assert rows == state.values[:, columns.start : columns.stop].tolist()


def test_the_plain_decoder_rejects_damage() -> None:
    units = units_of("two_layers")
    facts = HeadFacts.unpack_whole(units[0].payload)
    run = next(unit for unit in units if unit.key.group == 0)
    columns = column_layers(facts.torso, facts.dimensions, facts.layers)[0]
    head, end = RunHead.unpack(run.payload)
    for data in (run.payload[end:-1], run.payload[end:] + b"\1"):
        with pytest.raises(DamageError):
            head_reference.read_run(data, head.frames, facts.activity[: columns.stop], [0] * columns.stop)


@pytest.mark.parametrize("lag", [0, 1, 2, 4, 9])
@pytest.mark.parametrize("scale", [0, 3, 40])
def test_packets(lag: int, scale: int) -> None:
    facts = HeadFacts.unpack_whole(units_of(NAMES[0])[0].payload)
    chance = np.random.default_rng(10 * lag + scale)
    for spread in (0.1, 2.0, 30.0, 3000.0):
        values, before = (np.rint(chance.laplace(0, spread, facts.columns)).astype(np.int32) for _ in range(2))
        reference = FrameState(before, 5) if lag else None
        payload = pack_frame(facts, FrameState(values, scale), reference, lag)
        head, end = PacketHead.unpack(payload)
        named = None if reference is None else (before.tolist(), 5, lag)
        assert packet_reference.read_packet(payload[end:], facts.activity, head.scale, named) == values.tolist()
