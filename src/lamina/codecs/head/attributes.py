# SPDX-License-Identifier: Apache-2.0
"""A layer's Gaussians <-> bytes: those on the head, then those beside it, each predicted from its nearest neighbours.

Within a layer the Gaussians on the head follow the template's curve; those beside it are in the order that the encoder
gave them, which their own places say nothing about until they are decoded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from lamina.codecs.head.columns import FREE_COLUMNS, MESH_COLUMNS, VALUE_LIMIT
from lamina.codecs.head.neighbors import nearest_before
from lamina.codecs.head.residuals import code_residual, fresh_residuals, sign_class, size_class
from lamina.codecs.head.syntax import HeadFacts
from lamina.data.faces.template import face_template
from lamina.entropy.binary import fail, ran_dry
from lamina.entropy.kernel import kernel
from lamina.entropy.walk import Coder, expect_end, open_reader, write_stream
from lamina.errors import BitstreamError


@dataclass(frozen=True, eq=False)
class Gaussians:
    """Integers of Gaussians, of one layer or of several; columns as in `columns`."""

    mesh: Int32[np.ndarray, "m 10"]
    free: Int32[np.ndarray, "f 11"]


def joined(layers: tuple[Gaussians, ...]) -> Gaussians:
    """Of all layers, base first."""
    mesh = [np.empty((0, MESH_COLUMNS), np.int32), *(layer.mesh for layer in layers)]
    free = [np.empty((0, FREE_COLUMNS), np.int32), *(layer.free for layer in layers)]
    return Gaussians(np.concatenate(mesh), np.concatenate(free))


def pack_gaussians(facts: HeadFacts, own: Gaussians, below: Gaussians) -> tuple[bytes, float]:
    """A layer's stream, and the share of it that is of Gaussians beside the head (by count, 0...1)."""
    data = write_stream(lambda coder: _code(coder, facts, own, below))
    mesh_only = write_stream(lambda coder: _code(coder, facts, Gaussians(own.mesh, own.free[:0]), below))
    return data, 1 - min(len(mesh_only) / max(len(data), 1), 1)


def unpack_gaussians(facts: HeadFacts, layer: int, data: bytes, below: Gaussians) -> Gaussians:
    """A layer; those on the head come elsewhere in the paper's method.

    Raises:
        BitstreamError: the stream is damaged.
    """
    mesh = np.zeros((facts.mesh_counts[layer] if facts.network is None else 0, MESH_COLUMNS), np.int32)
    free = np.zeros((facts.free_counts[layer], FREE_COLUMNS), np.int32)
    reader = open_reader(data, unit="Gaussians")
    own = Gaussians(mesh, free)
    _code(reader, facts, own, below)
    expect_end(reader, unit="Gaussians")
    if max(np.abs(mesh).max(initial=0), np.abs(free).max(initial=0)) > VALUE_LIMIT:
        raise BitstreamError(f"a value is over {VALUE_LIMIT}", "Gaussians")
    return own


def _code(coder: Coder, facts: HeadFacts, own: Gaussians, below: Gaussians) -> None:
    """One walk for both directions; arrays of `own` are filled when reading."""
    template = face_template()
    known, count = len(below.mesh), len(own.mesh)
    places = template.places(known + count)
    regions = template.sample_regions[: known + count].astype(np.int64)
    # Along the curve: neighbours have been coded on both sides of what comes later, and streams compress alike.
    order = np.argsort(template.sample_ranks[known : known + count], kind="stable")
    arranged = np.concatenate([np.arange(known), known + order])
    nearest = nearest_before(places[arranged], regions[arranged], known)
    values = np.concatenate([below.mesh[arranged[:known]], own.mesh[order]]).astype(np.int64)
    _walk_mesh(coder, fresh_residuals(MESH_COLUMNS), values, nearest, known)
    own.mesh[order] = values[known:]
    known = len(below.free)
    values = np.concatenate([below.free, own.free]).astype(np.int64)
    _walk_free(coder, fresh_residuals(FREE_COLUMNS), values, known)
    own.free[:] = values[known:]


