# SPDX-License-Identifier: Apache-2.0
"""A layer of a frame <-> its payload: integers enter, bytes leave; bytes and the frame before give the integers back.

payload = PgsvcLayerHeader | positions | shapes | colors | slots | grids (6 float32) | codebooks (fp16)

The integers are the paper's; each section is packed at the paper's fixed length or entropy coded, whichever is smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from lamina.codecs.planar.packing import Below, LayerState
from lamina.codecs.planar.pgsvc import sections
from lamina.codecs.planar.pgsvc.layers import (
    DecodedLayer,
    Integers,
    LayerFormat,
    decode_key_layer,
    decode_predicted_layer,
)
from lamina.codecs.planar.pgsvc.sections import Column, Walk
from lamina.codecs.planar.pgsvc.splats import to_gaussians
from lamina.codecs.planar.pgsvc.syntax import PgsvcLayerHeader
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import BitstreamError
from lamina.quantize.floats import FLOAT16, float12, is_finite_pattern
from lamina.render.planar import Gaussians2D
from lamina.render.planar_arrays import SplatArrays

LARGEST_SCALE = 1e4
"""Of a grid: larger steps or offsets mean damage, and would make splats of infinite size."""


@dataclass(frozen=True)
class _Columns:
    """The sections of a layer as columns."""

    positions: tuple[Column, Column]
    shapes: tuple[Column, Column]
    colors: tuple[Column, Column]
    slots: tuple[Column, ...]


def encode_layer(header: PlanarHeader, layer: LayerState, previous: LayerState | None, below: Below) -> bytes:
    """Payload of a layer; `previous` and `below` are not needed, the integers are complete.

    Raises:
        ValueError: the layer was not made by this method.
    """
    if not isinstance(layer.context, DecodedLayer):
        raise ValueError(f"a layer of the paper's method carries a DecodedLayer, got {type(layer.context).__name__}")
    layer_format = layer.context.own.format
    columns = _columns_of(layer.integers, layer_format, layer.context)
    ordered = columns.positions[0].values[:, 0]
    is_ordered = bool((np.diff(ordered) >= 0).all())
    shape_bits = columns.shapes[0].bits, columns.shapes[1].bits
    color_bits = columns.colors[0].bits, columns.colors[1].bits
    packed = [
        sections.pack(columns.positions, sections.position_walk(layer_format.exponent_bits) if is_ordered else None),
        sections.pack(columns.shapes, sections.symbol_walk(shape_bits)),
        sections.pack(columns.colors, sections.symbol_walk(color_bits)),
        sections.pack(columns.slots, sections.flag_walk),
    ]
    layer_header = PgsvcLayerHeader(
        is_key=layer_format.is_key,
        cholesky_bits=layer_format.cholesky_bits - 1,
        codebook_bits=layer_format.codebook_bits - 1,
        codebook_stages=layer_format.codebook_stages - 1,
        exponent_bits=layer_format.exponent_bits,
        are_coded=sum(int(is_coded) << (3 - k) for k, (_, is_coded) in enumerate(packed)),
        has_extensions=False,
        reserved=0,
        splat_count=layer.context.raw.shape[1],
        new_count=len(layer.integers["positions"]),
        position_bytes=len(packed[0][0]),
        shape_bytes=len(packed[1][0]),
        color_bytes=len(packed[2][0]),
        slot_bytes=len(packed[3][0]),
    )
    tables = layer.integers["grids"].astype("<u4").tobytes() + layer.integers["codebooks"].astype("<u2").tobytes()
    return b"".join([layer_header.pack(), *(data for data, _ in packed), tables])


def decode_layer(header: PlanarHeader, payload: bytes, previous: LayerState | None, below: Below) -> LayerState:
    """The layer of a payload; predicted frames need the same layer of the frame before.

    Raises:
        BitstreamError: the bytes are damaged, or do not fit the frame before.
    """
    unit = f"layer {len(below)}"
    found, start = PgsvcLayerHeader.unpack(payload)
    lengths = (found.position_bytes, found.shape_bytes, found.color_bytes, found.slot_bytes, found.table_bytes)
    if start + sum(lengths) != len(payload):
        raise BitstreamError(f"sections of {sum(lengths)} bytes in {len(payload) - start}; expected all", unit)
    if 10 * found.new_count > 8 * found.position_bytes + 64:
        raise BitstreamError(f"{found.new_count} positions in {found.position_bytes} bytes", unit, "new_count")
    parts, position = [], start
    for length in lengths:
        parts.append(bytes(payload[position : position + length]))
        position += length
    layer_format = LayerFormat(
        found.is_key,
        len(below) == 0,
        found.cholesky_bits + 1,
        found.codebook_bits + 1,
        found.codebook_stages + 1,
        found.exponent_bits,
    )
    before = _reference(found, previous, unit)
    integers = _read_sections(parts, found, layer_format, before, unit)
    if before is None:
        return LayerState(integers, decode_key_layer(integers, layer_format))
    return LayerState(integers, decode_predicted_layer(integers, layer_format, before))


def gaussians(header: PlanarHeader, layers: tuple[LayerState, ...]) -> Gaussians2D:
    """Layers 0..l of one frame as Gaussians in full-size pixels."""
    raw = torch.cat([layer.context.raw for layer in layers], dim=1)
    return to_gaussians(raw, header.width, header.height)


def arrays(header: PlanarHeader, layers: tuple[LayerState, ...]) -> SplatArrays:
    """The same as arrays."""
    found = gaussians(header, layers)
    return SplatArrays(*(part.contiguous().numpy() for part in (found.positions, found.covariances, found.colors)))


def _reference(found: PgsvcLayerHeader, previous: LayerState | None, unit: str) -> DecodedLayer | None:
    """The decoded layer that a predicted layer builds on; None on key frames."""
    if found.is_key:
        return None
    if previous is None or not isinstance(previous.context, DecodedLayer):
        raise BitstreamError("a predicted layer without the frame before; start at a key frame", unit, "is_key")
    count = previous.context.raw.shape[1]
    if count != found.splat_count:
        raise BitstreamError(f"is {found.splat_count}, but the frame before has {count} splats", unit, "splat_count")
    return previous.context


def _columns_of(integers: Integers, layer_format: LayerFormat, context: DecodedLayer) -> _Columns:
    """Integers -> unsigned columns."""
    key, own = context.key.format, layer_format
    new = np.stack([ordered(integers["positions"][:, axis]) for axis in (0, 1)], axis=1)
    shapes = integers["cholesky"].astype(np.int64) - key.cholesky_range.minimum
    colors = integers["colors"].astype(np.int64)
    if layer_format.is_key:
        empty_pair, empty_shape = np.zeros((0, 2), np.int64), np.zeros((0, 3), np.int64)
        deltas, shape_deltas, color_deltas = empty_pair, empty_shape, np.zeros((0, own.codebook_stages), np.int64)
        slots: tuple[Column, ...] = ()
    else:
        deltas = integers["position_deltas"].astype(np.int64)
        shape_deltas = integers["cholesky_deltas"].astype(np.int64) - own.cholesky_range.minimum
        color_deltas = integers["color_deltas"].astype(np.int64)
        slots = (Column(integers["replaced"].astype(np.int64)[:, None], 1),)
    return _Columns(
        (Column(new, 16), Column(deltas, 12)),
        (Column(shapes, key.cholesky_bits), Column(shape_deltas, own.cholesky_bits)),
        (Column(colors, key.codebook_bits), Column(color_deltas, own.codebook_bits)),
        slots,
    )


def _read_sections(
    parts: list[bytes], found: PgsvcLayerHeader, own: LayerFormat, before: DecodedLayer | None, unit: str
) -> dict[str, np.ndarray]:
    """The inverse of `_columns_of` and packing."""
    key = own if before is None else before.key.format
    new, rest = found.new_count, found.splat_count - found.new_count
    stages = key.codebook_stages, own.codebook_stages
    if before is not None and stages[0] != stages[1]:
        raise BitstreamError(f"has {stages[1]} stages, its key frame {stages[0]}", unit, "codebook_stages")

    def read(index: int, name: str, shapes: tuple[tuple[int, int, int], ...], walk: Walk) -> tuple[np.ndarray, ...]:
        is_coded = bool(found.are_coded >> (3 - index) & 1)
        return sections.unpack(parts[index], shapes, walk if is_coded else None, f"{unit}, {name}")

    walk = sections.position_walk(own.exponent_bits)
    positions, deltas = read(0, "positions", ((new, 2, 16), (rest, 2, 12)), walk)
    bits = key.cholesky_bits, own.cholesky_bits
    shapes, shape_deltas = read(1, "shapes", ((new, 3, bits[0]), (rest, 3, bits[1])), sections.symbol_walk(bits))
    bits = key.codebook_bits, own.codebook_bits
    walk = sections.symbol_walk(bits)
    colors, color_deltas = read(2, "colors", ((new, stages[0], bits[0]), (rest, stages[1], bits[1])), walk)
    integers = {
        "positions": np.stack([patterns(positions[:, axis]) for axis in (0, 1)], axis=1).astype(np.uint16),
        "cholesky": (shapes + key.cholesky_range.minimum).astype(np.int16),
        "colors": colors.astype(np.uint8),
    }
    if before is not None:
        (replaced,) = read(3, "slots", ((found.splat_count, 1, 1),), sections.flag_walk)
        if int(replaced.sum()) != new:
            raise BitstreamError(f"{int(replaced.sum())} slots are replaced, but {new} splats are new", unit, "slots")
        integers |= {
            "replaced": replaced[:, 0].astype(np.uint8),
            "position_deltas": deltas.astype(np.uint16),
            "cholesky_deltas": (shape_deltas + own.cholesky_range.minimum).astype(np.int16),
            "color_deltas": color_deltas.astype(np.uint8),
        }
    integers |= _read_tables(parts[4], own)
    _check_patterns(integers, own, unit)
    return integers


def _read_tables(data: bytes, own: LayerFormat) -> dict[str, np.ndarray]:
    """Grids and codebooks, of the length that was checked before."""
    grids = np.frombuffer(data, "<u4", 6).reshape(2, 3).astype(np.uint32)
    codebooks = np.frombuffer(data, "<u2", offset=24).astype(np.uint16)
    return {"grids": grids, "codebooks": codebooks.reshape(own.codebook_stages, 1 << own.codebook_bits, 3)}


def _check_patterns(integers: Integers, own: LayerFormat, unit: str) -> None:
    """Every float is finite, every grid sane."""
    floats = [("positions", FLOAT16), ("codebooks", FLOAT16), ("position_deltas", float12(own.exponent_bits))]
    for name, layout in floats:
        if name in integers and not bool(
            is_finite_pattern(torch.from_numpy(integers[name].astype(np.int32)), layout).all()
        ):
            raise BitstreamError("an infinity or NaN; expected finite values", unit, name)
    grids = integers["grids"].view(np.float32)
    if not (np.isfinite(grids).all() and (grids[0] > 0).all() and (np.abs(grids) <= LARGEST_SCALE).all()):
        raise BitstreamError(f"scales and offsets {grids.tolist()}; expected finite, scales above 0", unit, "grids")


def ordered(fp16_patterns: np.ndarray) -> np.ndarray:
    """fp16 patterns as integers 0...65535 that sort like the values; `patterns` is the inverse."""
    wide = fp16_patterns.astype(np.int64)
    return np.where(wide >> 15, 0xFFFF - wide, wide + 0x8000)


def patterns(ordered_values: np.ndarray) -> np.ndarray:
    """The inverse of `ordered`."""
    return np.where(ordered_values >> 15, ordered_values - 0x8000, 0xFFFF - ordered_values)
