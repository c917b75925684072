# SPDX-License-Identifier: Apache-2.0
"""Y'CbCr planes enter, R'G'B' pixels leave, and back; matrix, range, siting and filters are stated.

All values are gamma-coded, as they are stored; no transfer curve and no primaries are converted. Lamina's pixels are
taken as sRGB.

Chroma filters, chosen as a pair (a 1D filter for each subsampled axis; edges repeat the last sample):

    sited on the even sample    up: linear, (1) and (1 1)/2       down: (-1 2 6 2 -1)/8
    sited between two samples   up: linear, (3 1)/4 and (1 3)/4   down: (-1 3 3 -1)/4

Each down filter is biorthogonal to its up filter (they are the spline 5/3 and 3/1 pairs), so planes that were expanded
to RGB and are reduced again come back unchanged but for rounding and for colors outside RGB. A box or (1 2 1)/4 filter
blurs chroma a little on every pass, and is 1 to 2 dB worse from RGB to 4:2:0 and back (Kodak pictures).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import UInt8, UInt16

Matrix = Literal["bt601", "bt709", "bt2020", "fcc", "smpte240m", "rgb"]
Subsampling = Literal["420", "422", "444", "400"]
ChromaSite = Literal["left", "center", "topleft"]
Plane = UInt8[np.ndarray, "h w"]

LUMA_WEIGHTS: dict[str, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
    "fcc": (0.30, 0.11),
    "smpte240m": (0.212, 0.087),
}
"""Weights of red and blue in luma (green has the rest). Source: ITU-T H.273, table 4."""

HD_HEIGHT_PX = 720
"""From this height on, untagged video is taken as BT.709, below as BT.601: what broadcast and players do."""

LIMITED_LUMA = (16.0, 219.0)
"""Black level and excursion of 8-bit limited-range luma. Source: ITU-R BT.601."""
LIMITED_CHROMA = 224.0
"""Excursion of 8-bit limited-range chroma around 128. Source: ITU-R BT.601."""

COSITED_TAPS = (-0.125, 0.25, 0.75, 0.25, -0.125)
"""Down filter at offsets -2...2 from an even sample that carries the chroma: LeGall 5/3 low-pass."""
CENTERED_TAPS = (0.0, -0.25, 0.75, 0.75, -0.25)
"""Down filter at offsets -2...2 from the even sample of a pair with the chroma between: spline 3/1 low-pass."""

ONE_LAYOUT = ("C", "W")
"""Contiguous and writable: for each other kind of array Numba would compile its kernels again, a second or two."""


@dataclass(frozen=True, slots=True)
class ColorInfo:
    """How the numbers of a clip mean colors."""

    matrix: Matrix
    """``rgb``: the samples are red, green and blue."""
    full_range: bool
    """False: luma 16...235, chroma 16...240 (video); True: 0...255."""
    subsampling: Subsampling = "420"
    """``400`` is luma alone."""
    chroma_site: ChromaSite = "left"
    """Where a 4:2:0 chroma sample sits among its four luma samples; 4:2:2 is always ``left``-like."""


RGB_COLOR = ColorInfo("rgb", full_range=True, subsampling="444")
"""8-bit RGB as it is."""


def default_color(height: int, subsampling: Subsampling = "420") -> ColorInfo:
    """What untagged Y'CbCr of this height (pixels) is taken to be: limited range, BT.709 for HD and BT.601 below."""
    return ColorInfo("bt709" if height >= HD_HEIGHT_PX else "bt601", full_range=False, subsampling=subsampling)


def chroma_shape(height: int, width: int, subsampling: Subsampling) -> tuple[int, int]:
    """Rows and columns of each chroma plane; odd sizes round up, ``400`` has none."""
    if subsampling == "400":
        return 0, 0
    rows = (height + 1) // 2 if subsampling == "420" else height
    columns = width if subsampling == "444" else (width + 1) // 2
    return rows, columns


def yuv_to_rgb(
    y: Plane,
    u: UInt8[np.ndarray, "hc wc"] | None,
    v: UInt8[np.ndarray, "hc wc"] | None,
    color: ColorInfo,
) -> UInt8[np.ndarray, "h w 3"]:
    """8-bit planes to 8-bit RGB: one float32 expression a pixel, clamped, rounded half up once at the end.

    Chroma is expanded linearly (module docstring). `u` and `v` are None for ``400``.

    Raises:
        ValueError: the planes do not have the shapes that `color.subsampling` asks for, or the matrix is ``rgb``.
    """
    from lamina.data import color_kernels

    _check_planes(y, u, v, color)
    if u is None or v is None:
        offset, gain = _luma_scale(color)
        table = np.clip((np.arange(256) - offset) / gain + 0.5, 0, 255).astype(np.uint8)
        return np.repeat(table[y][..., None], 3, axis=2)
    red, blue = LUMA_WEIGHTS[color.matrix]
    green = 1.0 - red - blue
    offset, gain = _luma_scale(color)
    chroma = 1.0 if color.full_range else 255.0 / LIMITED_CHROMA
    v_to_r, u_to_b = 2.0 * (1.0 - red) * chroma, 2.0 * (1.0 - blue) * chroma
    numbers = (offset, 1.0 / gain, v_to_r, -u_to_b * blue / green, -v_to_r * red / green, u_to_b)
    steps, centers = _grid(color)
    y, u, v = (np.require(plane, requirements=ONE_LAYOUT) for plane in (y, u, v))
    out = np.empty((*y.shape, 3), np.uint8)
    color_kernels.yuv_to_rgb(y, u, v, tuple(np.float32(x) for x in numbers), steps, centers, out)
    return out


