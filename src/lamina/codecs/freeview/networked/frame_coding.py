# SPDX-License-Identifier: Apache-2.0
"""One frame <-> its unit's payload.

    NetworkedHead   whether it stands still; ranges, factors, integers of all layers of the networks; tables of latents
    stream          latents, scale after scale, finest first, each channel under its table      (points)
                    or the signs of a grid                                                      (tri-plane, hash grid)

Integers of networks are coded under a normal distribution of their own mean and spread (HPC, Eq. 16, after Boosting
NeRV), whose table is chosen from those that are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Int32

from lamina.codecs.freeview.networked.networks import GRIDS, Vectors
from lamina.codecs.freeview.networked.parameters import CodedLayer, decoded_layer
from lamina.codecs.freeview.networked.syntax import FLOAT_BITS, MAX_PARAMETER, NetworkedFacts, NetworkedHead
from lamina.entropy.binary import Coder, code_raw
from lamina.entropy.gaussian_tables import LOG2_SCALE_BITS, gaussian_tables, scale_indices
from lamina.entropy.indexed import code_where
from lamina.entropy.kernel import kernel
from lamina.entropy.rans_kernels import TableArrays
from lamina.entropy.table_syntax import pack_tables, unpack_tables
from lamina.entropy.tables import FrequencyTables
from lamina.entropy.walk import expect_end, open_reader, write_stream
from lamina.errors import BitstreamError
from lamina.networks.coding import pack_hash_grid, unpack_hash_grid
from lamina.networks.hash_grid import FixedHashGrid

UNIT = "frame"

_AT_REST = NetworkedHead(has_extensions=False, is_rest=True, has_reference=False, reserved=0)

Latents = tuple[Int32[np.ndarray, "n e"], ...]
"""Of the points of each scale, finest first."""


@dataclass(frozen=True, eq=False)
class NetworkedChanges:
    """What a unit says."""

    layers: tuple[CodedLayer, ...] = ()
    """Of the networks; none where parameters come as floats."""
    floats: Vectors = ()
    """Parameters of each layer, as they are."""
    latents: Latents = ()
    grid: FixedHashGrid | None = None
    """In place of latents."""
    counts: tuple[list[list[int]], list[int]] | None = None
    """Rows and smallest values of the latents' tables, a row a channel; an encoder's."""
    is_rest: bool = False
    """Nothing is said: anchors are those at rest."""


def pack_frame(facts: NetworkedFacts, changes: NetworkedChanges) -> bytes:
    """A unit's payload."""
    if changes.is_rest:
        return _AT_REST.pack()
    means, scales, networks = (), (), b"".join(vector.astype("<f4").tobytes() for vector in changes.floats)
    if changes.layers:
        if facts.has_network_entropy:
            means = tuple(int(np.rint(layer.values.mean())) for layer in changes.layers)
            scales = tuple(_scale_of(layer.values) for layer in changes.layers)
        values = [layer.values for layer in changes.layers]
        networks = write_stream(lambda coder: _walk_networks(coder, facts, means, scales, values))
    factors = tuple(float(layer.factor) for layer in changes.layers if layer.factor is not None)
    tables = b"" if changes.counts is None else pack_tables(*changes.counts)
    head = NetworkedHead(
        has_extensions=False,
        is_rest=False,
        has_reference=bool(factors),
        reserved=0,
        factors=factors or None,
        ranges=tuple(float(bound) for layer in changes.layers for bound in (layer.low, layer.high)),
        means=means,
        scales=scales,
        networks=networks,
        tables=tables,
    )
    if changes.grid is not None:
        return head.pack() + pack_hash_grid(changes.grid)
    stream = write_stream(lambda coder: _walk_latents(coder, unpack_tables(tables), changes.latents))
    return head.pack() + stream


def unpack_frame(
    facts: NetworkedFacts, payload: bytes, sizes: Sequence[tuple[int, int]], counts: Sequence[int], has_before: bool
) -> NetworkedChanges:
    """The inverse.

    Args:
        sizes: inputs and outputs of each layer of the networks.
        counts: points of each scale.
        has_before: networks of the frame before are known.

    Raises:
        BitstreamError: the payload is damaged, or builds on networks that are not there.
    """
    head, end = NetworkedHead.unpack(payload)
    if head.is_rest:
        if len(payload) > end or head != replace(
            _AT_REST, has_extensions=head.has_extensions, extensions=head.extensions
        ):
            raise BitstreamError("something is said of a frame that is at rest", UNIT)
        return NetworkedChanges(is_rest=True)
    if head.has_reference and not has_before:
        raise BitstreamError("it builds on the networks of the frame before, which are missing", UNIT)
    layers, floats = (), ()
    if facts.network_bits == FLOAT_BITS:
        floats = _floats(head, sizes)
    else:
        layers = _layers(facts, head, sizes)
    grid_spec = GRIDS.get(facts.representation)
    if grid_spec is not None:
        if head.tables:
            raise BitstreamError("a grid has no tables of latents", UNIT, "tables")
        grid = unpack_hash_grid(payload[end:], unit=UNIT)
        if grid.spec != grid_spec:
            raise BitstreamError("the grid is of another shape than the stream's", UNIT)
        return NetworkedChanges(layers, floats, grid=grid)
    tables = unpack_tables(head.tables, unit=UNIT)
    if tables.table_count != facts.channels:
        raise BitstreamError(f"{tables.table_count} tables for {facts.channels} channels", UNIT, "tables")
    latents = tuple(np.zeros((count, facts.channels), np.int32) for count in counts)
    coder = open_reader(payload[end:], unit=UNIT)
    _walk_latents(coder, tables, latents)
    expect_end(coder, unit=UNIT)
    return NetworkedChanges(layers, floats, latents)


