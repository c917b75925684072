# SPDX-License-Identifier: Apache-2.0
"""A fit under way <-> a file, so that an interrupted encode goes on. Plain arrays and JSON, nothing pickled.

What was frozen before is kept as its payloads: a picture that is on the lattice is as small as its file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamina.codecs.planar.lattice.coding import decode_layer, encode_layer
from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, FitState
from lamina.codecs.planar.lattice.fit.rate_control import Outcome
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.syntax import PlanarHeader
from lamina.errors import BitstreamError
from lamina.fitting import checkpoint

ARRAYS = ("parameters", "first", "second", "age", "frozen")
"""Of the splats under way."""

LISTS = ("fits", "tries")
"""Names of what was frozen, in the order of `KeyFit`."""


@dataclass(frozen=True)
class Frozen:
    """A fit on the lattice, coded."""

    layers: tuple[LayerState, ...]
    outcome: Outcome


@dataclass
class KeyFit:
    """The fit of one picture under way, and what was frozen so far."""

    plan: FitPlan
    state: FitState
    fits: list[Frozen] = field(default_factory=list)
    """The best of each fit before this one."""
    tries: list[Frozen] = field(default_factory=list)
    """Of this fit, each at another step."""


def save(path: Path, key: str, header: PlanarHeader, fit: KeyFit) -> None:
    """Writes a checkpoint, whole or not at all."""
    state = fit.state
    facts: dict[str, Any] = {
        "plan": asdict(fit.plan),
        "level": state.level,
        "step": state.step,
        "at_start": state.at_start,
        "random": state.random.bit_generator.state,
    }
    arrays: dict[str, np.ndarray] = {name: getattr(state.splats, name) for name in ARRAYS}
    for name, kept in zip(LISTS, (fit.fits, fit.tries), strict=True):
        facts[name] = [asdict(frozen.outcome) for frozen in kept]
        for number, frozen in enumerate(kept):
            for layer, one in enumerate(frozen.layers):
                payload = encode_layer(header, one, None, frozen.layers[:layer])
                arrays[f"{name}.{number}.{layer}"] = np.frombuffer(payload, np.uint8)
    checkpoint.save(path, key, facts, arrays)


def load(path: Path | None, key: str, header: PlanarHeader) -> KeyFit | None:
    """The fit saved for this job; None when there is none, or it is another's or damaged: then the fit starts anew."""
    found = checkpoint.load(path, key)
    if found is None:
        return None
    facts, arrays = found
    try:
        splats = Splats(*(arrays[name] for name in ARRAYS))
        plan = FitPlan(**{**facts["plan"], "layer_counts": tuple(facts["plan"]["layer_counts"])})
        random = np.random.default_rng()
        random.bit_generator.state = facts["random"]
        state = FitState(splats, random, facts["level"], facts["step"], facts["at_start"])
        kept = ([_thawed(header, arrays, f"{name}.{n}", one) for n, one in enumerate(facts[name])] for name in LISTS)
        return KeyFit(plan, state, *kept)
    except (*checkpoint.UNREADABLE, BitstreamError):
        return None


def _thawed(header: PlanarHeader, arrays: checkpoint.Arrays, name: str, outcome: dict[str, Any]) -> Frozen:
    """What was frozen, as a decoder has it: it codes to the same payloads."""
    layers: tuple[LayerState, ...] = ()
    for layer in range(header.levels):
        layers = (*layers, decode_layer(header, arrays[f"{name}.{layer}"].tobytes(), None, layers))
    return Frozen(layers, Outcome(**outcome))
