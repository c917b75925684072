# SPDX-License-Identifier: Apache-2.0
"""A made-up head, and a coder that moves it by chance."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "codecs" / "head"))
from head_samples import facts_of, head_part

from lamina.codecs.head.coding import encode
from lamina.codecs.head.live import RecentFrames
from lamina.codecs.head.packets import LONGEST_LAG, FrameState, pack_frame
from lamina.codecs.head.person import pack_person
from lamina.codecs.head.syntax import WIRE_ID, HeadFacts
from lamina.data.faces.identity import Person, landmark_model
from lamina.live.pieces import ModelPieces, pieces_of
from lamina.units import Unit

LIVELINESS = 10
"""Class of activity of all columns: what `ChanceCoder` does."""


def facts(gaussians: int = 40) -> HeadFacts:
    made = facts_of(2, 3, 8, gaussians)
    return replace(made, activity=(LIVELINESS,) * made.columns)


FACTS = facts()


def head_units(gaussians: int = 400) -> list[Unit]:
    """Header and two layers, some pieces long."""
    part = head_part(facts(gaussians))
    person = Person(np.zeros(len(landmark_model().identity)), np.zeros_like(landmark_model().neutral))
    layers = (replace(part.layers[0], tracker=pack_person(person)), *part.layers[1:])
    return list(encode([replace(part, layers=layers)]))


def model_of(units: list[Unit]) -> ModelPieces:
    return pieces_of(WIRE_ID, units)


class ChanceCoder(RecentFrames):
    """Columns that walk by chance; the picture is not looked at."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__()
        self._chance, self._row = np.random.default_rng(seed), np.zeros(FACTS.columns)
        self.sent: dict[int, FrameState] = {}
        self.alone = 0

    def code(self, pixels: np.ndarray, number: int, reference: int | None) -> bytes:
        del pixels
        self._row += self._chance.normal(0, 0.5, FACTS.columns)
        self._row *= 0.99
        state = FrameState(np.rint(self._row).astype(np.int32), int(self._chance.integers(0, 5)))
        self.keep(number, state)
        self.sent[number] = state
        known = None if reference is None else self.known.get(reference)
        if known is None or reference is None or number - reference > LONGEST_LAG:
            self.alone += 1
            return pack_frame(FACTS, state)
        return pack_frame(FACTS, state, known, number - reference)
