# SPDX-License-Identifier: Apache-2.0
"""Volumetric video on one level with a DCT, as ReRF has it (arXiv 2304.04452, sec. 4): what `volume` is compared with.

In: a timed capture with masks. Out: variant `dct` of benchmarks/results/volume_rates.json, a point a quantiser.

A frame's field is fitted in reals on the cells, with the gains, the network and the motion that `volume` has, and
looked at on its finest level only. What it differs by from the frame before, moved, is cut into blocks of 8x8x8
vertices; their DCT is quantised, more coarsely for higher frequencies, and coded under a table for each channel and
frequency band. The next frame builds on what a decoder has. ReRF's own quantiser rises from 16 to 120, as this one.

    python -m benchmarks.volume_dct CAPTURE --hold-out 6,13,18,25 --frames 0:6 --quantisers .25,.5,1
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from benchmarks.result_files import add_figures
from benchmarks.volume import PROTOCOL
from benchmarks.volume_rates import RESULT
from jaxtyping import Float, Int32
from scipy.fft import dctn, idctn

from lamina.codecs.volume.config import PRESETS, VolumeConfig
from lamina.codecs.volume.fit.descent import Descent, Shading, Stretch, run
from lamina.codecs.volume.fit.field import FieldFit, field_of, sent_level
from lamina.codecs.volume.fit.fit import after, network_of, quality_of
from lamina.codecs.volume.fit.key_frame import (
    Stage,
    contents_of,
    fresh_shading,
    integer_steps,
    level_by_level,
    real_steps,
    rounded_network,
    vector_step,
)
from lamina.codecs.volume.fit.motion import find_vectors, rounded_vectors
from lamina.codecs.volume.fit.rays import rays_through
from lamina.codecs.volume.fit.silhouettes import hull_cells, masks_of
from lamina.codecs.volume.fit.start import check_masks, facts_of
from lamina.codecs.volume.frame_coding import LevelState
from lamina.codecs.volume.model import UNIT, VolumeModel
from lamina.codecs.volume.syntax import GroupHead
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.entropy.rans import encode_indexed
from lamina.entropy.table_syntax import pack_tables, unpack_tables
from lamina.entropy.tables import count_values
from lamina.grids.bricks import PLACES, rows_at
from lamina.grids.level import Level

SIDE = 8
RISE = 0.31
"""Of a quantiser a step of frequency: 21 of them make 16 into 120, as ReRF's table does (codec/quant.npy)."""

PLACE = np.arange(PLACES)
PLACE_AXES = [sum((PLACE >> (3 * bit + axis) & 1) << bit for bit in range(3)) for axis in range(3)]
"""Indices within a brick of its places, which are in Morton order."""

BANDS = np.add.outer(np.add.outer(np.arange(SIDE), np.arange(SIDE)), np.arange(SIDE))


@dataclass(frozen=True)
class Coded:
    """What a decoder has of a frame."""

    head: GroupHead
    shading: Shading
    states: tuple[LevelState, ...]
    size_bytes: int


def blocks_of(level: Level, values: Float[np.ndarray, "r c"]) -> Float[np.ndarray, "b 8 8 8 c"]:
    """Values of rows in blocks; 0 where no row is."""
    rows = level.vertex_table.rows
    blocks = np.zeros((len(rows), SIDE, SIDE, SIDE, values.shape[1]))
    x, y, z = PLACE_AXES
    blocks[:, x, y, z] = np.where(rows[..., None] >= 0, values[rows], 0.0)
    return blocks


def rows_of(level: Level, blocks: Float[np.ndarray, "b 8 8 8 c"]) -> Float[np.ndarray, "r c"]:
    """The inverse."""
    rows = level.vertex_table.rows
    x, y, z = PLACE_AXES
    found = np.zeros((level.row_count, blocks.shape[-1]))
    found[rows[rows >= 0]] = blocks[:, x, y, z][rows >= 0]
    return found


