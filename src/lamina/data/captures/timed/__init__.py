# SPDX-License-Identifier: Apache-2.0
"""Synchronised calibrated cameras around something that moves: folders of other tools enter, a `TimedCapture` leaves.

Read in this order: capture · reading · source · panoptic · rigs · playing.
"""

from lamina.data.captures.timed.capture import Arrival, TimedCapture, TimedView
from lamina.data.captures.timed.reading import is_timed_capture, read_timed_capture

__all__ = ["Arrival", "TimedCapture", "TimedView", "is_timed_capture", "read_timed_capture"]
