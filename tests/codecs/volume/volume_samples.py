# SPDX-License-Identifier: Apache-2.0
"""Made-up fields on small lattices: any cells, vectors and symbols, as no fit would leave them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from lamina.anchors.octree import indices_of, morton_keys
from lamina.cameras.camera import Camera, look_at
from lamina.codecs.volume.coding import encode
from lamina.codecs.volume.fit.fit import after
from lamina.codecs.volume.frame_coding import LevelContent, LevelState
from lamina.codecs.volume.model import FramePart, GroupPart, HeadPart, Part
from lamina.codecs.volume.shading import network_sizes
from lamina.codecs.volume.syntax import MAX_STEP, STEP_KINDS, VERSION, GroupHead, VolumeFacts
from lamina.codecs.volume.table_coding import counts_of
from lamina.grids.level import all_children, coarser_cells, level_of
from lamina.networks.coding import pack_quantized
from lamina.networks.mlp import init_mlp
from lamina.networks.quantized import quantize_mlp
from lamina.units import Unit


@dataclass(frozen=True)
class Made:
    """What is made up."""

    level_count: int = 3
    coarse_cells: tuple[int, int, int] = (3, 2, 4)
    hidden: int = 4
    extra_count: int = 1
    frames: int = 4
    group_frames: int = 3
    largest: int = 3
    """Of symbols."""
    vectors: int = 6
    """Largest, in steps."""
    density_shift: int = 2
    """Added to symbols of density: something is to be seen."""
    has_cameras: bool = True
    seed: int = 0
    step_scale: int = 1
    tables: str = ""
    """Symbols are coded under one a "level", or one a "channel"."""
    is_dense: bool = False
    """All cells of the box are active."""


def facts_of(made: Made) -> VolumeFacts:
    return VolumeFacts(
        version=VERSION,
        has_extensions=False,
        background=(10, 20, 90),
        width=48,
        height=40,
        rate_numerator=25,
        rate_denominator=1,
        origin=(-1.0, -0.5, -1.25),
        step=0.5 / (1 << (made.level_count - 1)),
        coarse_cells=made.coarse_cells,
        level_count=made.level_count,
        extra_count=made.extra_count,
        shift=-1.0,
        empty=6 << 12,
        hidden=made.hidden,
    )


def head_of(made: Made) -> GroupHead:
    network = b""
    if made.hidden:
        generator = torch.Generator().manual_seed(made.seed)
        mlp = init_mlp(network_sizes(4 + made.extra_count, made.hidden), generator)
        network = pack_quantized([quantize_mlp(mlp.detached(), 8)[0]])
    finest = [(2048, 200, 300, 250)[kind] * made.step_scale for kind in range(4)]
    steps = [min(round(step * 1.4**level), MAX_STEP) for level in range(made.level_count) for step in finest]
    assert len(steps) == STEP_KINDS * made.level_count
    return GroupHead(False, 0, 4, tuple(steps), network)


def contents_of(made: Made, frame: int) -> tuple[LevelContent, ...]:
    """A frame: cells around a few places, symbols that are mostly 0."""
    random = np.random.default_rng((made.seed, frame))
    last = max(made.level_count - 2, 0)
    counts = np.array(made.coarse_cells) << last
    places = np.random.default_rng(made.seed).uniform(0.2, 0.8, (2, 3)) * counts + 0.2 * frame
    grid = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(grid[:, None] + 0.5 - places, axis=2).min(axis=1) < 0.3 * counts.min() + 0.6
    near |= made.is_dense
    cells = [indices_of(np.sort(morton_keys(grid[near].astype(np.int32))))]
    for _ in range(last):
        cells.insert(0, coarser_cells(cells[0]))
    if made.level_count > 1:
        cells.append(all_children(cells[-1]))
    found = []
    for number, active in enumerate(cells):
        x, y, z = made.coarse_cells
        level = level_of((x << number, y << number, z << number), active)
        symbols = random.integers(-made.largest, made.largest + 1, (level.row_count, 4 + made.extra_count))
        symbols[random.random(level.row_count) < 0.6] = 0
        if number == 0 and frame % made.group_frames == 0:
            symbols[:, 0] += made.density_shift
        vectors = random.integers(-made.vectors, made.vectors + 1, (level.row_count, 3)) if number == 0 else [[]]
        vectors = np.asarray(vectors, np.int32).reshape(-1, 3)
        if frame % made.group_frames == 0:
            vectors = np.zeros_like(vectors)
        symbols = symbols.astype(np.int32)
        tables = counts_of(symbols, is_by_channel=made.tables == "channel") if made.tables else None
        found.append(LevelContent(level, vectors, symbols, tables))
    return tuple(found)


def cameras_of(made: Made) -> tuple[Camera, ...]:
    if not made.has_cameras:
        return ()
    pose = look_at(np.array([2.4, -1.6, 0.9]), np.array([-0.2, 0.0, -0.2]), np.array([0.0, 0.0, 1.0]))
    return (Camera(np.linalg.inv(pose), 50.0, 52.0, 24.0, 20.0, 48, 40),)


def parts_of(made: Made) -> Iterator[Part]:
    facts, head = facts_of(made), head_of(made)
    yield HeadPart(facts, cameras_of(made))
    before: tuple[LevelState, ...] | None = None
    for frame in range(made.frames):
        group = frame // made.group_frames
        if frame % made.group_frames == 0:
            before = None
            yield GroupPart(facts, group, frame, head)
        contents = contents_of(made, frame)
        yield FramePart(facts, head, group, frame, contents, before, (None,) * made.level_count)
        before, _ = after(facts, head, contents, before)


def units_of(made: Made) -> list[Unit]:
    return list(encode(parts_of(made)))


PLAIN = Made()
LARGE = replace(PLAIN, largest=900, frames=2, seed=3)
"""Symbols of ten bits."""
TABLES = replace(PLAIN, tables="channel", frames=2)
DENSE = replace(PLAIN, tables="level", is_dense=True, coarse_cells=(2, 1, 2), frames=2, vectors=0, extra_count=0)
"""As preset `paper` codes."""
