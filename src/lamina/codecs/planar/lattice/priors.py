# SPDX-License-Identifier: Apache-2.0
"""Where adaptive probabilities start: counts of coded bits on training photographs, by the role of a layer.

`priors.json` is made by `benchmarks/train_lattice_priors.py` from pictures that no figure is reported on.
"""

from __future__ import annotations

import functools
import json
from importlib.resources import files

import numpy as np

from lamina.codecs.planar.lattice.walk import CONTEXT_COUNT
from lamina.entropy.binary import primed_contexts

ROLES = ("base", "middle", "top")

PRIORS_SHA256 = "633f0336279e840f26a1c1456b57b0af56febf36cde684ec5695debf593cc574"
"""Of `priors.json`, prior set 0: other counts are another set, with a number of its own (`syntax.PRIOR_SET`)."""

PRIOR_MASS = 24
"""Bits of evidence that a trained count stands for."""

SPLIT_SHAPES = (4, 4, 4)
"""Evenness of the position tree, by role: index into `lamina.entropy.split.SPLIT_SHAPES`."""


def role_of(layer: int, layer_count: int) -> int:
    """Which training counts fit a layer: a single layer is like a top one, the first of several a base."""
    if layer == layer_count - 1:
        return 2
    return 0 if layer == 0 else 1


@functools.cache
def trained_counts() -> np.ndarray:
    """(roles, contexts, 2) counts of zeros and ones."""
    text = files("lamina.codecs.planar.lattice").joinpath("priors.json").read_text("utf-8")
    counts = np.array(json.loads(text)["counts"], np.int64)
    if counts.shape != (len(ROLES), CONTEXT_COUNT, 2):
        raise RuntimeError(f"priors.json holds {counts.shape} counts, this code needs {(len(ROLES), CONTEXT_COUNT, 2)}")
    return counts


def fresh_contexts(layer: int, layer_count: int) -> np.ndarray:
    """Contexts of a layer of a key frame, (contexts, 3)."""
    return primed_contexts(trained_counts()[role_of(layer, layer_count)], mass=PRIOR_MASS)
