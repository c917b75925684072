# SPDX-License-Identifier: Apache-2.0
"""A fit under way <-> a file, so that an interrupted encode goes on. Plain arrays and JSON, nothing pickled."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from lamina.codecs.planar.lattice.fit.canvas import Splats
from lamina.codecs.planar.lattice.fit.optimize import FitPlan, FitState
from lamina.fitting import checkpoint

ARRAYS = ("parameters", "first", "second", "age", "frozen")
"""Of the splats under way."""


def save(path: Path, key: str, plan: FitPlan, state: FitState) -> None:
    """Writes a checkpoint, whole or not at all."""
    facts = {
        "plan": asdict(plan),
        "level": state.level,
        "step": state.step,
        "at_start": state.at_start,
        "random": state.random.bit_generator.state,
    }
    checkpoint.save(path, key, facts, {name: getattr(state.splats, name) for name in ARRAYS})


def load(path: Path | None, key: str) -> tuple[FitPlan, FitState] | None:
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
        return plan, FitState(splats, random, facts["level"], facts["step"], facts["at_start"])
    except checkpoint.UNREADABLE:
        return None
