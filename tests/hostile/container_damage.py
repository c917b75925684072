# SPDX-License-Identifier: Apache-2.0
"""Files of the container with wrong bytes behind right check sums, and what reading any of them must give."""

import zlib

from hypothesis import strategies as st

from lamina.bitstream import BitWriter, pack_stream, read_stream
from lamina.bitstream.runs import Run, RunWalk
from lamina.errors import BitstreamError
from lamina.units import GroupFacts, Unit, UnitKey

MEMORY_BYTES = 4_000_000
"""More than reading any file of these sizes may take, far less than what the absurd ones claim."""


def read_all(data: bytes) -> tuple[list[Unit], list[BitstreamError]]:
    """Intact units and problems; all as problems when the stream cannot be opened or has lost its header unit."""
    problems: list[BitstreamError] = []
    try:
        stream = read_stream(data)
        units = list(stream.intact_units(problems))
        assert pack_stream(stream.facts, units)
    except BitstreamError as error:
        units, problems = [], [error]
    else:
        problems += stream.problems
    assert all(problem.unit and str(problem) for problem in problems)
    return units, problems


def with_crc(front: bytes) -> bytes:
    return front + zlib.crc32(front).to_bytes(4, "big")


def varints(*values: int) -> bytes:
    writer = BitWriter()
    for value in values:
        writer.write_varint(value)
    return writer.to_bytes()


def with_region(data: bytes, region: tuple[int, int], changed: bytes) -> bytes:
    """The file with other bytes, and the right CRC-32 behind them, in the place of a region."""
    start, stop = region
    return data[:start] + with_crc(changed) + data[stop + 4 :]


RUNS = st.builds(
    Run,
    st.builds(UnitKey, st.integers(-1, 3), st.integers(-1, 3), st.integers(0, 9)),
    st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple),
    st.integers(1, 3),
    st.none() | st.just(30.0),
    st.sampled_from([0, zlib.crc32(bytes(4)), 2**32 - 1]),
)
WALKS = st.builds(RunWalk, st.integers(-1, 3), *(st.integers(0, 5) for _ in range(4)))
OPENINGS = st.none() | st.builds(GroupFacts, st.booleans(), st.none() | st.just((1.0,) * 6))
