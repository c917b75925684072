# SPDX-License-Identifier: Apache-2.0
from fractions import Fraction

import numpy as np
import pytest

from lamina.data import clip_from_frames, open_clip
from lamina.data.clip import as_rate
from lamina.errors import SignalError


def test_frames_are_the_same_on_every_pass_and_in_every_range(samples) -> None:
    clip = open_clip(samples / "park_joy_96x64_6f.y4m")
    frames = list(clip)
    assert len(frames) == clip.frame_count == 6
    assert (clip.width, clip.height, clip.frames_per_second) == (96, 64, 50)
    for start, stop in ((0, None), (2, 4), (5, 9), (6, None), (3, 3)):
        again = list(clip.frames(start, stop))
        assert len(again) == len(frames[start:stop])
        assert all(np.array_equal(a, b) for a, b in zip(again, frames[start:stop], strict=True))


@pytest.mark.parametrize(("bounds", "count"), [((2, 5), 3), ((4, None), 2), ((3, 99), 3), ((0, 6), 6)])
def test_cut_renumbers_frames(bounds, count: int, park_joy) -> None:
    clip = clip_from_frames(park_joy)
    part = clip.cut(*bounds)
    assert part.frame_count == count
    expected = park_joy[bounds[0] : bounds[1]]
    assert all(np.array_equal(a, b) for a, b in zip(part, expected, strict=True))
    assert [f.shape for f in part.frames(1, 2)] == [(64, 96, 3)]
    assert len(list(part.cut(1))) == count - 1


@pytest.mark.parametrize("bounds", [(6, None), (3, 3), (4, 2), (-1, 2), (100, 200)])
def test_cut_rejects_empty_ranges(bounds, park_joy) -> None:
    with pytest.raises(SignalError, match=r"no frames in .*6 frames"):
        clip_from_frames(park_joy).cut(*bounds)


def test_clip_from_frames_takes_an_array(park_joy) -> None:
    clip = clip_from_frames(np.stack(park_joy), 29.97)
    assert clip.frames_per_second == Fraction(30000, 1001)
    assert np.array_equal(np.stack(list(clip)), np.stack(park_joy))


def test_clip_from_frames_rejects_what_is_no_clip(park_joy) -> None:
    with pytest.raises(SignalError, match="no frames"):
        clip_from_frames([])
    with pytest.raises(SignalError, match=r"frame 1: 95x64 pixels, but the clip began with 96x64"):
        clip_from_frames([park_joy[0], park_joy[0][:, :-1]])
    with pytest.raises(SignalError, match="uint8"):
        clip_from_frames([park_joy[0].astype(np.float32)])
    with pytest.raises(ValueError, match="expected frame numbers"):
        clip_from_frames(park_joy).frames(-1)


def test_as_rate_knows_broadcast_rates() -> None:
    assert [as_rate(rate) for rate in (25, 23.976, 59.94, 12.5, Fraction(7, 3))] == [
        Fraction(25),
        Fraction(24000, 1001),
        Fraction(60000, 1001),
        Fraction(25, 2),
        Fraction(7, 3),
    ]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_as_rate_rejects_what_is_no_rate(rate: float) -> None:
    with pytest.raises(SignalError, match="positive"):
        as_rate(rate)
