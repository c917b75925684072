# SPDX-License-Identifier: Apache-2.0
"""A clip to a bit rate; every level measured against its source; the file cut for a slower network."""

from pathlib import Path

import lamina

clip = lamina.open_clip(Path(__file__).parents[1] / "demo" / "person.mp4", frame_range=(0, 6))

# Far fewer steps than the preset takes.
short = {"lattice.steps": 60, "lattice.predicted_steps": 10, "lattice.refine_sweeps": 4}
with lamina.encode(clip, "part.lam", preset="fast", bits_per_second=300_000, **short) as media:
    for level in lamina.compare(media, clip):
        print(f"level {level.level}: {level.kilobits_per_second:.0f} kbit/s, {level.psnr:.2f} dB")

with lamina.read_stream("part.lam") as stream:
    lamina.write_stream("slow.lam", stream.facts, lamina.cut_to_level(stream, 0))
with lamina.open("slow.lam") as media:
    print(f"cut: {media.size_bytes:,} bytes, {media.level_count} level")
