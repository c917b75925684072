# SPDX-License-Identifier: Apache-2.0
"""A camera's number enters; pictures leave as they are taken."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from jaxtyping import UInt8

from lamina.errors import SignalError

SYSTEMS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}
"""libav's demuxer and the name of a camera, by system."""


def camera_frames(
    number: int, width: int, height: int, frames_per_second: Fraction
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Pictures of a camera, near a size and rate: cameras have few of either.

    Raises:
        SignalError: there is none of that number, it is in use, or this system has none that can be read.
    """
    import av

    system = SYSTEMS.get(sys.platform)
    if system is None:
        raise SignalError(f"camera {number}: none can be read on {sys.platform}: give a clip instead")
    demuxer, name = system[0], system[1].format(number)
    asked = {"video_size": f"{max(width, 640)}x{max(height, 480)}", "framerate": f"{float(frames_per_second):g}"}
    try:
        try:
            container = av.open(name, format=demuxer, options=asked)
        except (OSError, ValueError):
            # Not of this size or rate: as the camera likes.
            container = av.open(name, format=demuxer)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SignalError(f"camera {number} ({name}): {reason}; is it there, and free?") from error
    with container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
