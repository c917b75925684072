# SPDX-License-Identifier: Apache-2.0
"""Photographs with their lenses enter; what people should know of how they are read leaves, once for all of them."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.data.captures.lens import Lens
from lamina.data.captures.photographs import Photograph

LENSES_ASKED = 16
"""Of a capture with a lens for each picture: they are alike, and each takes some milliseconds."""


def notes_of(photographs: Sequence[Photograph]) -> list[str]:
    """Of lenses that see more than a pinhole, and of orientations that nothing decides."""
    return [*wide_notes([photograph.lens for photograph in photographs]), *_orientation_notes(photographs)]


def wide_notes(lenses: Sequence[Lens]) -> list[str]:
    """How much of the pictures is outside of the pinholes that are made of fisheyes; none where there are none.

    Raises:
        SignalError: a lens cannot be undistorted.
    """
    wide = sorted(
        set(lens for lens in lenses if lens.distortion.is_wide), key=lambda lens: (lens.width, lens.focal_x_px)
    )
    if not wide:
        return []
    asked = wide[:: -(-len(wide) // LENSES_ASKED)]
    share = sum(lens.share_left_out() for lens in asked) / len(asked)
    return [f"fisheye pictures are made straight, at most 120 degrees wide: {share:.0%} of their pixels lie outside"]


def _orientation_notes(photographs: Sequence[Photograph]) -> list[str]:
    doubtful = [photograph for photograph in photographs if photograph.may_be_turned]
    if not doubtful:
        return []
    first = doubtful[0]
    return [
        f"{len(doubtful)} of {len(photographs)} pictures have an EXIF orientation ({first.name}: "
        f"{first.told_orientation}) that the size of their cameras does not decide: taken as they lie in their files, "
        f"as COLMAP does"
    ]
