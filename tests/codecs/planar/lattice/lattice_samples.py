# SPDX-License-Identifier: Apache-2.0
"""Small pictures, short schedules and random splats for the tests of the lattice method."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from lamina.codec import Session
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import LatticeConfig, PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal
from lamina.codecs.planar.lattice import steps
from lamina.codecs.planar.lattice.coding import key_context, state_of, tree_order
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import MethodId, PlanarHeader, ScalabilityId
from lamina.data import open_clip, read_image
from lamina.units import Unit

SAMPLES = Path(__file__).parents[3] / "samples"

SHORT = LatticeConfig(steps=60, predicted_steps=6, freeze_rounds=2, freeze_steps=4, refine_sweeps=8)
"""Seconds instead of a minute; enough to see that everything fits together."""

STEP_CODE = 9000
"""A quantiser step as it is on photographs: 0.137 of full scale."""


def crop(name: str = "kodim08", width: int = 64, height: int = 48) -> np.ndarray:
    """A corner of a real photograph."""
    return np.ascontiguousarray(read_image(SAMPLES / f"{name}_96x64.png").pixels[:height, :width])


def frames(count: int = 4, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """The first frames of a real clip, cropped."""
    clip = open_clip(SAMPLES / "park_joy_96x64_6f.y4m")
    return [np.ascontiguousarray(frame[:height, :width]) for frame in clip.frames(0, count)]


def still(pixels: np.ndarray) -> PlanarSignal:
    """A picture to fit."""
    return PlanarSignal(pixels.shape[1], pixels.shape[0], None, 1, lambda start: iter([pixels][start:]))


def timed(pictures: list[np.ndarray]) -> PlanarSignal:
    """A clip to fit."""
    height, width, _ = pictures[0].shape
    return PlanarSignal(width, height, Fraction(25), len(pictures), lambda start: iter(pictures[start:]))


def short(splats: int = 40, **changes: object) -> PlanarConfig:
    """Preset `default`, short."""
    return replace(PlanarConfig(target=RateTarget(splats=splats), lattice=SHORT), **changes)  # pyright: ignore


def fit(signal: PlanarSignal, config: PlanarConfig, session: Session | None = None) -> list[FramePart]:
    """All parts."""
    return list(CODEC.fit(signal, config, session or Session()))


def rendered(model: object) -> np.ndarray:
    """8-bit pixels of a model at its own size."""
    return np.rint(255.0 * np.clip(CODEC.render(model).numpy(), 0.0, 1.0)).astype(np.uint8)


def header(width: int, height: int, layers: int = 3) -> PlanarHeader:
    """Of a still."""
    return PlanarHeader.of(MethodId.LATTICE, ScalabilityId.QUALITY, layers, (90, 100, 110), (width, height))


def random_shapes(random: np.random.Generator, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """m, rho and phi anywhere in the range of each class, limits included."""
    unit = np.array([steps.shape_step(value) for value in k], np.int32).reshape(-1)
    m = random.integers(-(-steps.M_LOWEST // unit), steps.M_HIGHEST // unit + 1).astype(np.int32)
    rho = (random.integers(0, steps.RHO_LIMIT // unit + 1) * (random.random(len(k)) < 0.8)).astype(np.int32)
    table = steps.stored_tables()[0]
    bins = np.array([steps.angle_bins(c, r * u, table) for c, r, u in zip(k, rho, unit, strict=True)], np.int64)
    return m, rho, random.integers(0, bins.reshape(-1)).astype(np.int32)


def random_splats(random: np.random.Generator, count: int, width: int, height: int) -> LatticeSplats:
    """Valid splats of a picture of this size, classes as their colors ask."""
    color = np.rint(random.normal(size=(count, 3)) * 2.0 ** random.uniform(-1, 9, (count, 1))).astype(np.int32)
    color[np.all(color == 0, axis=1), 0] = 1
    energy = np.square(color.astype(np.float64)).sum(axis=1)
    k = np.clip(np.floor(0.5 * np.log2(energy) + 0.5), 0, steps.CLASSES - 1).astype(np.int32)
    m, rho, phi = random_shapes(random, k)
    shift = steps.position_grids(k, m, rho) + 4
    places = []
    for side in coded_area(width, height):
        cell = random.integers(0, (side * steps.POSITION_UNITS) >> shift)
        places.append(((cell << shift) + (1 << (shift - 1))).astype(np.int32))
    return LatticeSplats(k, m, rho, phi, *places, color)


def key_state(splats: LatticeSplats, width: int, height: int, layer: int = 0, layers: int = 3) -> LayerState:
    """A layer of a key frame, ready to encode."""
    ordered = tree_order(splats, width, height)
    return state_of(ordered, STEP_CODE, key_context(layer, layers, ordered.count))


def assert_same(left: LayerState, right: LayerState) -> None:
    """The same integers, types included."""
    assert left.integers.keys() == right.integers.keys()
    for name, values in left.integers.items():
        np.testing.assert_array_equal(values, right.integers[name], err_msg=name)
        assert values.dtype == right.integers[name].dtype == np.int32, name


def assert_on_lattice(splats: LatticeSplats, width: int, height: int) -> None:
    """Every number is within its range and every position the center of a cell of the splat's own grid."""
    unit = np.maximum(1, np.minimum(128, 256 >> splats.k))
    table = steps.stored_tables()[0]
    assert np.all((splats.k >= 0) & (splats.k < steps.CLASSES))
    assert np.all((splats.m * unit >= steps.M_LOWEST) & (splats.m * unit <= steps.M_HIGHEST))
    assert np.all((splats.rho >= 0) & (splats.rho * unit <= steps.RHO_LIMIT))
    for i in range(splats.count):
        assert 0 <= splats.phi[i] < steps.angle_bins(splats.k[i], splats.rho[i] * unit[i], table)
    cell = 1 << (steps.position_grids(splats.k, splats.m, splats.rho) + 4)
    for place, side in zip((splats.x, splats.y), coded_area(width, height), strict=True):
        assert np.all((place >= 0) & (place < side * steps.POSITION_UNITS))
        np.testing.assert_array_equal(place % cell, cell // 2)


def payloads(units: Iterable[Unit]) -> dict[tuple[int, int, int], bytes]:
    """By key."""
    return {tuple(unit.key): unit.payload for unit in units}
