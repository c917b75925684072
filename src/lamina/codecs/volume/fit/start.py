# SPDX-License-Identifier: Apache-2.0
"""Where an encode starts: a capture enters; the views that can be fitted to, and the box and its lattice, leave."""

from __future__ import annotations

import numpy as np

from lamina.cameras.camera import Camera
from lamina.codecs.volume.config import VolumeConfig
from lamina.codecs.volume.fit.silhouettes import box_of
from lamina.codecs.volume.syntax import FRACTION_BITS, VERSION, VolumeFacts
from lamina.data.captures.timed import TimedCapture
from lamina.errors import SignalError
from lamina.grids.lattice import Lattice, lattice_around

SHIFT = -3.0
"""Of densities: 0 hides a twentieth in two steps of the finest level: a fit begins with fog, which gradients reach."""

EMPTY_DENSITY = -6.0
"""Where the frame before holds nothing (volume prototype)."""

KEPT_CAMERAS = 8
"""For viewers."""

BACKGROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255)}


def check_masks(signal: TimedCapture) -> tuple[int, ...]:
    """Training views that have masks.

    Raises:
        SignalError: there are too few; says what to do.
    """
    masked = signal.masked_views
    views = tuple(view for view in signal.train if view in masked)
    if len(views) >= 2:
        return views
    found = "no masks" if not masked else f"masks of {len(views)} training view{'s' * (len(views) != 1)} only"
    raise SignalError(
        f"{signal.name}: {found}; volume codes what masks hold: put them in seg/ or masks/, a folder a camera with the "
        f"pictures' numbers, or code the whole scene with --codec freeview"
    )


def facts_of(signal: TimedCapture, config: VolumeConfig, views: tuple[int, ...]) -> VolumeFacts:
    """What the stream's header says.

    Raises:
        SignalError: masks hold nothing, the box has too many cells, or training views differ in size.
    """
    cameras = [signal.views[view].camera for view in views]
    sizes = {(camera.width, camera.height) for camera in cameras}
    if len(sizes) > 1:
        raise SignalError(f"{signal.name}: views of {len(sizes)} sizes; expected one: hold out the others")
    lattice = lattice_of(signal, config, views)
    rate = signal.frames_per_second.limit_denominator(1 << 20)
    return VolumeFacts(
        version=VERSION,
        has_extensions=False,
        background=BACKGROUNDS[config.background],
        width=cameras[0].width,
        height=cameras[0].height,
        rate_numerator=rate.numerator,
        rate_denominator=rate.denominator,
        origin=lattice.origin,
        step=lattice.step,
        coarse_cells=lattice.coarse_cells,
        level_count=config.level_count,
        extra_count=config.extra_channels,
        shift=SHIFT,
        empty=round(-EMPTY_DENSITY * (1 << FRACTION_BITS)),
        hidden=config.hidden,
    )


def lattice_of(signal: TimedCapture, config: VolumeConfig, views: tuple[int, ...]) -> Lattice:
    """Around the box that was given, or what the masks hold."""
    if config.box is not None:
        low, high = np.array(config.box[:3]), np.array(config.box[3:])
    else:
        low, high = box_of(signal, views)
    voxel = config.voxel
    if voxel is None:
        cameras = [signal.views[view].camera for view in views]
        _, depths = zip(*(camera.project(0.5 * (low + high)[None]) for camera in cameras), strict=True)
        pixels = [float(depth[0]) / camera.focal_x_px for depth, camera in zip(depths, cameras, strict=True)]
        voxel = config.voxel_px * float(np.median([pixel for pixel in pixels if pixel > 0] or [1.0]))
    (a, b, c), (d, e, f) = low.tolist(), high.tolist()
    try:
        return lattice_around((a, b, c), (d, e, f), voxel, config.level_count)
    except ValueError as error:
        raise SignalError(f"{signal.name}: {error}; choose another box or voxel") from None


def kept_cameras(signal: TimedCapture) -> tuple[Camera, ...]:
    """Views for viewers: those held out, or some of all."""
    views = signal.test or signal.train
    return tuple(signal.views[view].camera for view in views[:: -(-len(views) // KEPT_CAMERAS)])
