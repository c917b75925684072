# SPDX-License-Identifier: Apache-2.0
"""Volume units cut short, with flipped bits, random or absurd: BitstreamError or a model, soon and small."""

import sys
import time
import tracemalloc
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from damage import survivors, with_payload
from hypothesis import given, settings
from hypothesis import strategies as st

import lamina
from lamina.bitstream import pack_stream, read_stream
from lamina.codecs.volume.coding import decode, stream_facts
from lamina.codecs.volume.facts import breakdown, inspect
from lamina.codecs.volume.model import VolumeModel, render
from lamina.codecs.volume.syntax import VALUE_LIMIT, VERSION, CameraSection, GroupHead, LevelHead, VolumeFacts
from lamina.errors import BitstreamError
from lamina.units import HEADER_LAYER, STREAM_GROUP, STREAM_HEADER, Unit

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "volume"))
from volume_samples import Made, facts_of, units_of

MADE = Made(level_count=2, coarse_cells=(4, 3, 5), frames=2, hidden=3, extra_count=1)
NUMBERS = range(6)
"""Stream's header, the group's, then a unit a (frame, level)."""
SLOWEST_S = 3.0
"""A claim of two million cells by a few bytes is found out within this, compiled kernels given."""
MEMORY_BYTES = 700_000_000
FLIP_STRIDE = 7


TABLES = replace(MADE, tables="level", is_dense=True, coarse_cells=(1, 2, 1))
"""All cells, symbols under tables."""


@cache
def play(made: Made = MADE) -> tuple[Unit, ...]:
    return tuple(units_of(made))


def head_of(**fields: bool) -> LevelHead:
    """Of a unit of a key frame."""
    said = {"has_symbols": False, "is_dense": False, "has_tables": False} | fields
    return LevelHead(
        False, True, False, reserved=0, shares=(0, 0), tables=b"\0" if said["has_tables"] else None, **said
    )


def check(model: VolumeModel) -> None:
    assert np.abs(model.state.values).max(initial=0) <= VALUE_LIMIT


def decoded(units: tuple[Unit, ...]) -> int:
    return survivors(decode(units), check)


def before(number: int) -> int:
    """Models before a unit: what damage of it must leave."""
    return max(number - 2, 0)


def test_the_sample_decodes_and_says_everything() -> None:
    assert decoded(play()) == 4
    heads = [LevelHead.unpack(unit.payload)[0] for unit in play()[2:]]
    assert {head.is_key for head in heads} == {False, True}
    assert any(head.has_vectors for head in heads)
    assert all(head.has_symbols for head in heads)


@pytest.mark.parametrize("made", [MADE, TABLES], ids=["contexts", "tables"])
@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_are_cut_anywhere_are_errors(number: int, made: Made) -> None:
    payload = play(made)[number].payload
    for length in range(len(payload)):
        assert decoded(with_payload(play(made), number, payload[:length])) == before(number)


@pytest.mark.parametrize("made", [MADE, TABLES], ids=["contexts", "tables"])
@pytest.mark.parametrize("number", NUMBERS)
def test_payloads_that_go_on_are_errors(number: int, made: Made) -> None:
    payload = play(made)[number].payload
    for more in (b"\0", b"\xff", bytes(40)):
        assert decoded(with_payload(play(made), number, payload + more)) == before(number)


@pytest.mark.parametrize("made", [MADE, TABLES], ids=["contexts", "tables"])
@pytest.mark.parametrize("number", NUMBERS)
def test_flipped_bits_give_an_error_or_models(number: int, made: Made) -> None:
    payload = play(made)[number].payload
    for position in range(number, 8 * len(payload), FLIP_STRIDE):
        damaged = bytearray(payload)
        damaged[position // 8] ^= 1 << (position % 8)
        assert before(number) <= decoded(with_payload(play(made), number, bytes(damaged))) <= 4


@given(number=st.sampled_from(list(NUMBERS)[1:]), payload=st.binary(max_size=60))
@settings(deadline=None, max_examples=80)
def test_random_payloads_give_an_error_or_models(number: int, payload: bytes) -> None:
    assert before(number) <= decoded(with_payload(play(), number, payload)) <= 4


@given(
    number=st.sampled_from(list(NUMBERS)[2:]),
    flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    stream=st.one_of(st.just(b""), st.binary(min_size=4, max_size=60)),
)
@settings(deadline=None, max_examples=120)
def test_random_streams_behind_good_heads_give_an_error_or_models(
    number: int, flags: tuple[bool, bool, bool], stream: bytes
) -> None:
    head = LevelHead(False, *flags, is_dense=False, has_tables=False, reserved=0, shares=(0, 0))
    assert before(number) <= decoded(with_payload(play(), number, head.pack() + stream)) <= 4


@pytest.mark.parametrize("body", [b"\1\2\3\4", bytes(range(7, 27)), bytes(range(256)) * 8, b"\0" * 3000, b"\xff" * 300])
@pytest.mark.parametrize("coarse_cells", [(1024, 1024, 1024), (1024, 1, 1)])
def test_absurd_boxes_and_cells_are_found_out_soon(body: bytes, coarse_cells: tuple[int, int, int]) -> None:
    made = replace(MADE, level_count=1, coarse_cells=coarse_cells)
    facts = replace(facts_of(made), extra_count=12, hidden=0)
    header = Unit(STREAM_HEADER, facts.pack() + CameraSection(b"").pack())
    group = Unit(play()[1].key, GroupHead(False, 0, 1, (1 << 16,) * 4, b"").pack())
    for has_symbols in (False, True):
        level = Unit(play()[2].key, head_of(has_symbols=has_symbols).pack() + body)
        decoded((header, group, level))
        tracemalloc.start()
        began = time.process_time()
        assert decoded((header, group, level)) <= 1
        taken = time.process_time() - began
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert taken < SLOWEST_S
        assert peak < MEMORY_BYTES


@pytest.mark.parametrize("layer", [-2, 2, 8])
@pytest.mark.parametrize("group", [STREAM_GROUP, 0, 7])
def test_layers_out_of_range_are_errors(layer: int, group: int) -> None:
    stray = replace(play()[-1], key=play()[-1].key._replace(group=group, layer=layer))
    assert decoded((*play(), stray)) == 4


def test_a_level_cannot_be_of_a_key_frame_when_the_one_above_is_not() -> None:
    number = 5
    head, end = LevelHead.unpack(play()[number].payload)
    payload = replace(head, is_key=True).pack() + play()[number].payload[end:]
    assert decoded(with_payload(play(), number, payload)) == before(number)


def test_steps_that_saturate_values_decode_and_render() -> None:
    models = list(decode(units_of(replace(MADE, largest=32_000, step_scale=1 << 9))))
    assert len(models) == 4
    assert max(np.abs(model.state.values).max() for model in models) == VALUE_LIMIT
    for model in models:
        assert render(model, model.view).isfinite().all()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0), ("version", VERSION + 1), ("width", 0), ("step", 0.0), ("step", float("nan")),
        ("coarse_cells", (0, 1, 1)), ("level_count", 9), ("hidden", 129), ("extra_count", 13), ("shift", float("inf")),
    ],
)  # fmt: skip
def test_facts_beyond_the_format_are_refused(field: str, value: float) -> None:
    facts = VolumeFacts.unpack(play()[0].payload)[0]
    with pytest.raises(ValueError, match=field):
        replace(facts, **{field: value}).pack()


