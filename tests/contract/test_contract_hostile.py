# SPDX-License-Identifier: Apache-2.0
"""What holds for damaged files of every codec: an error of the file or intact levels, and nothing else."""

import contextlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

import lamina
from lamina.bitstream import pack_stream, read_stream
from lamina.errors import BitstreamError
from lamina.units import STREAM_HEADER, Unit, UnitKey
from samples import Sample

TRIES = 40


def shown(data: bytes) -> int:
    """Models that are shown of a file; whatever is wrong is an error of the file that names its place."""
    try:
        media = lamina.open(data)
        models = list(media.models())
        pixels = [media.render(model=model) for model in models[-1:]]
    except BitstreamError as error:
        return 0 * len(str(error))
    assert all(picture.ndim == 3 for picture in pixels)
    assert all(problem.unit or problem.path for problem in media.problems)
    return len(models)


def test_truncated_files_show_what_is_there(coded: Path) -> None:
    data = coded.read_bytes()
    whole = shown(data)
    counts = [shown(data[: len(data) * number // TRIES]) for number in range(TRIES)]
    assert whole > 0
    assert max(counts) <= whole
    assert counts[-1] > 0


def test_flipped_bits_of_the_file_are_found_and_cost_what_they_must(coded: Path) -> None:
    data = coded.read_bytes()
    chance = random.Random(1)
    for _ in range(TRIES):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        assert 0 <= shown(bytes(damaged)) <= shown(data)


def test_payloads_that_were_changed_behind_right_checksums_are_errors_or_models(sample: Sample, coded: Path) -> None:
    with read_stream(coded) as stream:
        facts, units = stream.facts, list(stream.units())
    chance = random.Random(2)
    for _ in range(TRIES):
        number = chance.randrange(len(units))
        payload = bytearray(units[number].payload)
        match chance.randrange(3):
            case 0 if payload:
                payload[chance.randrange(len(payload))] ^= 1 << chance.randrange(8)
            case 1:
                del payload[chance.randrange(len(payload) + 1) :]
            case _:
                payload += chance.randbytes(9)
        changed = [*units[:number], replace(units[number], payload=bytes(payload)), *units[number + 1 :]]
        assert shown(pack_stream(facts, changed)) <= stream.frame_count
        with contextlib.suppress(BitstreamError):
            sample.codec.inspect(changed[0].payload)
            sample.codec.breakdown(changed[0].payload, changed[number])


def test_units_that_come_too_early_or_are_of_no_stream_are_errors(sample: Sample, coded: Path) -> None:
    with read_stream(coded) as stream:
        header, *units = stream.units()
    with pytest.raises(BitstreamError):
        list(sample.codec.decode(units[-1:]))
    last = max((unit for unit in units if unit.key.group >= 0), key=lambda unit: unit.key.layer)
    beyond = Unit(UnitKey(last.key.group, 120, last.key.frame), b"\0" * 9, group=last.group)
    for wrong in ([header, beyond], [header, last] if last.key.layer else [header, beyond]):
        with pytest.raises(BitstreamError):
            list(sample.codec.decode(wrong))
    assert header.key == STREAM_HEADER
