# SPDX-License-Identifier: Apache-2.0
"""Layered coding of visual media as Gaussian splats: pictures and clips enter, files to be cut at any layer leave.

    import lamina

    lamina.encode("photo.png", "photo.lam", bits_per_pixel=0.5)
    media = lamina.open("photo.lam")
    pixels = media.decode(level=1)                  # uint8 (h, w, 3)
    large = media.decode(size=(3072, 2048))         # splats have no resolution

Names are imported when they are first used: `import lamina` is fast, and reading facts about a file needs no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lamina.codec import Progress
from lamina.errors import BitstreamError, Interrupted, LaminaError, SignalError, TargetError

if TYPE_CHECKING:
    from lamina.media.encoding import encode
    from lamina.media.reading import Media
    from lamina.media.reading import open_media as open

# Read by OpenMP when it is loaded, with torch or the first kernel. Threads that spin while they wait for each other
# make a step many times slower as soon as the machine has other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_LAZY = {
    "Media": ("lamina.media.reading", "Media"),
    "encode": ("lamina.media.encoding", "encode"),
    "open": ("lamina.media.reading", "open_media"),
}
"""Public name -> module and name there (PEP 562)."""

__all__ = [
    "BitstreamError",
    "Interrupted",
    "LaminaError",
    "Media",
    "Progress",
    "SignalError",
    "TargetError",
    "encode",
    "open",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}; it has {', '.join(__all__)}")
    module, attribute = _LAZY[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """What `dir(lamina)` lists."""
    return [*__all__, "__version__"]
