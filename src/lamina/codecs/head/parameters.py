# SPDX-License-Identifier: Apache-2.0
"""A run's columns <-> bytes: what each frame differs by from the one before; the first of a run from rest.

What contexts have learned stays within a run and a layer, so that a run decodes alone. In the paper's method columns
are indices (`networked.indices`).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

from lamina.codecs.head.columns import FIXED
from lamina.codecs.head.networked.indices import pack_indices, unpack_indices
from lamina.codecs.head.residuals import code_residual, fresh_residuals, sign_class, size_class
from lamina.codecs.head.syntax import HeadFacts
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream


def pack_run(facts: HeadFacts, columns: range, values: Int32[np.ndarray, "t c"]) -> bytes:
    """The stream of some columns of a run."""
    if facts.network is not None:
        return pack_indices(facts.network, values)
    return write_stream(lambda coder: _code(coder, facts, columns, values.astype(np.int64)))


def unpack_run(facts: HeadFacts, columns: range, frames: int, data: bytes) -> Int32[np.ndarray, "t c"]:
    """Some columns of a run.

    Raises:
        BitstreamError: the stream is damaged.
    """
    if facts.network is not None:
        return unpack_indices(facts.network, frames, data)
    reader = open_reader(data, unit="run")
    values = np.zeros((frames, len(columns)), np.int64)
    _code(reader, facts, columns, values)
    expect_end(reader, unit="run")
    return values.astype(np.int32)


def _code(coder: Coder, facts: HeadFacts, columns: range, values: np.ndarray) -> None:
    activity = np.array(facts.activity[columns.start : columns.stop], np.int64)
    # What moves together: rotation, translation, gaze, the torso, expressions.
    firsts = (0, 3, 6, FIXED, FIXED + facts.torso)
    starts = np.array([max(first for first in firsts if first <= column) for column in columns], np.int64)
    mixer, first = fresh_residuals(len(columns), activity), fresh_residuals(len(columns))
    scratch = np.zeros((3, max(len(columns), 1)), np.int64)
    _walk(coder, mixer, first, values, starts, scratch)


@kernel
def _walk(coder, mixer, first_mixer, values, starts, scratch):
    """`scratch`: differences of the frame before, of this one, of the one before that."""
    for frame in range(values.shape[0]):
        if ran_dry(coder):
            fail(coder)
            return
        busy = np.int64(0)
        for column in range(values.shape[1]):
            last = values[frame - 1, column] if frame > 0 else np.int64(0)
            before, older = scratch[0, column], scratch[2, column]
            beside = scratch[1, column - 1] if column > 0 and starts[column] == starts[column - 1] else np.int64(0)
            first = size_class(before) * 3 + sign_class(before)
            second = min(busy, np.int64(3)) * 8 + size_class(beside)
            third = min(size_class(older), np.int64(4)) * 5 + min(size_class(before), np.int64(4))
            wanted = values[frame, column] - last
            if frame == 0:
                value = code_residual(coder, first_mixer, column, np.int64(0), np.int64(0), np.int64(0), wanted)
            else:
                value = code_residual(coder, mixer, column, first, second, third, wanted)
                busy = (3 * busy + 4 * min(abs(value), np.int64(3))) >> 2
            scratch[1, column] = value if frame > 0 else np.int64(0)
            values[frame, column] = last + value
            if abs(values[frame, column]) > 262144:
                fail(coder)
                values[frame, column] = 0
        for column in range(values.shape[1]):
            scratch[2, column] = scratch[0, column]
            scratch[0, column] = scratch[1, column]
