# SPDX-License-Identifier: Apache-2.0
"""Send less: cut a file at a level or to a size, without encoding again. What is left is a complete, valid file."""

from pathlib import Path

import lamina
from lamina.bitstream import cut_to_bytes, cut_to_level, pack_stream, read_stream
from lamina.data import read_image

photo = Path(__file__).parents[1] / "demo" / "lighthouse.png"
lamina.encode(read_image(photo).pixels[120:216, 330:474], "part.lam", preset="fast", splats=300).close()

with read_stream("part.lam") as stream:
    base = pack_stream(stream.facts, cut_to_level(stream, 0))
    half = pack_stream(stream.facts, cut_to_bytes(stream, stream.size_bytes // 2))
    print(f"whole {stream.size_bytes} bytes, level 0 {len(base)} bytes, what fits into the half {len(half)} bytes")

for name, data in (("base", base), ("half", half)):
    media = lamina.open(data)  # bytes work like files
    print(f"{name}: {media.level_count} levels, {media.decode().shape}")
