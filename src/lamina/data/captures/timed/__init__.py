# SPDX-License-Identifier: Apache-2.0
"""Synchronised calibrated cameras around something that moves: folders of other tools enter, a `TimedCapture` leaves.

    folder - reader -> TimedSource (cameras, what they recorded) -> TimedCapture (pinhole views, pixels when asked for)

Read in this order: capture · reading · source · tracks · frame_cache · numbered, pictures (files of frames) · growing
(folders that are still being written) · video_index, video_track · rig (poses beside cameras) · the layouts: panoptic
(with panoptic_meta), frame_folders, camera_folders, camera_videos · plates (for who fits).
"""

from lamina.data.captures.timed.capture import Arrival, Foreground, TimedCapture, TimedView
from lamina.data.captures.timed.plates import plate_of, spread_frames
from lamina.data.captures.timed.reading import TIMED_LAYOUTS, is_timed_capture, read_timed_capture

__all__ = [
    "TIMED_LAYOUTS",
    "Arrival",
    "Foreground",
    "TimedCapture",
    "TimedView",
    "is_timed_capture",
    "plate_of",
    "read_timed_capture",
    "spread_frames",
]
