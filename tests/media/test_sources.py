# SPDX-License-Identifier: Apache-2.0
"""What a user has becomes a picture or a clip; what cannot be coded is refused with what to do."""

import numpy as np
import pytest

from lamina.data import Clip, Picture
from lamina.errors import SignalError
from lamina.media.sources import SourceOptions, signal_of


def test_arrays_become_pictures_and_clips() -> None:
    grey, color = np.zeros((4, 6), np.uint8), np.zeros((4, 6, 3), np.uint8)
    assert isinstance(signal_of(grey), Picture)
    assert signal_of(grey).pixels.shape == (4, 6, 3)
    clip = signal_of(np.stack([color] * 5), SourceOptions(frames=(1, 4)))
    assert isinstance(clip, Clip)
    assert clip.frame_count == 3


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((4, 6, 3), np.float32), "expected uint8 pixels, got float32"),
        (np.zeros((4, 6, 2), np.uint8), r"\(h, w, 3\)"),
        ([], "no frames"),
        ([np.zeros((4, 6, 3), np.uint8), np.zeros((4, 7, 3), np.uint8)], "frame 1"),
    ],
)
def test_rejects_what_is_no_picture_or_clip(source: object, said: str) -> None:
    with pytest.raises(SignalError, match=said):
        signal_of(source)
