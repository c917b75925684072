# SPDX-License-Identifier: Apache-2.0
"""Arrays of the paper's head <-> bytes.

attributes   integers: for each of 6 columns an order (5 bits), then codes of what each Gaussian differs by from the one
             before along the template's curve, filled to a whole byte; or floats, column by column
             latents: bytes, column by column; then their decoders. Or floats, column by column
network      floats

Floats are little-endian, of 16 bits where the head is quantized, of 32 elsewhere. A section may be deflated.
"""

from __future__ import annotations

import zlib

import numpy as np
from jaxtyping import Float32, Int32, Int64

from lamina.codecs.head.columns import VALUE_LIMIT
from lamina.codecs.head.networked.codes import (
    code_bits,
    folded,
    read_bits,
    read_codes,
    unfolded,
    write_bits,
    write_codes,
)
from lamina.codecs.head.networked.syntax import NetworkFacts, NetworkHead
from lamina.codecs.head.networked.values import (
    LATENT_COLUMNS,
    LOOSE,
    PRECISE,
    Matrices,
    NetworkState,
    count_of,
    decoder_shapes,
)
from lamina.data.faces.template import face_template
from lamina.errors import BitstreamError

ORDER_BITS, MOST_ORDER = 5, 20
LONGEST_CODES_BITS = 64
"""Of a code: bounds what a section is inflated to."""


def pack_network(facts: NetworkFacts, state: NetworkState) -> NetworkHead:
    """Both sections."""
    attributes, network = _packed_attributes(facts, state), _floats(facts, state.network.flat())
    if not state.is_deflated:
        return NetworkHead(False, False, attributes, network)
    return NetworkHead(True, True, zlib.compress(attributes, 9), zlib.compress(network, 9))


