# SPDX-License-Identifier: Apache-2.0
"""Splats have no resolution: one file, decoded at its own size, smaller, and four times as large."""

from pathlib import Path

import lamina
from lamina.data import read_image, write_image

photo = Path(__file__).parents[1] / "demo" / "lighthouse.png"
pixels = read_image(photo).pixels[120:216, 330:474]

with lamina.encode(pixels, "part.lam", preset="fast", splats=300) as media:
    for name, size in (("own", None), ("small", (72, 48)), ("large", (576, 384))):
        decoded = media.decode(size=size)
        write_image(f"{name}.png", decoded)
        print(f"{name}.png: {decoded.shape[1]}x{decoded.shape[0]}")