def coded_blocks(
    blocks: Float[np.ndarray, "b 8 8 8 c"], steps: Float[np.ndarray, " c"]
) -> tuple[Float[np.ndarray, "b 8 8 8 c"], int]:
    """Blocks as they are decoded, and the bytes of their coefficients, tables and flags."""
    quantiser = steps * (1 + RISE * BANDS)[..., None]
    symbols = np.rint(dctn(blocks, axes=(1, 2, 3), norm="ortho") / quantiser).astype(np.int32)
    has_any = symbols.any(axis=(1, 2, 3, 4))
    sent = symbols[has_any]
    bands = BANDS[..., None] + (BANDS.max() + 1) * np.arange(symbols.shape[-1])
    indices = np.broadcast_to(bands, sent.shape).reshape(-1)
    return idctn(symbols * quantiser, axes=(1, 2, 3), norm="ortho"), sum(
        len(under_tables(values, tables, count))
        for values, tables, count in (
            (sent.reshape(-1), indices, int(bands.max()) + 1),
            (has_any.astype(np.int32), np.zeros(len(has_any), np.int64), 1),
        )
    )


def under_tables(values: Int32[np.ndarray, " n"], indices: np.ndarray, count: int) -> bytes:
    """A stream of values and its tables."""
    tables = pack_tables(*count_values(values, indices, count))
    return tables + encode_indexed(values, indices, unpack_tables(tables))


def descent_of(stage: Stage, frame: int, head_steps: tuple[int, ...], shading: Shading) -> Descent:
    """A field of zeros on the hull."""
    lattice = stage.facts.lattice()
    cells = hull_cells(masks_of(stage.capture, frame, stage.views), lattice, sent_level(lattice))
    rays = rays_through(stage.capture, frame, stage.views, lattice, (sent_level(lattice), cells))
    field = field_of(lattice, cells, real_steps(stage.facts, head_steps))
    return Descent(stage.facts, stage.config, field, rays, shading, stage.random(frame), stage.rate_weight)


def key_frame(stage: Stage, frame: int, quantiser: float) -> Coded:
    """Fitted for itself."""
    config, top = stage.config, stage.facts.level_count - 1
    steps = integer_steps(config.steps, stage.facts.level_count)
    descent = level_by_level(stage, descent_of(stage, frame, steps, fresh_shading(stage, frame, None)))
    rates = config.key.density_rate, config.key.color_rate
    run(descent, Stretch(top, config.key.whole_steps, 0, 0.4, 0.06), rates, stage.tell)
    shading, network = rounded_network(descent)
    head = GroupHead(False, 0, vector_step(config.steps), steps, network)
    return coded(stage, head, shading, descent.field, None, None, quantiser)


def frame_between(stage: Stage, frame: int, before: Coded, quantiser: float) -> Coded:
    """Built on the one before."""
    predicted, top = stage.config.predicted, stage.facts.level_count - 1
    descent = descent_of(stage, frame, before.head.steps, before.shading)
    ways = predicted.motion_rate, predicted.smoothness
    vectors = find_vectors(descent, before.states, predicted.motion_steps, ways, stage.tell)
    sent = rounded_vectors(vectors, before.head)
    states, _ = after(stage.facts, before.head, without_symbols(descent.field, sent), before.states)
    descent.field.levels[top].expected = states[top].values.astype(np.float32) * np.float32(UNIT)
    rates = predicted.density_rate, predicted.color_rate
    run(descent, Stretch(top, predicted.whole_steps + predicted.top_steps, 0, 1.0, 0.04), rates, stage.tell)
    return coded(stage, before.head, before.shading, descent.field, sent, before, quantiser)


def without_symbols(field: FieldFit, sent: Int32[np.ndarray, "r 3"] | None) -> tuple[Any, ...]:
    """Cells and vectors alone."""
    return tuple(content._replace(symbols=np.zeros_like(content.symbols)) for content in contents_of(field, sent))


