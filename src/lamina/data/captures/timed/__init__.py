# SPDX-License-Identifier: Apache-2.0
"""Synchronised calibrated cameras around something that moves: folders of other tools enter, a `TimedCapture` leaves.

    folder - reader -> TimedSource (cameras, what they recorded) -> TimedCapture (pinhole views, pixels when asked for)

Read in this order: capture · reading · source · tracks · frame_cache · numbered · pictures (with growing) ·
panoptic_meta, panoptic.
"""

from lamina.data.captures.timed.capture import Arrival, TimedCapture, TimedView
from lamina.data.captures.timed.reading import is_timed_capture, read_timed_capture

__all__ = ["Arrival", "TimedCapture", "TimedView", "is_timed_capture", "read_timed_capture"]
