# SPDX-License-Identifier: Apache-2.0
"""Code a picture, look at its levels: bytes and PSNR of each, measured on what is decoded from the file."""

from pathlib import Path

import lamina
from lamina.data import read_image
from lamina.metrics import psnr

photo = Path(__file__).parents[1] / "demo" / "lighthouse.png"
pixels = read_image(photo).pixels[120:216, 330:474]  # a small part, so that this takes seconds

with lamina.encode(pixels, "part.lam", preset="fast", bits_per_pixel=1.0) as media:
    print(media)
    for level in range(media.level_count):
        print(f"level {level}: {psnr(pixels, media.decode(level)):.2f} dB")
