# SPDX-License-Identifier: Apache-2.0
"""A picture opened by Pillow, of any mode, enters; 8-bit sRGB pixels leave, and a note of each change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8, UInt16

from lamina.data.color import reduce_full_scale
from lamina.data.deep_picture import read_deep_png, read_deep_tiff
from lamina.data.icc import icc_to_srgb
from lamina.data.picture_color import PictureColor, picture_color
from lamina.errors import SignalError

if TYPE_CHECKING:
    from PIL import Image

TIFF_BITS_PER_SAMPLE = 258
TIFF_PHOTOMETRIC = 262
WHITE_IS_ZERO = 0
PNG_BIT_DEPTH_BYTE = 24
"""Offset of the bit depth in a PNG file: signature 8, length and name 8, width 4, height 4."""

Samples = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]


@dataclass(frozen=True)
class Decoded:
    """A picture as its file has it."""

    color: Samples
    """1 channel (grey), 3 (RGB) or 4 (CMYK)."""
    alpha: Samples | None
    """(h, w, 1), of the same type; None: opaque."""
    is_multiplied: bool = False
    """Colors were multiplied by alpha."""


def to_rgb8(
    image: Image.Image,
    path: Path,
    background: tuple[int, int, int],
    notes: list[str],
) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Pixels of the current frame, and the bits a sample had in the file; appends to `notes` what was changed."""
    bits = _stored_bits(image, path)
    # Asked before pixels are loaded: afterwards Pillow has converted what it says.
    color = picture_color(image, path, notes)
    if bits > 8 and (image.mode in ("RGB", "RGBA", "RGBX", "LA", "CMYK") or image.mode.startswith("I")):
        decoded = _decoded_deep(image, path, bits, notes)
    elif image.mode == "F" or image.mode.startswith("I"):
        notes.append("16-bit grey rounded to 8")
        decoded, bits = Decoded(_integer_samples(image, path, 16), None), 16
    else:
        decoded = _decoded(image)
    pixels = _to_srgb(_full_range(decoded.color) if color.limited else decoded.color, color, notes, path)
    if decoded.alpha is None or decoded.alpha.min() == np.iinfo(decoded.alpha.dtype).max:
        return pixels, bits
    notes.append(f"transparency laid over {background}")
    if decoded.alpha.dtype == np.uint8 and not decoded.is_multiplied:
        return composite(np.concatenate([pixels, decoded.alpha], axis=2), background), bits
    alpha = decoded.alpha / np.float32(np.iinfo(decoded.alpha.dtype).max)
    return _composite_deep(decoded, pixels, alpha, color, background), bits


def memory_to_rgb8(
    image: Image.Image, background: tuple[int, int, int], notes: list[str]
) -> UInt8[np.ndarray, "h w 3"]:
    """Pixels of an image that Pillow holds in memory, by the profile that it carries.

    Raises:
        SignalError: samples without a known white (floating point).
    """
    place = Path("image")
    if image.mode == "F" or image.mode.startswith("I"):
        notes.append("16-bit grey rounded to 8")
        return _to_srgb(_integer_samples(image, place, 16), PictureColor(), notes, place)
    decoded = _decoded(image)
    pixels = _to_srgb(decoded.color, PictureColor(image.info.get("icc_profile") or None), notes, place)
    if decoded.alpha is None or decoded.alpha.min() == 255:
        return pixels
    notes.append(f"transparency laid over {background}")
    return composite(np.concatenate([pixels, decoded.alpha], axis=2), background)