@pytest.mark.parametrize("coarse_cells", [(1024, 1024, 1024), (128, 128, 127), (1024, 1, 1)])
def test_all_cells_of_an_absurd_box_are_found_out_soon(coarse_cells: tuple[int, int, int]) -> None:
    facts = replace(facts_of(replace(MADE, level_count=1, coarse_cells=coarse_cells)), extra_count=12, hidden=0)
    header = Unit(STREAM_HEADER, facts.pack() + CameraSection(b"").pack())
    group = Unit(play()[1].key, GroupHead(False, 0, 1, (1 << 16,) * 4, b"").pack())
    decoded((header, group))
    tracemalloc.start()
    found = decoded((header, group, Unit(play()[2].key, head_of(is_dense=True).pack())))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == (max(coarse_cells) == 1024 and min(coarse_cells) == 1)
    assert peak < (MEMORY_BYTES if found else 1 << 24)


def test_what_a_head_says_must_agree() -> None:
    for fields, match in (
        ({"has_tables": True}, "says that there are no symbols"),
        ({"has_symbols": True, "has_tables": True}, "no stream follows"),
    ):
        with pytest.raises(BitstreamError, match=match):
            list(decode(with_payload(play(), 2, head_of(**fields).pack())))
    finest = next(number for number, unit in enumerate(play()) if unit.key.layer == 1)
    with pytest.raises(BitstreamError, match="all children of those above"):
        list(decode(with_payload(play(), finest, head_of(is_dense=True).pack())))


def test_too_many_cells_are_refused_by_the_header() -> None:
    with pytest.raises(ValueError, match="finest cells"):
        replace(VolumeFacts.unpack(play()[0].payload)[0], coarse_cells=(600, 1, 1)).pack()


@pytest.mark.parametrize("number", NUMBERS)
def test_facts_and_breakdowns_of_damaged_payloads_are_errors_or_facts(number: int) -> None:
    header, unit = play()[0].payload, play()[number]
    for position in range(8 * min(len(unit.payload), 48)):
        damaged = bytearray(unit.payload)
        damaged[position // 8] ^= 1 << (position % 8)
        own = Unit(unit.key, bytes(damaged))
        try:
            parts = breakdown(header, own)
            if unit.key == STREAM_HEADER:
                inspect(own.payload)
        except BitstreamError:
            continue
        assert sum(parts.values()) == len(own.payload)


def test_damage_of_a_level_costs_that_level_until_the_next_group(tmp_path: Path) -> None:
    made = replace(MADE, frames=4, group_frames=2)
    units = units_of(made)
    data = bytearray(pack_stream(stream_facts(facts_of(made)), units))
    hurt = next(unit for unit in units if unit.key.frame == 0 and unit.key.layer == 1)
    data[bytes(data).index(hurt.payload) + len(hurt.payload) // 2] ^= 0x40
    path = tmp_path / "damaged.lam"
    path.write_bytes(bytes(data))
    with lamina.open(path) as media:
        found = {model.frame: model.level for model in media.models()}
    assert found == {0: 0, 1: 0, 2: 1, 3: 1}
    with read_stream(path) as stream, pytest.raises(BitstreamError, match="layer 1"):
        list(decode(stream.units()))


def test_the_groups_header_comes_first() -> None:
    units = tuple(unit for unit in play() if unit.key.layer != HEADER_LAYER or unit.key.group == STREAM_GROUP)
    with pytest.raises(BitstreamError, match="header unit of its group has not come"):
        list(decode(units))