def rgb_to_yuv(
    rgb: UInt8[np.ndarray, "h w 3"], color: ColorInfo
) -> tuple[Plane, UInt8[np.ndarray, "hc wc"] | None, UInt8[np.ndarray, "hc wc"] | None]:
    """8-bit RGB to 8-bit planes (None, None for the chroma of ``400``); rounded half up once, at the end.

    Chroma is reduced with the filters of the module docstring and clamped to the nominal range.

    Raises:
        ValueError: `rgb` is not uint8 (h, w, 3), or the matrix is ``rgb``.
    """
    from lamina.data import color_kernels

    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 pixels of shape (h, w, 3), got {rgb.dtype} {rgb.shape}")
    _check_matrix(color)
    height, width = rgb.shape[:2]
    red, blue = LUMA_WEIGHTS[color.matrix]
    offset, gain = _luma_scale(color)
    chroma = 1.0 if color.full_range else LIMITED_CHROMA / 255.0
    numbers = (offset, gain, red, 1 - red - blue, blue, chroma / (2 * (1 - blue)), chroma / (2 * (1 - red)))
    steps, centers = _grid(color)
    taps = tuple(tuple(np.float32(t) for t in (CENTERED_TAPS if center else COSITED_TAPS)) for center in centers)
    limits = (np.float32(0.0), np.float32(255.0)) if color.full_range else (np.float32(16.0), np.float32(240.0))
    y = np.empty((height, width), np.uint8)
    grey = color.subsampling == "400"
    shape = (height, width) if grey else chroma_shape(height, width, color.subsampling)
    u, v = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    rgb = np.require(rgb, requirements=ONE_LAYOUT)
    color_kernels.rgb_to_yuv(rgb, tuple(np.float32(x) for x in numbers), steps, taps, limits, (y, u, v))
    return (y, None, None) if grey else (y, u, v)


def reduce_to_8_bits(samples: UInt16[np.ndarray, "..."], bits: int) -> UInt8[np.ndarray, "..."]:
    """Y'CbCr samples of 9 to 16 bits to 8 bits, rounded half up: 940 of 10 bits becomes 235."""
    shift = bits - 8
    reduced = (samples.astype(np.uint32) + (1 << (shift - 1))) >> shift
    return np.minimum(reduced, 255).astype(np.uint8)


def reduce_full_scale(samples: UInt16[np.ndarray, "..."], bits: int) -> UInt8[np.ndarray, "..."]:
    """RGB or grey samples of 9 to 16 bits, white at 2^bits - 1, to 8 bits with white at 255, rounded to nearest."""
    white = (1 << bits) - 1
    wide = np.minimum(samples.astype(np.uint32), white)
    return ((wide * 255 + white // 2) // white).astype(np.uint8)


def _luma_scale(color: ColorInfo) -> tuple[float, float]:
    """Code value of black, and code values per 8-bit full-range step."""
    return (0.0, 1.0) if color.full_range else (LIMITED_LUMA[0], LIMITED_LUMA[1] / 255.0)


def _grid(color: ColorInfo) -> tuple[tuple[int, int], tuple[bool, bool]]:
    """Chroma step, and whether chroma sits between samples: down, then across."""
    steps = {"420": (2, 2), "422": (1, 2)}.get(color.subsampling, (1, 1))
    if color.subsampling != "420":
        return steps, (False, False)
    return steps, (color.chroma_site != "topleft", color.chroma_site == "center")


def _check_matrix(color: ColorInfo) -> None:
    if color.matrix not in LUMA_WEIGHTS:
        raise ValueError(f"expected one of {', '.join(LUMA_WEIGHTS)} as matrix, got {color.matrix}")


def _check_planes(y: np.ndarray, u: np.ndarray | None, v: np.ndarray | None, color: ColorInfo) -> None:
    _check_matrix(color)
    if y.ndim != 2 or y.dtype != np.uint8:
        raise ValueError(f"expected a uint8 luma plane (h, w), got {y.dtype} {y.shape}")
    height, width = y.shape
    expected = chroma_shape(height, width, color.subsampling)
    for name, plane in (("u", u), ("v", v)):
        found = (0, 0) if plane is None else plane.shape
        if found != expected or (plane is not None and plane.dtype != np.uint8):
            raise ValueError(f"expected uint8 chroma {name} of {expected} for 4:{color.subsampling}, got {found}")
