# SPDX-License-Identifier: Apache-2.0
"""Sizes for the paper's method: a target enters, splats a frame leave; trained splats and bits enter, fewer leave.

The paper codes at a constant number of splats. A target size becomes a number, a little too large; once a still is
trained, what its splats really cost is measured, and the lightest ones that are over the target go before fine-tuning.
"""

from __future__ import annotations

from dataclasses import replace

from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.pgsvc.coding import encode_layer
from lamina.codecs.planar.pgsvc.fit.pruning import keep_heaviest
from lamina.codecs.planar.pgsvc.fit.quantizers import KeyFineTuning
from lamina.codecs.planar.pgsvc.fit.training import Trained
from lamina.codecs.planar.pgsvc.layers import LayerFormat, decode_key_layer
from lamina.codecs.planar.pgsvc.syntax import breakdown
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import TargetError

BITS_PER_SPLAT = 43.0
"""Of I-frames of photographs, entropy coded, tables aside; on the low side, as splats can go but not come."""

CONTAINER_BYTES = 75
"""Of a still's file, beside the layers: magic, index, header unit."""

DEFAULT_BITS_PER_PIXEL = 0.5
"""Where no target is given at all."""


def target_bits(target: RateTarget, header: PlanarHeader, frame_count: int) -> float | None:
    """Bits a frame that a target allows; None where it is a number of splats or a quality."""
    if target.splats is not None or target.psnr_db is not None:
        return None
    if target.size_bytes is not None:
        return 8.0 * target.size_bytes / frame_count
    return (target.bits_per_pixel or DEFAULT_BITS_PER_PIXEL) * header.width * header.height


def splat_count(config: PlanarConfig, header: PlanarHeader, frame_count: int) -> int:
    """Splats a frame that a target means.

    Raises:
        TargetError: it is a quality, or less than the tables and a splat a layer take.
    """
    if config.target.splats is not None:
        return config.target.splats
    bits = target_bits(config.target, header, frame_count)
    if bits is None:
        raise TargetError("the paper's method codes at a constant number of splats: ask for --splats, --bpp or --bytes")
    fixed_bits = 8.0 * (CONTAINER_BYTES / frame_count + header.levels * table_bytes(config))
    count = int((bits - fixed_bits) / BITS_PER_SPLAT)
    if count < header.levels:
        least = (fixed_bits + header.levels * 2 * BITS_PER_SPLAT) * frame_count / 8.0
        raise TargetError(f"tables and a splat a layer take {least:.0f} bytes: ask for more, or for fewer layers")
    return count


def table_bytes(config: PlanarConfig) -> int:
    """Of a layer: head, grids, codebooks."""
    pgsvc = config.pgsvc
    return 12 + 24 + 6 * (pgsvc.codebook_stages << pgsvc.codebook_bits)


def trim_to_bits(
    trained: Trained, formats: tuple[LayerFormat, ...], header: PlanarHeader, bits: float, seed: int
) -> Trained:
    """Without the lightest splats of each layer, as many as it takes for a still of `bits`, container included."""
    tuning = KeyFineTuning(trained.raw, trained.counts, formats, seed)
    fixed_bytes, splat_bytes = CONTAINER_BYTES, 0
    for integers, layer_format in zip(tuning.integers(tuning.start), formats, strict=True):
        state = LayerState(integers, decode_key_layer(integers, layer_format))
        parts = breakdown(header, encode_layer(header, state, None, ()))
        fixed_bytes += parts["headers"] + parts["tables"]
        splat_bytes += parts["positions"] + parts["shapes"] + parts["colors"]
    share = (bits / 8.0 - fixed_bytes) / max(splat_bytes, 1)
    if share >= 1.0:
        return trained
    counts = tuple(max(1, int(share * count)) for count in trained.counts)
    kept = keep_heaviest(trained.weights, trained.counts, counts)
    return replace(
        trained, raw=trained.raw[:, kept], weights=trained.weights[kept], counts=counts, origin=trained.origin[kept]
    )
