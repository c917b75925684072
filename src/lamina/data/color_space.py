# SPDX-License-Identifier: Apache-2.0
"""RGB pixels of any primaries and transfer curve enter, sRGB leaves: the one step of colour for pictures and clips.

    code values - curve -> light - 3x3 (Bradford where whites differ) -> light of BT.709's primaries - curve -> sRGB

Primaries and curves are numbered as in ITU-T H.273 (cICP, nclx, tags of video). BT.709's own curve and its kin are
shown as sRGB's, which is what players do; the primaries of standard-definition video are taken as BT.709's for the same
reason. High dynamic range (PQ, HLG) is left as it is, with a note: to show it takes a choice of what to lose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Float64, UInt8, UInt16

Chromaticities = tuple[float, float, float, float, float, float, float, float]
"""CIE 1931 x and y of red, green, blue, white."""

D65, C_WHITE, DCI_WHITE = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)

BT709: Chromaticities = (0.640, 0.330, 0.300, 0.600, 0.150, 0.060, *D65)

PRIMARIES: dict[int, tuple[str, Chromaticities]] = {
    4: ("BT.470 M", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, *C_WHITE)),
    8: ("film", (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, *C_WHITE)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65)),
    10: ("CIE XYZ", (1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3)),
    11: ("DCI-P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *DCI_WHITE)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65)),
}
"""Number to name and chromaticities; numbers that are not here are BT.709's or taken as such (1, 2, 5, 6, 7, 22).
Source: ITU-T H.273, table 2."""

POWERS: dict[int, float] = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
"""Curves that are powers; others than `HDR_TRANSFERS` are shown as sRGB's. Source: ITU-T H.273, table 3."""
SMPTE428_PEAK = 52.37 / 48.0
"""Light of white under curve 17. Source: ITU-T H.273, table 3."""

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""Curves of high dynamic range. Source: ITU-T H.273, table 3."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to cone responses. Source: ICC.1:2022, annex E."""

LIGHT_STEPS = 65535
"""Of the table from light to code values: at sRGB's steepest a step is .05 of a code value."""

BLOCK_ROWS = 256
"""Rows that are converted at a time, so that a large photograph takes little memory beside its own."""


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """How code values of RGB mean light."""

    name: str
    """For notes."""
    chromaticities: Chromaticities
    power: float | None
    """Exponent from code value to light; None: sRGB's curve."""
    peak: float = 1.0
    """Light of the highest code value; 1: white."""

    def to_srgb(self, pixels: UInt8[np.ndarray, "h w 3"] | UInt16[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """8-bit sRGB, rounded to nearest; what is outside of its gamut is clipped, channel by channel."""
        white = np.iinfo(pixels.dtype).max
        light = _light_of_codes(self.power, self.peak, int(white))
        out = np.empty(pixels.shape, np.uint8)
        for start in range(0, len(pixels), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            out[block] = self.light_to_srgb(light[pixels[block]])
        return out

    def light_to_srgb(self, light: Float32[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
        """The same from light, where 1 is white; not a number is black."""
        matrix = to_bt709(self.chromaticities)
        if matrix is not None:
            light = light @ matrix.T.astype(np.float32)
        return codes_of_light()[(np.clip(np.nan_to_num(light), 0, 1) * LIGHT_STEPS + 0.5).astype(np.uint16)]


LINEAR = ColorSpace("linear light", BT709, 1.0)
"""What floating point samples are taken for (OpenEXR, Radiance)."""


def color_space_of(primaries: int, transfer: int) -> ColorSpace | None:
    """What two numbers of H.273 mean; None: sRGB, taken as sRGB, or of high dynamic range."""
    if transfer in HDR_TRANSFERS:
        return None
    power = POWERS.get(transfer)
    name, chromaticities = PRIMARIES.get(primaries, ("BT.709", BT709))
    if power is None and primaries not in PRIMARIES:
        return None
    if power is not None:
        name += ", linear light" if power == 1.0 else f", gamma {power:g}"
    return ColorSpace(name, chromaticities, power, SMPTE428_PEAK if transfer == 17 else 1.0)


@lru_cache(maxsize=16)
def to_bt709(chromaticities: Chromaticities) -> Float64[np.ndarray, "3 3"] | None:
    """From light of these primaries to light of BT.709's, white to white; None: they are BT.709's."""
    if np.abs(np.subtract(chromaticities, BT709)).max() < 0.002:
        return None
    adapted = _adaptation(chromaticities[6:], D65) @ _to_xyz(chromaticities)
    return np.linalg.inv(_to_xyz(BT709)) @ adapted


def srgb_light(codes: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Light of sRGB's code values, 0...1 to 0...1. Source: IEC 61966-2-1."""
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


@lru_cache(maxsize=1)
def codes_of_light() -> UInt8[np.ndarray, "..."]:
    """8-bit sRGB of light 0...1 in `LIGHT_STEPS` steps, rounded to nearest."""
    light = np.arange(LIGHT_STEPS + 1) / LIGHT_STEPS
    codes = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.floor(codes * 255 + 0.5).astype(np.uint8)


@lru_cache(maxsize=8)
def _light_of_codes(power: float | None, peak: float, white: int) -> Float32[np.ndarray, "..."]:
    codes = np.arange(white + 1) / white
    return ((srgb_light(codes) if power is None else codes**power) * peak).astype(np.float32)


def _to_xyz(chromaticities: Chromaticities) -> Float64[np.ndarray, "3 3"]:
    """Columns are red, green and blue, as bright as makes white together."""
    points = np.reshape(chromaticities, (4, 2))
    columns = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)])
    white = columns[:, 3] / columns[1, 3]
    return columns[:, :3] * np.linalg.solve(columns[:, :3], white)


def _adaptation(source: tuple[float, ...], target: tuple[float, ...]) -> Float64[np.ndarray, "3 3"]:
    """XYZ under one white to XYZ under another."""
    whites = [BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in (source, target)]
    return np.linalg.inv(BRADFORD) @ np.diag(whites[1] / whites[0]) @ BRADFORD
