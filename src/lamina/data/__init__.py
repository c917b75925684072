# SPDX-License-Identifier: Apache-2.0
"""Other people's formats to signals, and pixels to other people's formats.

    path ─ open_signal ─► Picture | Clip ─ pixels, frames() ─► codecs
    path ◄─ write_image, ClipWriter ─ uint8 RGB (h, w, 3) ◄─ codecs

Pixels are 8-bit sRGB. Read in this order: color · image · clip · opening · write_clip. Pillow, PyAV and Numba are
imported when a file needs them.
"""

from lamina.data.clip import Clip, clip_from_frames
from lamina.data.color import ColorInfo, default_color, rgb_to_yuv, yuv_to_rgb
from lamina.data.image import Picture, picture_of_image, read_image, write_image
from lamina.data.opening import open_clip, open_signal
from lamina.data.resample import downsample_area
from lamina.data.scaling import scaled
from lamina.data.write_clip import ClipWriter

__all__ = [
    "Clip",
    "ClipWriter",
    "ColorInfo",
    "Picture",
    "clip_from_frames",
    "default_color",
    "downsample_area",
    "open_clip",
    "open_signal",
    "picture_of_image",
    "read_image",
    "rgb_to_yuv",
    "scaled",
    "write_image",
    "yuv_to_rgb",
]
