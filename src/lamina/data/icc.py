# SPDX-License-Identifier: Apache-2.0
"""Samples and the ICC profile of their file enter, 8-bit sRGB leaves, by lcms (through Pillow), from 8 or 16 bits.

Pillow's lcms takes 8 bits a sample. Of 16 bits the conversions of the two nearest 8-bit values a channel are blended:
as exact as a table of 256 steps a channel, linear between them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8, UInt16

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
Convert = Callable[[UInt8[np.ndarray, "h w c"]], UInt8[np.ndarray, "h w 3"]]

MODES = {"GRAY": ("L", 1), "RGB": ("RGB", 3), "CMYK": ("CMYK", 4), "Lab": ("LAB", 3)}
"""Color space in a profile's header -> Pillow's mode, and its number of channels."""

ALIKE = 1
"""A profile that moves no color by more (of 255) is sRGB under another name, or its own: pixels stay as they are."""

PROBE = np.linspace(0, 255, 18).round().astype(np.uint8)

BLOCK_ROWS = 256
"""Rows that are converted at a time, so that a large photograph takes little memory beside its own."""


def icc_to_srgb(
    samples: Samples, profile: bytes, notes: list[str], path: Path
) -> UInt8[np.ndarray, "h w 3"] | Samples | None:
    """8-bit sRGB of samples of 1 (grey), 3 (RGB) or 4 (CMYK) channels; the samples as they are where that is sRGB.

    None, and a note: the profile is damaged, or of another kind of color.
    """
    from PIL import Image, ImageCms

    try:
        source: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        kind = source.profile.xcolor_space.strip()
        name = ImageCms.getProfileDescription(source).strip() or "an unnamed color space"
        mode, channels = MODES.get(kind, ("", 0))
        if samples.shape[2] == 1 and channels == 3:
            samples = np.repeat(samples, 3, axis=2)
        if channels != samples.shape[2]:
            found = {1: "grey", 3: "RGB", 4: "CMYK"}.get(samples.shape[2], f"of {samples.shape[2]} channels")
            notes.append(f"color profile ignored: it is for {kind}, the picture is {found}")
            return None
        # Optimized, lcms draws straight lines between 33 values of grey.
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB", flags=flags)

        def convert(pixels: UInt8[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w 3"]:
            image = Image.fromarray(pixels[..., 0] if mode == "L" else pixels, mode)
            converted = ImageCms.applyTransform(image, transform)
            assert converted is not None
            return np.asarray(converted)

        if mode in ("L", "RGB") and _is_srgb(convert, channels):
            return samples
        converted = _converted(samples, convert)
    except (ImageCms.PyCMSError, OSError, ValueError, AttributeError) as error:
        notes.append(f"damaged color profile ignored ({error})")
        return None
    notes.append(f"converted from {name} to sRGB")
    return converted


def _is_srgb(convert: Convert, channels: int) -> bool:
    grid = np.stack(np.meshgrid(*[PROBE] * channels, indexing="ij"), axis=-1).reshape(1, -1, channels)
    return bool(np.abs(convert(grid).astype(int) - grid).max() <= ALIKE)


def _converted(samples: Samples, convert: Convert) -> UInt8[np.ndarray, "h w 3"]:
    """Block by block."""
    out = np.empty((*samples.shape[:2], 3), np.uint8)
    for start in range(0, len(samples), BLOCK_ROWS):
        block = np.ascontiguousarray(samples[start : start + BLOCK_ROWS])
        out[start : start + BLOCK_ROWS] = convert(block) if block.dtype == np.uint8 else _blended(block, convert)
    return out


def _blended(samples: UInt16[np.ndarray, "h w c"], convert: Convert) -> UInt8[np.ndarray, "h w 3"]:
    """Between the conversions of all corners of the 8-bit cell that a color lies in."""
    below, rest = np.divmod(samples, 257)
    share = rest.astype(np.float32) / np.float32(257)
    corners = np.stack([below, np.minimum(below + 1, 255)]).astype(np.uint8)
    total = np.zeros((*samples.shape[:2], 3), np.float32)
    for corner in product((0, 1), repeat=samples.shape[2]):
        weight = np.prod([share[..., c] if up else 1 - share[..., c] for c, up in enumerate(corner)], axis=0)
        pixels = np.stack([corners[up][..., c] for c, up in enumerate(corner)], axis=-1)
        total += weight[..., None] * convert(np.ascontiguousarray(pixels))
    return (total + 0.5).astype(np.uint8)
