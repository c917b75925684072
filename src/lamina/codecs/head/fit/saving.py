# SPDX-License-Identifier: Apache-2.0
"""Learning under way <-> a checkpoint: Gaussians and frames with their moments, chance, and where it was."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lamina.fitting.checkpoint import Keeper, load, save

if TYPE_CHECKING:
    from lamina.codecs.head.fit.learning import Course

MOMENTS = ("exp_avg", "exp_avg_sq", "step")
"""Of Adam, as torch calls them."""


@dataclass(eq=False)
class Saver:
    """Keeps the state of learning from time to time, and gives it back to whoever goes on."""

    path: Path | None = None
    key: str = ""
    _keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self._keeper = Keeper(self.path)
        self._found = load(self.path, self.key)

    @property
    def step(self) -> int:
        """Steps that were done; 0: none is kept."""
        return int(self._found[0]["step"]) if self._found is not None else 0

    @property
    def turning(self) -> np.ndarray | None:
        """Columns of frames, before components, at the step at which they became components; None: it has not come."""
        return self._found[1].get("turning") if self._found is not None else None

    @property
    def base_size(self) -> float | None:
        """Of the grid; None: values are not rounded yet."""
        return self._found[0].get("base_size") if self._found is not None else None

    def keep(self, course: Course, step: int, turning: np.ndarray | None, *, now: bool = False) -> None:
        """Write it, if it is time."""
        self._keeper(lambda path: save(path, self.key, *state_of(course, step, turning)), now=now)

    def restore(self, course: Course) -> None:
        """Give a course that began anew the state that was kept."""
        if self._found is None:
            return
        facts, arrays = self._found
        with torch.no_grad():
            for name, value in course.look.items():
                value.copy_(torch.from_numpy(arrays[f"look_{name}"]))
                if f"{MOMENTS[0]}_{name}" in arrays:
                    course.optimizer.state[value] = {
                        moment: torch.from_numpy(arrays[f"{moment}_{name}"].copy()) for moment in MOMENTS
                    }
        rows = course.rows
        rows.values, rows.first, rows.second = (
            torch.from_numpy(arrays[f"rows_{name}"].copy()) for name in ("values", "first", "second")
        )
        rows.counts = [int(count) for count in facts["counts"]]
        course.order = [int(number) for number in facts["order"]]
        course.quality_db = float(facts["quality_db"])
        course.chance.bit_generator.state = facts["chance"]


def state_of(course: Course, step: int, turning: np.ndarray | None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Facts and arrays of a checkpoint."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in course.look.items():
        arrays[f"look_{name}"] = value.detach().numpy()
        for moment, kept in course.optimizer.state.get(value, {}).items():
            arrays[f"{moment}_{name}"] = kept.numpy()
    for name in ("values", "first", "second"):
        arrays[f"rows_{name}"] = getattr(course.rows, name).numpy()
    if turning is not None:
        arrays["turning"] = turning
    facts = {
        "step": step,
        "counts": course.rows.counts,
        "order": course.order,
        "quality_db": course.quality_db,
        "chance": course.chance.bit_generator.state,
    }
    if course.grid is not None:
        facts["base_size"] = course.grid.base_size
    return facts, arrays
