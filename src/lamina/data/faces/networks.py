# SPDX-License-Identifier: Apache-2.0
"""The tracker's small networks, each a function of arrays. LiteRT runs them, imported when the first is asked for.

LiteRT opens no connection; the package `mediapipe` does (telemetry), so it is not used.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from lamina.data.faces.template import MODELS
from lamina.errors import BackendUnavailable


@dataclass(frozen=True, eq=False)
class Network:
    """One network, ready to run."""

    interpreter: Any

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Outputs, in the network's own order."""
        self.interpreter.set_tensor(self.interpreter.get_input_details()[0]["index"], values.astype(np.float32))
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(one["index"]) for one in self.interpreter.get_output_details()]


@cache
def network(name: str) -> Network:
    """The network of that name, read once.

    Raises:
        BackendUnavailable: LiteRT is not installed.
    """
    with _quiet():
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise BackendUnavailable(
                "finding faces needs LiteRT, which is not installed: pip install 'lamina[head]'"
            ) from error
        interpreter = Interpreter(str(MODELS / f"{name}.tflite"), num_threads=1)
        interpreter.allocate_tensors()
    return Network(interpreter)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """LiteRT's C++ code writes a line about itself to the terminal whenever a network is opened."""
    try:
        kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)
