# SPDX-License-Identifier: Apache-2.0
"""Heads and runs of made-up integers: no fit, any shape. The mean head's own face, with chance in every column."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from lamina.bitstream import read_stream
from lamina.codecs.head.attributes import Gaussians
from lamina.codecs.head.background import StillLayer
from lamina.codecs.head.columns import FREE_COLUMNS, MESH_COLUMNS, NODE_VALUES
from lamina.codecs.head.model import HeadPart, LayerState, RunPart
from lamina.codecs.head.syntax import EXPRESSIONS, VERSION, HeadFacts
from lamina.data.faces.template import face_template
from lamina.units import STREAM_HEADER

STILL = Path(__file__).parents[2] / "conformance" / "planar" / "still_quality.lam"
"""A pinned picture of three layers stands behind the person."""


def facts_of(layers: int = 2, torso: int = 2, dimensions: int = 5, gaussians: int = 40, seed: int = 1) -> HeadFacts:
    """Small, with every field at work."""
    chance = np.random.default_rng(seed)
    mesh = tuple(gaussians * (1 + layer) for layer in range(layers))
    return HeadFacts(
        version=VERSION,
        has_extensions=False,
        has_network=False,
        width=96,
        height=72,
        rate_numerator=30000,
        rate_denominator=1001,
        template=face_template().digest,
        focal_px=140.0,
        mesh_counts=mesh,
        free_counts=tuple(count // 2 for count in mesh),
        spreads=tuple(float(np.float32(2.0 - layer / layers)) for layer in range(layers)),
        steps=tuple(float(np.float32(step)) for step in (0.03, 0.15, 0.12, 0.5, 0.024, 0.5)),
        base_size=float(np.float32(-0.5)),
        eyes=tuple(float(value) for value in face_template().eye_centers.ravel()),
        rest=(float(np.float32(np.pi)), 0.0, 0.0, 0.0, 1.0, 40.0),
        motion_steps=tuple(float(np.float32(step)) for step in (0.01, 0.05, 0.05, 0.05, 0.02)),
        torso_scales=tuple(float(np.float32(1 + number)) for number in range(torso)),
        torso_basis=tuple(int(value) for value in chance.integers(-600, 600, torso * NODE_VALUES)),
        mean=tuple(int(value) for value in chance.integers(0, 100, EXPRESSIONS)),
        basis_scales=tuple(float(np.float32(0.5 + number)) for number in range(dimensions)),
        basis=tuple(int(value) for value in chance.integers(-511, 511, dimensions * EXPRESSIONS)),
        activity=tuple(int(value) for value in chance.integers(0, 32, 8 + torso + dimensions)),
    )


def head_part(facts: HeadFacts, seed: int = 2, with_still: bool = True) -> HeadPart:
    """Gaussians near the surface, of any color."""
    chance = np.random.default_rng(seed)
    stills = stills_of(facts.layers) if with_still else (StillLayer(0, b"", b""),) * facts.layers
    layers = []
    for number, (mesh, free) in enumerate(zip(facts.mesh_counts, facts.free_counts, strict=True)):
        values = chance.integers(-3, 4, (mesh, MESH_COLUMNS)).astype(np.int32)
        values[:, 7:10] = chance.integers(0, 42, (mesh, 3))
        beside = chance.integers(-4, 5, (free, FREE_COLUMNS)).astype(np.int32)
        beside[:, :3] = chance.integers(-300, 300, (free, 3))
        beside[:, 7:10] = chance.integers(0, 42, (free, 3))
        layers.append(LayerState(Gaussians(values, beside), stills[number], b"who" if number == 0 else b""))
    return HeadPart(facts, tuple(layers))


def stills_of(layers: int) -> tuple[StillLayer, ...]:
    """The pinned picture, a layer a layer."""
    with read_stream(STILL) as stream:
        units = {unit.key: unit.payload for unit in stream.units()}
        number = stream.facts.codec_wire_id
    header = units.pop(STREAM_HEADER)
    payloads = [payload for _, payload in sorted(units.items())]
    return tuple(
        StillLayer(number, header if layer == 0 else b"", payloads[layer] if layer < len(payloads) else b"")
        for layer in range(layers)
    )


def run_part(facts: HeadFacts, group: int, frame: int, frames: int, seed: int = 3, scale: int = 0) -> RunPart:
    """A walk by chance in every column."""
    chance = np.random.default_rng(seed + group)
    moves = chance.integers(-2, 3, (frames, facts.columns)) * (chance.random((frames, facts.columns)) < 0.6)
    values = np.cumsum(moves, axis=0).astype(np.int32)
    return RunPart(facts, group, frame, values, scale, (20.5,) * facts.layers)


def parts_of(facts: HeadFacts, *frames: int, **choices: bool) -> list[HeadPart | RunPart]:
    """A head and runs of so many frames."""
    starts = np.cumsum([0, *frames])
    runs = [run_part(facts, group, int(starts[group]), count, scale=3 * group) for group, count in enumerate(frames)]
    return [head_part(facts, **choices), *runs]


def with_absurd_values(part: HeadPart) -> HeadPart:
    """Gaussians at the ends of what integers may be."""
    first = part.layers[0]
    mesh = first.gaussians.mesh.copy()
    mesh[:4] = [[1 << 18] * MESH_COLUMNS, [-(1 << 18)] * MESH_COLUMNS, [0] * MESH_COLUMNS, [1 << 18] * MESH_COLUMNS]
    layers = (replace(first, gaussians=Gaussians(mesh, first.gaussians.free)), *part.layers[1:])
    return replace(part, layers=layers)
