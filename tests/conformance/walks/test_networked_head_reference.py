# SPDX-License-Identifier: Apache-2.0
"""The plain decoder that was written from docs/walks.md reads pinned heads of the paper's method: the same numbers."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1]
sys.path += [str(FOLDER / "entropy")]
import networked_head_reference as reference  # noqa: E402
from walk_reference import DamageError  # noqa: E402

from lamina.bitstream import read_stream  # noqa: E402
from lamina.codecs.head.coding import RunState, decode_states  # noqa: E402
from lamina.codecs.head.networked.syntax import NetworkHead  # noqa: E402
from lamina.codecs.head.syntax import HeadFacts, LayerHead, RunHead  # noqa: E402
from lamina.data.faces.template import face_template  # noqa: E402
from lamina.units import Unit  # noqa: E402

NAMES = sorted(path.stem for path in (FOLDER / "head").glob("networked*.lam"))


def units_of(name: str) -> list[Unit]:
    with read_stream(FOLDER / "head" / f"{name}.lam") as stream:
        return list(stream.units())


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_the_head_and_parameters(name: str) -> None:
    units = units_of(name)
    facts = HeadFacts.unpack_whole(units[0].payload)
    assert facts.network is not None
    ranks = face_template().sample_ranks[: facts.mesh_counts[0]].tolist()
    runs = 0
    for unit, _, state in decode_states(units):
        if isinstance(state, RunState):
            head, end = RunHead.unpack(unit.payload)
            rows = reference.read_run(
                unit.payload[end:], head.frames, facts.network.parameter_bits, facts.network.zeros
            )
            assert rows == state.values.tolist()
            runs += 1
            continue
        head, _ = NetworkHead.unpack(unit.payload, LayerHead.unpack(unit.payload)[1])
        own = state.network
        data = reference.section(head.attributes, head.attributes_deflated)
        precise, loose, decoders = reference.read_attributes(
            data, ranks, facts.network.is_quantized, facts.network.has_latents
        )
        assert precise == own.precise.tolist()
        assert loose == (own.latents if own.loose is None else own.loose).tolist()
        assert decoders == (own.decoders.flat().tolist() if own.decoders is not None else [])
        network = reference.section(head.network, head.network_deflated)
        assert reference.floats(network, facts.network.is_quantized) == own.network.flat().tolist()
    assert runs


def test_the_plain_decoder_rejects_damage() -> None:
    units = units_of("networked")
    facts = HeadFacts.unpack_whole(units[0].payload)
    run = next(unit for unit in units if unit.key.group == 0)
    head, end = RunHead.unpack(run.payload)
    for data in (run.payload[end:-1], run.payload[end:] + b"\0"):
        with pytest.raises(DamageError):
            reference.read_run(data, head.frames, facts.network.parameter_bits, facts.network.zeros)