def unpack_network(facts: NetworkFacts, head: NetworkHead, count: int, dimensions: int) -> NetworkState:
    """Arrays of `count` Gaussians, moved by so many components.

    Raises:
        BitstreamError: a section is damaged.
    """
    sizes = facts.layer_sizes(dimensions)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    exact = count_of(shapes) * _float_bytes(facts)
    network = _inflated(head.network, head.network_deflated, exact, "network")
    if len(network) != exact:
        raise BitstreamError(f"{len(network)} bytes, expected {exact}", "network")
    most = count * (PRECISE * LONGEST_CODES_BITS // 8 + 4 * LOOSE) + 4 * count_of(decoder_shapes()) + 64
    attributes = _inflated(head.attributes, head.attributes_deflated, most, "attributes")
    precise, attributes = _precise(facts, attributes, count)
    latents, decoders, loose = _loose(facts, attributes, count)
    matrices = Matrices.of(_finite(facts, network, "network"), shapes)
    return NetworkState(precise, latents, decoders, loose, matrices, head.network_deflated)


def _inflated(data: bytes, is_deflated: bool, most: int, name: str) -> bytes:
    """At most so many bytes.

    Raises:
        BitstreamError: it is not deflated, not whole, or longer.
    """
    if not is_deflated:
        return data
    inflating = zlib.decompressobj()
    try:
        raw = inflating.decompress(data, most + 1)
    except zlib.error as error:
        raise BitstreamError(f"not deflated: {error}", name) from error
    if len(raw) > most or not inflating.eof or inflating.unused_data:
        raise BitstreamError(f"does not inflate to at most {most} bytes", name)
    return raw


def _float_bytes(facts: NetworkFacts) -> int:
    return 2 if facts.is_quantized else 4


def _floats(facts: NetworkFacts, values: Float32[np.ndarray, "*s"]) -> bytes:
    return values.astype("<f2" if facts.is_quantized else "<f4").tobytes()


def _finite(facts: NetworkFacts, data: bytes, name: str) -> Float32[np.ndarray, " n"]:
    """Floats of a section.

    Raises:
        BitstreamError: one is no number.
    """
    values = np.frombuffer(data, "<f2" if facts.is_quantized else "<f4").astype(np.float32)
    if not np.isfinite(values).all():
        raise BitstreamError("a number is not finite", name)
    return values


def _packed_attributes(facts: NetworkFacts, state: NetworkState) -> bytes:
    parts = [_packed_integers(state.precise) if facts.is_quantized else _floats(facts, state.precise.T)]
    if state.latents is not None and state.decoders is not None:
        parts += [state.latents.T.tobytes(), _floats(facts, state.decoders.flat())]
    elif state.loose is not None:
        parts.append(state.loose.T.astype("<f4").tobytes())
    return b"".join(parts)


def curve_order(count: int) -> Int64[np.ndarray, " n"]:
    """The first places of the template along its curve."""
    return np.argsort(face_template().sample_ranks[:count], kind="stable")


def _packed_integers(values: Int32[np.ndarray, "n 6"]) -> bytes:
    ordered = values[curve_order(len(values))].astype(np.int64)
    codes = folded(np.diff(ordered, axis=0, prepend=0))
    orders = [min(range(MOST_ORDER + 1), key=lambda order, own=own: code_bits(own, order)) for own in codes.T]
    total = sum(ORDER_BITS + code_bits(own, order) for own, order in zip(codes.T, orders, strict=True))
    data, position = np.zeros((total + 7) // 8, np.uint8), 0
    for own, order in zip(codes.T, orders, strict=True):
        position = write_bits(data, position, order, ORDER_BITS)
        position = write_codes(data, position, np.ascontiguousarray(own), order)
    return data.tobytes()


def _precise(facts: NetworkFacts, data: bytes, count: int) -> tuple[np.ndarray, bytes]:
    """Colors and sizes, and what follows them.

    Raises:
        BitstreamError: they are damaged.
    """
    if not facts.is_quantized:
        size = 4 * PRECISE * count
        if len(data) < size:
            raise BitstreamError(f"{len(data)} bytes of {size}", "attributes")
        return _finite(facts, data[:size], "attributes").reshape(PRECISE, count).T.copy(), data[size:]
    stored, position = np.frombuffer(data, np.uint8), 0
    values, order = np.zeros((count, PRECISE), np.int64), curve_order(count)
    for column in range(PRECISE):
        codes = np.zeros(count, np.int64)
        if position + ORDER_BITS > 8 * len(data):
            raise BitstreamError("ends before its codes", "attributes")
        rank = int(read_bits(stored, position, ORDER_BITS))
        position = read_codes(stored, position + ORDER_BITS, codes, rank) if rank <= MOST_ORDER else -1
        if position < 0:
            raise BitstreamError(f"a damaged code in column {column}", "attributes")
        values[order, column] = np.cumsum(unfolded(codes))
    if np.abs(values).max(initial=0) > VALUE_LIMIT:
        raise BitstreamError(f"a value is over {VALUE_LIMIT}", "attributes")
    last = (position + 7) // 8
    if position % 8 and data[last - 1] & ((1 << (8 - position % 8)) - 1):
        raise BitstreamError("bits that fill a byte are not 0", "attributes")
    return values.astype(np.int32), data[last:]


def _loose(
    facts: NetworkFacts, data: bytes, count: int
) -> tuple[np.ndarray | None, Matrices | None, Float32[np.ndarray, "n 50"] | None]:
    """Latents and their decoders, or what they stand for.

    Raises:
        BitstreamError: there are more or fewer.
    """
    shapes = decoder_shapes()
    latent_bytes = LATENT_COLUMNS * count
    expected = latent_bytes + _float_bytes(facts) * count_of(shapes) if facts.has_latents else 4 * LOOSE * count
    if len(data) != expected:
        raise BitstreamError(f"{len(data)} bytes behind colors and sizes, expected {expected}", "attributes")
    if not facts.has_latents:
        values = np.frombuffer(data, "<f4").astype(np.float32)
        if not np.isfinite(values).all():
            raise BitstreamError("a number is not finite", "attributes")
        return None, None, values.reshape(LOOSE, count).T.copy()
    latents = np.frombuffer(data, np.int8, latent_bytes).reshape(LATENT_COLUMNS, count).T.copy()
    return latents, Matrices.of(_finite(facts, data[latent_bytes:], "attributes"), shapes), None
