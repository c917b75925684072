# SPDX-License-Identifier: Apache-2.0
"""Pinned streams of any codec: real or made-up parts enter; .lam files, pictures and a manifest leave, and are checked.

What a stream decodes to is pinned, not how it was made: another encoder gives other streams, and the old ones stay.
`--remake` is for formats that no release has written yet.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lamina.atomic import replacing
from lamina.bitstream import read_stream, write_stream
from lamina.codec import AnyCodec, View
from lamina.data import read_image, write_image
from lamina.errors import BitstreamError
from lamina.units import Unit

PIXEL_TOLERANCE = 1
"""Of 255: pixels come from floats, which devices round differently; integers are compared exactly."""


@dataclass(frozen=True)
class PinnedStreams:
    """The pinned streams of one codec, in one folder."""

    codec: AnyCodec
    manifest: Path
    cases: Mapping[str, Callable[[], Iterable[Unit]]]
    """Name -> what makes its units."""
    view: View | None = None
    """What the pictures show; None: each model's own view."""

    def path(self, name: str) -> Path:
        """Of a stream."""
        return self.manifest.with_name(f"{name}.lam")

    def units(self, name: str) -> list[Unit]:
        """All units of a stream, in decoding order."""
        with read_stream(self.path(name)) as stream:
            return list(stream.units())

    def digests(self, name: str) -> dict[str, str]:
        """First 128 bits of the SHA-256 of the integers of each unit."""
        found = self.codec.integers(self.units(name))
        return {"{} {} {}".format(*key): hashlib.sha256(values).hexdigest()[:32] for key, values in found}

    def sheet(self, name: str) -> np.ndarray:
        """Every level of the last frame side by side, lower ones padded with black below; 8 bits."""
        pictures: dict[tuple[int, int], np.ndarray] = {}
        for model in self.codec.decode(self.units(name)):
            pixels = self.codec.render(model, self.view or model.view).detach().numpy()
            pictures[model.frame, model.level] = np.rint(255.0 * np.clip(pixels, 0.0, 1.0)).astype(np.uint8)
        last = max(frame for frame, _ in pictures)
        levels = [pictures[key] for key in sorted(pictures) if key[0] == last]
        height = max(len(level) for level in levels)
        return np.concatenate([np.pad(p, ((0, height - len(p)), (0, 0), (0, 0))) for p in levels], axis=1)

    def expected(self) -> dict[str, dict[str, str]]:
        """The manifest."""
        return json.loads(self.manifest.read_text("utf-8")) if self.manifest.exists() else {}

    def make(self, name: str) -> None:
        """Writes a stream, its picture, and its line in the manifest."""
        units = list(self.cases[name]())
        size_bytes = write_stream(self.path(name), self.codec.facts(units[0].payload), units)
        write_image(self.path(name).with_suffix(".png"), self.sheet(name))
        with replacing(self.manifest) as file:
            lines = self.expected() | {name: self.digests(name)}
            file.write((json.dumps(lines, indent=1, sort_keys=True) + "\n").encode())
        print(f"{name}: {size_bytes} bytes")

    def problem(self, name: str) -> str:
        """What is wrong with a pinned stream; empty when it decodes to what is pinned."""
        try:
            if self.digests(name) != self.expected().get(name):
                return "decodes to other integers"
            difference = self.sheet(name).astype(int) - read_image(self.path(name).with_suffix(".png")).pixels
        except (OSError, BitstreamError) as error:
            return str(error)
        worst = int(np.abs(difference).max())
        return f"pixels differ by {worst}" if worst > PIXEL_TOLERANCE else ""

    def main(self, description: str | None) -> int:
        """Makes or checks; the exit status is 1 if a stream is not as pinned in the end."""
        parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        parser.add_argument("--check", action="store_true", help="change nothing")
        parser.add_argument("--remake", action="store_true", help="also make what does not decode to what is pinned")
        options = parser.parse_args()
        unmade = 0
        for name in self.cases:
            problem = self.problem(name)
            if not problem:
                continue
            print(f"{name}: {problem}")
            if options.check or (name in self.expected() and not options.remake):
                unmade += 1
                continue
            self.make(name)
        return int(unmade > 0)
