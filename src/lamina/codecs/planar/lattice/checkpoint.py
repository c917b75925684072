# SPDX-License-Identifier: Apache-2.0
"""A fit under way <-> a file, so that an interrupted encode goes on. Plain arrays and JSON, nothing pickled."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from lamina.atomic import replacing
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.lattice.canvas import Splats
from lamina.codecs.planar.lattice.optimize import FitPlan, FitState


def job_key(pixels: np.ndarray, config: PlanarConfig) -> str:
    """Says whether a checkpoint is of the same job: same picture, same configuration."""
    digest = hashlib.sha256(np.ascontiguousarray(pixels).tobytes())
    digest.update(repr((pixels.shape, config)).encode())
    return digest.hexdigest()


def save(path: Path, key: str, plan: FitPlan, state: FitState) -> None:
    """Writes a checkpoint, whole or not at all."""
    facts = {
        "key": key,
        "plan": asdict(plan),
        "level": state.level,
        "step": state.step,
        "at_start": state.at_start,
        "random": state.random.bit_generator.state,
    }
    splats = state.splats
    with replacing(path) as file:
        np.savez(
            file,
            facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
            parameters=splats.parameters,
            first=splats.first,
            second=splats.second,
            age=splats.age,
            frozen=splats.frozen,
        )


def load(path: Path | None, key: str) -> tuple[FitPlan, FitState] | None:
    """The fit saved for this job; None when there is none, or it is another's or damaged: then the fit starts anew."""
    if path is None or not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            facts = json.loads(bytes(stored["facts"]).decode())
            if facts["key"] != key:
                return None
            splats = Splats(*(stored[name] for name in ("parameters", "first", "second", "age", "frozen")))
        plan = FitPlan(**{**facts["plan"], "layer_counts": tuple(facts["plan"]["layer_counts"])})
        random = np.random.default_rng()
        random.bit_generator.state = facts["random"]
        return plan, FitState(splats, random, facts["level"], facts["step"], facts["at_start"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        return None


def remove(path: Path | None) -> None:
    """Deletes a checkpoint that is no longer needed."""
    if path is not None:
        path.unlink(missing_ok=True)