@kernel
def _predicted(values, neighbors, row, column):
    """The mean of the neighbours, halves towards below."""
    total, count = np.int64(0), np.int64(0)
    for place in range(neighbors.shape[1]):
        other = neighbors[row, place]
        if other >= 0:
            total += values[other, column]
            count += 1
    return (2 * total + count) // (2 * count) if count > 0 else np.int64(0)


@kernel
def _spread(values, neighbors, row, column, mean):
    """How far the two nearest are from the mean, 0...7."""
    total = np.int64(0)
    for place in range(2):
        other = neighbors[row, place]
        if other >= 0:
            total += abs(values[other, column] - mean)
    return size_class(total)


@kernel
def _code_columns(coder, mixer, values, neighbors, row, number, first_column, last_column, before):
    """Columns of one Gaussian; `before` (columns) has the residuals of the one coded last, then this one's."""
    green = np.int64(0)
    for column in range(first_column, last_column):
        mean = _predicted(values, neighbors, row, column)
        shift = green if column == 8 or column == 9 else np.int64(0)
        spread = _spread(values, neighbors, row, column, mean)
        left = before[column - 1] if column > 0 else np.int64(0)
        first = spread * 4 + min(size_class(before[column]), np.int64(3))
        second = size_class(left) * 3 + sign_class(left)
        third = min(size_class(before[column]), np.int64(7)) * 3 + sign_class(before[column])
        residual = values[number, column] - mean - shift
        residual = code_residual(coder, mixer, column, first, second, third, residual)
        before[column] = residual
        if column == 7:
            green = residual
        values[number, column] = mean + shift + residual
        if abs(values[number, column]) > 262144:
            fail(coder)
            values[number, column] = 0


@kernel
def _walk_mesh_with(coder, mixer, values, neighbors, known, before):
    for row in range(neighbors.shape[0]):
        if row % 64 == 0 and ran_dry(coder):
            fail(coder)
            return
        _code_columns(coder, mixer, values, neighbors, row, known + row, 0, 10, before)


def _walk_mesh(coder: Coder, mixer, values: np.ndarray, neighbors: np.ndarray, known: int) -> None:
    _walk_mesh_with(coder, mixer, values, neighbors, known, np.zeros(12, np.int64))


@kernel
def _nearest_free(values, number, found, distances):
    """The nearest of those before, by their places."""
    for place in range(4):
        found[0, place] = -1
        distances[place] = np.int64(1) << np.int64(60)
    for other in range(number):
        x = values[number, 0] - values[other, 0]
        y = values[number, 1] - values[other, 1]
        z = values[number, 2] - values[other, 2]
        distance = x * x + y * y + z * z
        if distance >= distances[3]:
            continue
        place = 3
        while place > 0 and distance < distances[place - 1]:
            distances[place] = distances[place - 1]
            found[0, place] = found[0, place - 1]
            place -= 1
        distances[place] = distance
        found[0, place] = other


@kernel
def _walk_free_with(coder, mixer, values, known, before, found, distances):
    for number in range(known, values.shape[0]):
        if ran_dry(coder):
            fail(coder)
            return
        for column in range(3):
            last = values[number - 1, column] if number > known else np.int64(0)
            first = min(size_class(before[column]), np.int64(7))
            second = size_class(before[column - 1]) * 3 + sign_class(before[column - 1]) if column > 0 else np.int64(0)
            third = size_class(before[0]) if column > 0 else np.int64(0)
            residual = code_residual(coder, mixer, column, first, second, third, values[number, column] - last)
            before[column] = residual
            values[number, column] = last + residual
            if abs(values[number, column]) > 262144:
                fail(coder)
                values[number, column] = 0
        _nearest_free(values, number, found, distances)
        _code_columns(coder, mixer, values, found, 0, number, 3, 11, before)


def _walk_free(coder: Coder, mixer, values: np.ndarray, known: int) -> None:
    found, distances = np.zeros((1, 4), np.int32), np.zeros(4, np.int64)
    _walk_free_with(coder, mixer, values, known, np.zeros(12, np.int64), found, distances)
