# SPDX-License-Identifier: Apache-2.0
import io

import numpy as np
import pytest
from benchmarks.rivals import jpeg2000
from benchmarks.rivals.jpeg2000 import encode_layers, encode_three_layers
from PIL import Image

from lamina.metrics import psnr


def pixels_of(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def pixels_up_to_layer(file, layers):
    """The whole file, decoded by OpenJPEG told to stop at a layer."""
    image = Image.open(io.BytesIO(file))
    kind, reduce, _, descriptor, length = image.tile[0].args
    image.tile = [image.tile[0]._replace(args=(kind, reduce, layers, descriptor, length))]
    return np.asarray(image.convert("RGB"))


def test_levels_are_cuts_that_decode_as_the_whole_file_does_up_to_that_layer(pixels):
    levels = encode_three_layers(pixels, 2.0)
    assert [len(file) for file in levels] == sorted(len(file) for file in levels)
    for layers, file in enumerate(levels[:-1], start=1):
        np.testing.assert_array_equal(pixels_of(file), pixels_up_to_layer(levels[-1], layers))


def test_quality_and_size_grow_with_level(pixels):
    levels = encode_three_layers(pixels, 3.0)
    quality = [psnr(pixels, pixels_of(file)) for file in levels]
    assert quality[0] < quality[1] < quality[2]
    assert 8 * len(levels[2]) / (96 * 64) == pytest.approx(3.0, rel=0.1)


def test_one_layer_is_one_file(pixels):
    (file,) = encode_layers(pixels, [10])
    assert pixels_of(file).shape == pixels.shape


def test_cut_rejects_packets_that_plt_does_not_describe(pixels, monkeypatch):
    with_plt = jpeg2000._encode(pixels, [20, 10], packet_lengths=True)
    other = jpeg2000._encode(pixels[::-1].copy(), [20, 10], packet_lengths=False)
    with pytest.raises(ValueError, match="PLT names"):
        jpeg2000._packet_lengths(with_plt, other)