def decoded_networks(facts: NetworkedFacts, changes: NetworkedChanges, before: Vectors) -> Vectors:
    """Parameters of each layer after a frame."""
    if changes.floats:
        return changes.floats
    known = before or (None,) * len(changes.layers)
    return tuple(
        decoded_layer(layer, own, facts.network_bits) for layer, own in zip(changes.layers, known, strict=True)
    )


def _floats(head: NetworkedHead, sizes: Sequence[tuple[int, int]]) -> Vectors:
    values = np.frombuffer(head.networks, "<f4") if len(head.networks) % 4 == 0 else np.zeros(0, np.float32)
    counts = [(inputs + 1) * outputs for inputs, outputs in sizes]
    if len(values) != sum(counts) or not (np.abs(values) <= MAX_PARAMETER).all():
        raise BitstreamError(f"expected {sum(counts)} parameters within +-{MAX_PARAMETER:g}", UNIT, "networks")
    if head.has_reference or head.ranges or head.means or head.scales:
        raise BitstreamError("parameters that come as floats have no reference, ranges, means or scales", UNIT)
    return tuple(part.astype(np.float32) for part in np.split(values, np.cumsum(counts)[:-1]))


def _layers(facts: NetworkedFacts, head: NetworkedHead, sizes: Sequence[tuple[int, int]]) -> tuple[CodedLayer, ...]:
    count = len(sizes)
    coded = count if facts.has_network_entropy else 0
    found = (len(head.ranges), len(head.means), len(head.scales), len(head.factors or ()))
    expected = (2 * count, coded, coded, count if head.has_reference else 0)
    if found != expected:
        raise BitstreamError(f"ranges, means, scales, factors: {found} numbers, expected {expected}", UNIT)
    values = [np.zeros((inputs + 1) * outputs, np.int32) for inputs, outputs in sizes]
    coder = open_reader(head.networks, unit=UNIT)
    _walk_networks(coder, facts, head.means, head.scales, values)
    expect_end(coder, unit=UNIT)
    if any(len(own) and (own.min() < 0 or own.max() >= 1 << facts.network_bits) for own in values):
        raise BitstreamError(f"a parameter outside {facts.network_bits} bits", UNIT, "networks")
    lows, highs = np.array(head.ranges[::2], np.float32), np.array(head.ranges[1::2], np.float32)
    factors = [None] * count if head.factors is None else [np.float32(factor) for factor in head.factors]
    return tuple(CodedLayer(*parts) for parts in zip(values, lows, highs, factors, strict=True))


def _scale_of(values: Int32[np.ndarray, " p"]) -> int:
    """The table whose scale is nearest to the spread of integers."""
    log2_scale = np.log2(max(float(values.std()), 1e-6)) * (1 << LOG2_SCALE_BITS)
    return int(scale_indices(np.rint(np.array([log2_scale])).astype(np.int64))[0])


def _walk_networks(
    coder: Coder,
    facts: NetworkedFacts,
    means: Sequence[int],
    scales: Sequence[int],
    values: Sequence[Int32[np.ndarray, " p"]],
) -> None:
    """Integers of all layers, into or from `values`."""
    if not facts.has_network_entropy:
        for own in values:
            walk_raw(coder, facts.network_bits, own)
        return
    for own, mean, scale in zip(values, means, scales, strict=True):
        centred = (own - mean)[None, :].astype(np.int32)
        code_where(coder, _normal_tables(), np.full(centred.shape, scale), np.ones(centred.shape, np.uint8), centred)
        own[:] = centred[0] + mean


@kernel
def walk_raw(coder, bits, values):
    """Integers as they are, in place."""
    for i in range(values.size):
        values[i] = code_raw(coder, np.int64(values[i]), bits)


def _walk_latents(coder: Coder, tables: FrequencyTables, latents: Latents) -> None:
    """Latents of all scales, into or from them."""
    arrays = TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)
    for own in latents:
        rows = np.broadcast_to(np.arange(own.shape[1]), own.shape)
        code_where(coder, arrays, np.ascontiguousarray(rows), np.ones(own.shape, np.uint8), own)


@cache
def _normal_tables() -> TableArrays:
    tables = gaussian_tables()
    return TableArrays(tables.cumulative, tables.offsets, tables.lows, tables.bucket_entries)
