# SPDX-License-Identifier: Apache-2.0
"""What the contract is tried on: the stand-ins' own samples, and those that each codec brings.

A codec brings `tests/codecs/<name>/contract_samples.py` with `SAMPLES`, a tuple of `Sample`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from lamina.codec import AnyCodec, Signal
from lamina.codecs import CODECS
from lamina.data import Picture, clip_from_frames

CODECS_FOLDER = Path(__file__).parents[1] / "codecs"


@dataclass(frozen=True)
class Sample:
    """A small signal of a codec, and how to code it in seconds."""

    name: str
    codec: AnyCodec
    signal: Callable[[], Signal]
    """Made anew each time: equal signals have equal fingerprints."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Of the configuration, by dotted names."""
    preset: str = "fast"
    stops: tuple[float, ...] = (0.3, 0.6)
    """Shares of the job at which it is stopped."""

    @property
    def config(self) -> Any:
        """Of its encodes."""
        from lamina.codec import Choices
        from lamina.media.configuring import configured

        return configured(self.codec, Choices(self.preset), self.fields)


def pixels() -> np.ndarray:
    """A picture with smooth parts, an edge and texture."""
    rows, columns = np.mgrid[0:40, 0:56].astype(np.float32)
    red = 128 + 90 * np.sin(columns / 9) * np.cos(rows / 11)
    green = np.where(columns > 30 + 0.3 * rows, 200, 60) + 10 * np.sin(columns * 1.7)
    return np.clip(np.stack([red, green, 255 - red], axis=2), 0, 255).astype(np.uint8)


def stand_ins() -> tuple[Sample, ...]:
    """One codec of stills and clips, one timed and seen through cameras."""
    from mosaic import MOSAIC
    from puppets import PUPPETS, Play

    frames = [np.roll(pixels(), number, axis=1) for number in range(10)]
    return (
        Sample("mosaic still", MOSAIC, lambda: Picture(pixels())),
        Sample("mosaic clip", MOSAIC, lambda: clip_from_frames(frames), {"group_frames": 4}),
        Sample("puppets", PUPPETS, lambda: Play(18)),
    )


def of_codecs() -> tuple[Sample, ...]:
    """What the codecs of the package bring."""
    found: list[Sample] = []
    for codec in CODECS:
        place = CODECS_FOLDER / codec.name / "contract_samples.py"
        assert place.is_file(), f"{place}: a codec brings samples for the contract's tests"
        spec = spec_from_file_location(f"{codec.name}_contract_samples", place)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        found += module.SAMPLES
    return tuple(found)
