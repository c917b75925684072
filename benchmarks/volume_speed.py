# SPDX-License-Identifier: Apache-2.0
"""How fast volumetric video is decoded, rendered and fitted: a file and its capture enter, milliseconds leave.

Out: benchmarks/results/volume_speed.json. Processor time of one thread, the least of several repeats: machines have
other work.

    python -m benchmarks.volume_speed game.lam CAPTURE --hold-out 6,13,18,25 [--subject before]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from benchmarks.result_files import add_figures

import lamina
from lamina.codecs.volume.coding import decode_states
from lamina.codecs.volume.config import PRESETS
from lamina.codecs.volume.fit.descent import Descent, Shading
from lamina.codecs.volume.fit.field import descend, field_of, sent_level
from lamina.codecs.volume.fit.key_frame import real_steps
from lamina.codecs.volume.fit.rays import rays_through
from lamina.codecs.volume.fit.start import check_masks
from lamina.codecs.volume.frame_coding import LevelState
from lamina.codecs.volume.model import render
from lamina.data.captures.timed import TimedCapture, read_timed_capture
from lamina.units import HEADER_LAYER, STREAM_GROUP, Unit

REPEATS = 7
FRAMES = 6
"""Of the file, from its first on."""


def least_ms(action: Callable[[], object], repeats: int = REPEATS) -> float:
    """Milliseconds of the fastest repeat, compiled kernels given."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return 1e3 * min(times[1:])


def decode_ms(units: list[Unit]) -> dict[str, Any]:
    """Of a key frame and of frames between (median), to values of all levels; and of each level of the last."""
    best: dict[tuple[int, int], float] = {}
    for _ in range(REPEATS + 1):
        start = time.process_time()
        for unit, _, _ in decode_states(units):
            now = time.process_time()
            if unit.key.group != STREAM_GROUP and unit.key.layer != HEADER_LAYER:
                place = unit.key.frame, unit.key.layer
                best[place] = min(best.get(place, 1e9), 1e3 * (now - start))
            start = now
    frames = sorted({frame for frame, _ in best})
    whole = {frame: sum(spent for (own, _), spent in best.items() if own == frame) for frame in frames}
    levels = [spent for (frame, _), spent in sorted(best.items()) if frame == frames[-1]]
    return {"key": whole[0], "between": median([whole[frame] for frame in frames[1:]]), "levels between": levels}


def step_ms(capture: TimedCapture, units: list[Unit]) -> float:
    """A step of the fit on 4,096 rays at the finest level, on a decoded frame."""
    states: list[LevelState] = []
    decoder = None
    for unit, found, state in decode_states(units):
        decoder = found
        if state is not None and unit.key.frame == 0:
            states.append(state)
    assert decoder is not None
    assert decoder.head is not None
    config, facts, views = PRESETS["default"], decoder.facts, check_masks(capture)
    lattice, top = facts.lattice(), facts.level_count - 1
    cells = states[sent_level(lattice)].level.cells
    field = field_of(lattice, cells, real_steps(facts, decoder.head.steps))
    field.is_rounded = True
    for own, state, steps in zip(field.levels, states, field.steps, strict=True):
        own.additions[:] = state.symbols * steps
    rays = rays_through(capture, 0, views, lattice, (sent_level(lattice), cells))
    network = None if decoder.network is None else decoder.network.dequantized()
    shading = Shading(network, torch.zeros(len(views), 3))
    descent = Descent(facts, config, field, rays, shading, np.random.default_rng(0), config.rate_weight)
    price, rates = descent.price(), np.full(facts.channel_count, 1e-6, np.float32)

    def step() -> None:
        descent.look(top, config.rays, 1.0, notes=False)
        field.restrict_gradients(top, 0)
        descend(field, top, 0, rates, price)
        field.add_up(top)

    field.add_up(top)
    return least_ms(step, 40)


def measured(path: Path, capture: TimedCapture) -> dict[str, Any]:
    """All of a file."""
    with lamina.open(path) as media:
        units = [unit for unit in media.stream.units() if unit.key.frame < FRAMES or unit.key.group == STREAM_GROUP]
        models = {model.frame: model for _, model in zip(range(FRAMES), media.models(), strict=False)}
    model = models[FRAMES - 1]
    found: dict[str, Any] = {"decode_ms": decode_ms(units)}
    for name, factor in (("320x180", 1), ("640x360", 2)):
        views = [camera.resized(factor * camera.width, factor * camera.height) for camera in model.cameras]
        found[f"render_{name}_ms"] = median([least_ms(lambda view=view: render(model, view), 4) for view in views])
    found["step_4096_rays_ms"] = step_ms(capture, units)
    return found


def main() -> None:
    """Measure a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--hold-out", required=True)
    parser.add_argument("--scale", type=Fraction, default=Fraction(1, 2))
    parser.add_argument("--subject", default="now", help="a name for these figures")
    options = parser.parse_args()
    torch.set_num_threads(1)
    capture = read_timed_capture(options.capture, scale=options.scale).held_out(options.hold_out.split(","))
    found = measured(options.file, capture)
    add_figures("volume_speed", {"file": options.file.name, "capture": capture.name}, options.subject, found)
    print(found)


if __name__ == "__main__":
    main()