def coded(
    stage: Stage,
    head: GroupHead,
    shading: Shading,
    field: FieldFit,
    sent: Int32[np.ndarray, "r 3"] | None,
    before: Coded | None,
    quantiser: float,
) -> Coded:
    """What a decoder has of a field; cells and vectors are coded as `volume` does."""
    top = stage.facts.level_count - 1
    states, size_bytes = after(stage.facts, head, without_symbols(field, sent), before.states if before else None)
    own = field.levels[top]
    steps = quantiser * field.steps[top].astype(np.float64)
    blocks, block_bytes = coded_blocks(blocks_of(own.level, own.values - own.expected), steps)
    decoded = states[top].values + np.rint(rows_of(own.level, blocks) / UNIT)
    finest = replace(states[top], values=decoded.astype(np.int32))
    size_bytes += block_bytes + (0 if before else len(head.pack()))
    return Coded(head, shading, (*(thinned(state, finest, stage) for state in states[:top]), finest), size_bytes)


def thinned(state: LevelState, finest: LevelState, stage: Stage) -> LevelState:
    """A coarser level of a field that has one: its values at every second, fourth, ... vertex, for vectors."""
    ratio = finest.level.counts[0] // state.level.counts[0]
    rows = rows_at(finest.level.vertex_table, state.level.vertices * np.int32(ratio))
    nothing = np.array([-stage.facts.empty, *([0] * (finest.values.shape[1] - 1))], np.int32)
    return replace(state, values=np.where(rows[:, None] >= 0, finest.values[rows], nothing))


def point(capture: TimedCapture, config: VolumeConfig, quantiser: float) -> dict[str, Any]:
    """All frames as one group: bytes and quality."""
    views = check_masks(capture)
    facts = facts_of(capture, config, views)
    stage = Stage(capture, views, facts, config, config.rate_weight, lambda *_: None)
    sizes: list[int] = []
    qualities: list[float] = []
    start, before = time.process_time(), None
    assert capture.frame_count is not None
    for frame in range(capture.frame_count):
        before = frame_between(stage, frame, before, quantiser) if before else key_frame(stage, frame, quantiser)
        red, green, blue = facts.background
        network = network_of(facts, before.head)
        top = facts.level_count - 1
        model = VolumeModel(facts, network, frame, top, before.states[-1], (), (red, green, blue))
        sizes.append(before.size_bytes)
        qualities.append(quality_of(capture, views, model))
    level = {"frame_bytes": fmean(sizes), "psnr": fmean(qualities), "corrected_psnr": None}
    level["frame_psnr"] = [round(quality, 3) for quality in qualities]
    spent = (time.process_time() - start) / len(sizes)
    return {
        "quantiser": quantiser,
        "levels": [level],
        "frame_sizes": [[size] for size in sizes],
        "cpu_s_a_frame": spent,
    }


def numbers(words: str) -> Sequence[float]:
    """Of a list with commas."""
    return [float(word) for word in words.split(",")]


def main() -> None:
    """Measure each quantiser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--frames", default="0:6")
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--hold-out", required=True, help="names of the views that are measured on, with commas")
    parser.add_argument("--quantisers", default=".25,.5,1", help="in steps of the default preset, at frequency 0")
    options = parser.parse_args()
    start, stop = (int(number) for number in options.frames.split(":"))
    capture = read_timed_capture(options.capture, scale=options.scale).cut(start, stop)
    capture = capture.held_out(options.hold_out.split(","))
    config = replace(PRESETS["default"], lower_share=0.0)
    settings = {"capture": capture.name, "frames": options.frames, "scale": str(options.scale)}
    settings |= {"hold_out": options.hold_out, "protocol": PROTOCOL, "threads": torch.get_num_threads()}
    for quantiser in numbers(options.quantisers):
        found = point(capture, config, quantiser)
        add_figures(RESULT, settings, "dct", {f"{quantiser:g}": found})
        top = found["levels"][-1]
        print(f"dct {quantiser:g}: {top['frame_bytes']:.0f} bytes a frame, {top['psnr']:.2f} dB", flush=True)


if __name__ == "__main__":
    main()
