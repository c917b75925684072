# SPDX-License-Identifier: Apache-2.0
"""Code a clip with progress, then read some of its frames: only the groups that hold them are read."""

from pathlib import Path

import lamina
from lamina.data import open_clip

clip = open_clip(Path(__file__).parents[1] / "demo" / "person.mp4")
frames = [frame[80:176, 100:228] for frame in clip.frames(8, 12)]


def show(progress: lamina.Progress) -> None:
    """Called a few times a second; raise `lamina.Interrupted` here to stop, and the same call goes on later."""
    print(f"\r{100 * progress.done:3.0f} % {progress.stage:30}", end="")


with lamina.encode(frames, "part.lam", preset="fast", splats=200, layers=2, progress=show) as media:
    print(f"\n{media}")
    for number, pixels in enumerate(media.frames(2, 4, level=0), start=2):
        print(f"frame {number}: {pixels.shape}, mean {pixels.mean():.1f}")
