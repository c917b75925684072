# SPDX-License-Identifier: Apache-2.0
"""One picture from pixels to lattice points: targets, header, quality; used for stills and for key frames of clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8

from lamina.bitstream import file_size_bytes
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal, at_size, header_sizes, level_sizes, scalability_id
from lamina.codecs.planar.lattice.coding import (
    STEP_SCALE,
    encode_key_layer,
    key_context,
    parameters_of,
    state_of,
    tree_order,
)
from lamina.codecs.planar.lattice.color import from_rgb, to_rgb
from lamina.codecs.planar.lattice.fit.canvas import render_pixels
from lamina.codecs.planar.lattice.fit.optimize import Targets, make_targets
from lamina.codecs.planar.lattice.splats import LatticeSplats
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import MethodId, PlanarHeader
from lamina.metrics import psnr
from lamina.units import STREAM_HEADER, StreamFacts, Unit, UnitKey

HIGHEST_DB = 100.0
"""Any quality: that there is one takes two bytes in a record."""

SMALLEST_STEP, LARGEST_STEP = 16 / STEP_SCALE, 65535 / STEP_SCALE


@dataclass(frozen=True)
class Sketch:
    """A picture ready to fit."""

    pixels: tuple[UInt8[np.ndarray, "h w 3"], ...]
    """What each level should look like, at its size."""
    background: tuple[int, int, int]
    targets: Targets


def make_sketch(pixels: UInt8[np.ndarray, "h w 3"], config: PlanarConfig, background: tuple[int, ...] | None) -> Sketch:
    """Targets of every level; the background is the mean color unless given."""
    height, width, _ = pixels.shape
    real = pixels.astype(np.float32) / 255.0
    if background is None:
        background = tuple(int(v) for v in np.rint(255.0 * real.mean(axis=(0, 1), dtype=np.float64)))
    red, green, blue = background
    made: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    sizes = level_sizes(config, width, height)
    offset = np.array(background, np.float32) / 255.0
    for size in sizes:
        if size not in made:
            small = at_size(real, size)
            made[size] = (np.rint(255.0 * np.clip(small, 0.0, 1.0)).astype(np.uint8), from_rgb(small - offset))
    targets = make_targets(tuple(made[size][1] for size in sizes))
    return Sketch(tuple(made[size][0] for size in sizes), (red, green, blue), targets)


def make_header(signal: PlanarSignal, config: PlanarConfig, background: tuple[int, ...]) -> PlanarHeader:
    """The stream's header."""
    return PlanarHeader.of(
        MethodId.LATTICE,
        scalability_id(config),
        config.layer_count,
        tuple(background),
        (signal.width, signal.height),
        rate=signal.frames_per_second,
        level_sizes=header_sizes(config, signal.width, signal.height),
    )


def step_code(step: float) -> int:
    """As the header holds it."""
    return round(STEP_SCALE * min(max(step, SMALLEST_STEP), LARGEST_STEP))


def coded_step(step: float) -> float:
    """The nearest step that a header can hold."""
    return step_code(step) / STEP_SCALE


def to_layers(
    splats: LatticeSplats, layer_counts: tuple[int, ...], step: float, width: int, height: int
) -> tuple[LayerState, ...]:
    """Lattice splats in layer order -> states as decoded: in tree order, without invisible splats."""
    states, first = [], 0
    for count in layer_counts:
        layer = splats.taken(slice(first, first + count))
        layer = layer.taken(np.flatnonzero(np.any(layer.color != 0, axis=1)))
        layer = tree_order(layer, width, height)
        states.append(state_of(layer, step_code(step), key_context(len(states), len(layer_counts), layer.count)))
        first += count
    return tuple(states)


def still_size_bytes(header: PlanarHeader, layers: tuple[LayerState, ...]) -> int:
    """Size of the file of one picture, to the byte."""
    units = [Unit(STREAM_HEADER, header.pack())]
    for layer, state in enumerate(layers):
        units.append(Unit(UnitKey(0, layer, 0), encode_key_layer(header, state, layer), HIGHEST_DB))
    return file_size_bytes(StreamFacts(0), units)


def level_quality(sketch: Sketch, layers: tuple[LayerState, ...]) -> tuple[float, ...]:
    """PSNR of each level, dB, on 8-bit pixels, from the integers."""
    parameters = [parameters_of(state) for state in layers]
    values = []
    for level, canvas in enumerate(sketch.targets.canvases):
        below = np.ascontiguousarray(np.concatenate(parameters[: level + 1], axis=1))
        values.append(psnr(sketch.pixels[level], to_pixels(render_pixels(canvas, below), sketch.background)))
    return tuple(values)


def to_pixels(rendered: Float32[np.ndarray, "h w 3"], background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Rotated colors -> 8-bit RGB."""
    rgb = to_rgb(rendered) + np.array(background, np.float32) / 255.0
    return np.rint(255.0 * np.clip(rgb, 0.0, 1.0)).astype(np.uint8)
