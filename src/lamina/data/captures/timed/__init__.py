# SPDX-License-Identifier: Apache-2.0
"""Synchronised calibrated cameras around something that moves: folders of other tools enter, a `TimedCapture` leaves.

Read in this order: capture.
"""

from lamina.data.captures.timed.capture import Arrival, TimedCapture, TimedView

__all__ = ["Arrival", "TimedCapture", "TimedView"]
