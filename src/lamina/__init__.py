# SPDX-License-Identifier: Apache-2.0
"""Layered coding of visual media as Gaussian splats: pictures, clips, captures enter, files to cut at any layer leave.

    import lamina

    lamina.encode("photo.png", "photo.lam", bits_per_pixel=0.5)
    media = lamina.open("photo.lam")
    pixels = media.decode(level=1)                  # uint8 (h, w, 3)
    large = media.decode(size=(3072, 2048))         # splats have no resolution

    lamina.encode("garden/", "garden.lam", preset="fast")
    garden = lamina.open("garden.lam")
    pixels = garden.render(lamina.orbit(garden.cameras(), 120)[0])
    lamina.export(garden, "garden.ply")             # Gaussians for other tools
    lamina.write_shots(garden, "orbit.mp4", lamina.shots_of(garden, "orbit"))

All that the command line can do stands here: `encode`, `open`, `compare`, `plot_quality`, `export`, `cut_to_level`,
`cut_to_bytes`, `write_stream`, `digest_units`, `summarize`, `shots_of` and `write_shots`. Names are imported when they
are first used: `import lamina` is fast, and reading facts about a file needs no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamina.codec import Choices, Progress, Size, Target
from lamina.errors import (
    BackendUnavailable,
    BitstreamError,
    Interrupted,
    LaminaError,
    SignalError,
    TargetError,
    WriteError,
)

if TYPE_CHECKING:
    from lamina.bitstream import Stream, cut_to_bytes, cut_to_level, read_stream, write_stream
    from lamina.cameras.camera import Camera
    from lamina.cameras.paths import orbit, read_cameras, spiral, write_cameras
    from lamina.codecs import CODECS
    from lamina.data import Clip, ClipWriter, Picture, clip_from_frames, open_clip, read_image, write_image
    from lamina.data.captures import Capture, read_capture
    from lamina.data.captures.timed import TimedCapture, read_timed_capture
    from lamina.media.comparison import LevelQuality, compare
    from lamina.media.configuring import configured
    from lamina.media.digest import digest_of, digest_units
    from lamina.media.encoding import encode
    from lamina.media.export import Exported, export
    from lamina.media.filming import write_shots
    from lamina.media.plotting import plot_quality
    from lamina.media.reading import Media
    from lamina.media.reading import open_media as open
    from lamina.media.shots import Shot, shots_of
    from lamina.media.sources import SourceOptions
    from lamina.media.summary import Summary, summarize
    from lamina.times import FrameTimes, TimeSpan

# Read by OpenMP when it is loaded, with torch or the first kernel. Threads that spin while they wait for each other
# make a step many times slower as soon as the machine has other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_LAZY = {
    "CODECS": "lamina.codecs",
    "Camera": "lamina.cameras.camera",
    "Capture": "lamina.data.captures",
    "Clip": "lamina.data",
    "ClipWriter": "lamina.data",
    "Exported": "lamina.media.export",
    "FrameTimes": "lamina.times",
    "LevelQuality": "lamina.media.comparison",
    "Media": "lamina.media.reading",
    "Picture": "lamina.data",
    "Shot": "lamina.media.shots",
    "SourceOptions": "lamina.media.sources",
    "Stream": "lamina.bitstream",
    "Summary": "lamina.media.summary",
    "TimeSpan": "lamina.times",
    "clip_from_frames": "lamina.data",
    "compare": "lamina.media.comparison",
    "configured": "lamina.media.configuring",
    "cut_to_bytes": "lamina.bitstream",
    "cut_to_level": "lamina.bitstream",
    "digest_of": "lamina.media.digest",
    "digest_units": "lamina.media.digest",
    "encode": "lamina.media.encoding",
    "export": "lamina.media.export",
    "open": "lamina.media.reading:open_media",
    "open_clip": "lamina.data",
    "orbit": "lamina.cameras.paths",
    "plot_quality": "lamina.media.plotting",
    "read_cameras": "lamina.cameras.paths",
    "read_capture": "lamina.data.captures",
    "read_timed_capture": "lamina.data.captures.timed",
    "TimedCapture": "lamina.data.captures.timed",
    "read_image": "lamina.data",
    "read_stream": "lamina.bitstream",
    "shots_of": "lamina.media.shots",
    "spiral": "lamina.cameras.paths",
    "summarize": "lamina.media.summary",
    "write_cameras": "lamina.cameras.paths",
    "write_image": "lamina.data",
    "write_shots": "lamina.media.filming",
    "write_stream": "lamina.bitstream",
}
"""Public name -> its module, and its name there where that is another (PEP 562)."""

__all__ = [
    "CODECS",
    "BackendUnavailable",
    "BitstreamError",
    "Camera",
    "Capture",
    "Choices",
    "Clip",
    "ClipWriter",
    "Exported",
    "FrameTimes",
    "Interrupted",
    "LaminaError",
    "LevelQuality",
    "Media",
    "Picture",
    "Progress",
    "Shot",
    "SignalError",
    "Size",
    "SourceOptions",
    "Stream",
    "Summary",
    "Target",
    "TargetError",
    "TimeSpan",
    "TimedCapture",
    "WriteError",
    "clip_from_frames",
    "compare",
    "configured",
    "cut_to_bytes",
    "cut_to_level",
    "digest_of",
    "digest_units",
    "encode",
    "export",
    "open",
    "open_clip",
    "orbit",
    "plot_quality",
    "read_cameras",
    "read_capture",
    "read_image",
    "read_stream",
    "read_timed_capture",
    "shots_of",
    "spiral",
    "summarize",
    "write_cameras",
    "write_image",
    "write_shots",
    "write_stream",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, _, other = _LAZY[name].partition(":")
    value = getattr(import_module(module), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What `dir(lamina)` lists."""
    return [*__all__, "__version__"]
