# SPDX-License-Identifier: Apache-2.0
"""What a user has becomes a picture or a clip; what cannot be coded is refused with what to do."""

import numpy as np
import pytest
import torch
from PIL import Image

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
        (np.zeros((3, 40, 60), np.uint8), r"channels come last: pixels.transpose"),
        (torch.zeros((3, 40, 60), dtype=torch.uint8), r"channels come last"),
        (torch.zeros((2, 3, 40, 60), dtype=torch.uint8), r"channels come last"),
        (torch.zeros((4, 6, 3)), "expected uint8 pixels, got float32"),
        (5, "got int"),
        (None, "got NoneType"),
        ([], "no frames"),
        ([np.zeros((4, 6, 3), np.uint8), np.zeros((4, 7, 3), np.uint8)], "frame 1"),
    ],
)
def test_rejects_what_is_no_picture_or_clip(source: object, said: str) -> None:
    with pytest.raises(SignalError, match=said):
        signal_of(source)


def test_tensors_and_images_are_taken_for_what_they_are() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    for source in (torch.from_numpy(pixels), Image.fromarray(pixels), pixels):
        picture = signal_of(source)
        assert isinstance(picture, Picture)
        assert np.array_equal(picture.pixels, pixels)
    grey = signal_of(torch.from_numpy(pixels[..., :1]))
    assert np.array_equal(grey.pixels, np.repeat(pixels[..., :1], 3, axis=2))
    for frames in (
        [Image.fromarray(pixels)] * 3,
        [torch.from_numpy(pixels)] * 3,
        torch.from_numpy(np.stack([pixels] * 3)),
    ):
        clip = signal_of(frames)
        assert isinstance(clip, Clip)
        assert clip.frame_count == 3
        assert np.array_equal(next(clip.frames()), pixels)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_images_of_every_mode(mode: str) -> None:
    image = Image.new("L", (5, 4), 60)
    image = Image.fromarray(np.full((4, 5), 60 * 257, np.uint16)) if mode == "I;16" else image.convert(mode)
    expected = 0 if mode == "1" else 60
    assert np.abs(signal_of(image).pixels.astype(int) - expected).max() <= 1 or mode == "1"
    assert signal_of(image).pixels.shape == (4, 5, 3)
