# SPDX-License-Identifier: Apache-2.0
"""Calibrated photographs of a still scene: other tools' folders enter, a `Capture` leaves.

    folder - reader -> Source (files with lens and pose, points) -> Capture (pinhole views, pixels when asked for)

Read in this order: capture · reading · source · photographs (with picture_files, photograph_notes) · lens (with
distortion) · undistort · pairing · point_cloud · poses · text · colmap (with colmap_binary, colmap_text,
colmap_folder) · transforms (with transforms_lens) · llff · posed_pictures, for polycam, record3d, opensfm, metashape,
bundler ·
structure_from_motion (photographs without poses) · first_points (for who fits), which asks triangulation and
seen_volume. What moves is in timed/.
"""

from lamina.data.captures.capture import Capture, View
from lamina.data.captures.first_points import with_points
from lamina.data.captures.reading import LAYOUTS, is_capture, read_capture
from lamina.data.captures.structure_from_motion import Reconstruction, reconstruct
from lamina.data.captures.timed import TIMED_LAYOUTS, TimedCapture, TimedView, is_timed_capture, read_timed_capture

__all__ = [
    "LAYOUTS",
    "TIMED_LAYOUTS",
    "Capture",
    "Reconstruction",
    "TimedCapture",
    "TimedView",
    "View",
    "is_capture",
    "is_timed_capture",
    "read_capture",
    "read_timed_capture",
    "reconstruct",
    "with_points",
]