def _decoded(image: Image.Image) -> Decoded:
    """8 bits a sample: grey, RGB or CMYK, and alpha where there is any."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        grey = image.mode in ("LA", "La", "L")
        samples = np.asarray(image.convert("LA" if grey else "RGBA"))
        return Decoded(samples[..., :-1], samples[..., -1:])
    if image.mode == "LAB":
        from PIL import ImageCms

        converted = ImageCms.profileToProfile(
            image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert converted is not None
        return Decoded(np.asarray(converted), None)
    if image.mode in ("1", "L"):
        return Decoded(np.asarray(image.convert("L"))[..., None], None)
    return Decoded(np.asarray(image if image.mode in ("RGB", "CMYK") else image.convert("RGB")), None)


def _decoded_deep(image: Image.Image, path: Path, bits: int, notes: list[str]) -> Decoded:
    """More than 8 bits a sample."""
    if image.mode.startswith("I"):
        notes.append(f"{bits} bits rounded to 8")
        return Decoded(_integer_samples(image, path, bits), None)
    if image.format == "PNG":
        notes.append("16 bits rounded to 8")
        samples, is_multiplied = read_deep_png(path), False
    else:
        is_multiplied = "RGBa" in str(getattr(image, "tile", [])[:1])
        samples = read_deep_tiff(image, path, notes)
    if image.mode in ("RGBA", "LA"):
        return Decoded(samples[..., :-1], samples[..., -1:], is_multiplied)
    return Decoded(samples[..., :3] if image.mode == "RGBX" else samples, None)


def _to_srgb(samples: Samples, color: PictureColor, notes: list[str], path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Convert from what the file says; samples that are sRGB already are rounded to 8 bits and no more."""
    if color.profile is not None:
        converted = icc_to_srgb(samples, color.profile, notes, path)
        samples = samples if converted is None else converted
    elif color.space is not None and samples.shape[2] < 4:
        notes.append(f"converted from {color.space.name} to sRGB")
        return color.space.to_srgb(np.repeat(samples, 3, axis=2) if samples.shape[2] == 1 else samples)
    if samples.dtype == np.uint16:
        samples = reduce_full_scale(samples, 16)
    if samples.shape[2] == 4:
        from PIL import Image

        notes.append("CMYK converted without a profile")
        return np.array(Image.fromarray(np.ascontiguousarray(samples), "CMYK").convert("RGB"))
    return np.repeat(samples, 3, axis=2) if samples.shape[2] == 1 else np.array(samples)


def _full_range(samples: Samples) -> Samples:
    """Samples whose black is at 16/255 and whose white is at 235/255, spread over their type."""
    white = np.iinfo(samples.dtype).max
    spread = (samples.astype(np.float32) / white * 255 - 16) / 219
    return (np.clip(spread, 0, 1) * white + 0.5).astype(samples.dtype)


def _composite_deep(
    decoded: Decoded,
    pixels: UInt8[np.ndarray, "h w 3"],
    alpha: Samples,
    color: PictureColor,
    background: tuple[int, int, int],
) -> UInt8[np.ndarray, "h w 3"]:
    """Alpha of 16 bits, or one that colors were multiplied by: blended before rounding where nothing was converted."""
    white = np.float32(np.iinfo(decoded.color.dtype).max)
    over = pixels.astype(np.float32)
    if color == PictureColor():
        over = np.broadcast_to(decoded.color * (np.float32(255) / white), pixels.shape)
    shown = over if decoded.is_multiplied else over * alpha
    return (np.clip(shown + np.asarray(background, np.float32) * (1 - alpha), 0, 255) + 0.5).astype(np.uint8)


def composite(rgba: UInt8[np.ndarray, "h w 4"], background: tuple[int, int, int]) -> UInt8[np.ndarray, "h w 3"]:
    """Lay pixels with alpha over one color, in coded values, rounded to nearest."""
    alpha = rgba[..., 3:].astype(np.uint32)
    over = rgba[..., :3] * alpha + np.asarray(background, np.uint32) * (255 - alpha)
    return ((over + 127) // 255).astype(np.uint8)


def apply_orientation(pixels: UInt8[np.ndarray, "h w 3"], orientation: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Turn and mirror pixels as an EXIF orientation (1...8) says. Source: Exif 2.32, tag 274."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _stored_bits(image: Image.Image, path: Path) -> int:
    """Bits a sample in the file, which Pillow's mode does not tell; 8 where it does not matter."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(PNG_BIT_DEPTH_BYTE + 1)[PNG_BIT_DEPTH_BYTE]
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(TIFF_BITS_PER_SAMPLE, (8,))
    return max(bits) if isinstance(bits, tuple) else int(bits)


def _integer_samples(image: Image.Image, path: Path, bits: int) -> UInt16[np.ndarray, "h w 1"]:
    """Grey samples spread over 16 bits; wider integers are taken when they fit, floating point has no known white."""
    samples = np.asarray(image)
    if samples.dtype.kind == "f" or samples.min() < 0 or samples.max() > 65535:
        raise SignalError(
            f"{path}: grey picture of type {samples.dtype}, {samples.min()}...{samples.max()}; "
            f"expected 8 or 16-bit samples: convert it first"
        )
    tags: Any = getattr(image, "tag_v2", {})
    if 8 < bits < 16:
        white = (1 << bits) - 1
        samples = (np.minimum(samples, white).astype(np.uint32) * 65535 + white // 2) // white
    wide = samples.astype(np.uint16)[..., None]
    # Pillow turns this around at 8 bits and fewer only.
    return 65535 - wide if tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO else wide
