# SPDX-License-Identifier: Apache-2.0
"""A picture opened by Pillow, of any mode, enters; 8-bit sRGB pixels leave, and a note of each change."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Integer, UInt8, UInt16

from lamina.data.color import reduce_full_scale
from lamina.errors import SignalError

if TYPE_CHECKING:
    from PIL import Image

TIFF_BITS_PER_SAMPLE = 258
PNG_BIT_DEPTH_BYTE = 24
"""Offset of the bit depth in a PNG file: signature 8, length and name 8, width 4, height 4."""

DEEP_CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
"""libav's packed 16-bit formats without their byte order, and how many samples a pixel has."""


def to_rgb8(
    image: Image.Image, path: Path, background: tuple[int, int, int], notes: list[str]
) -> tuple[UInt8[np.ndarray, "h w 3"], int]:
    """Pixels of the current frame, and the bits a sample had in the file; appends to `notes` what was changed."""
    if _stored_bits(image, path) == 16 and image.mode in ("RGB", "RGBA", "RGBX", "LA"):
        notes.append("16 bits rounded to 8")
        # Pillow keeps the high byte of each sample, which is not the nearest 8-bit value; libav gives all 16 bits.
        deep = _reduce_deep(_read_deep(path), background, notes)
        return deep, 16
    if image.mode.startswith("I") or image.mode == "F":
        samples = _integer_samples(image, path)
        notes.append("16-bit grey rounded to 8")
        return np.repeat(reduce_full_scale(samples, 16)[..., None], 3, axis=2), 16
    profile = image.info.get("icc_profile")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        rgba = np.asarray(_to_srgb(image.convert("RGBA"), profile, notes))
        if rgba[..., 3].min() < 255:
            notes.append(f"transparency laid over {background}")
        return composite(rgba, background), 8
    if image.mode not in ("RGB", "CMYK"):
        profile = profile if image.mode == "P" else None
        image = image.convert("RGB")
    converted = _to_srgb(image, profile, notes)
    if converted.mode != "RGB":
        notes.append(f"{converted.mode} converted without a profile")
        converted = converted.convert("RGB")
    return np.array(converted), 8


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


def _integer_samples(image: Image.Image, path: Path) -> UInt16[np.ndarray, "h w"]:
    """Grey samples of 16 bits; wider integers are taken when they fit, floating point has no known white."""
    samples = np.asarray(image)
    if samples.dtype.kind == "f" or samples.min() < 0 or samples.max() > 65535:
        raise SignalError(
            f"{path}: grey picture of type {samples.dtype}, {samples.min()}...{samples.max()}; "
            f"expected 8 or 16-bit samples: convert it first"
        )
    return samples.astype(np.uint16)


def _read_deep(path: Path) -> UInt16[np.ndarray, "h w c"]:
    """All 16 bits of each sample of a PNG or TIFF, through libav."""
    import av
    import av.error

    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
    except (av.error.FFmpegError, StopIteration, IndexError) as error:
        raise SignalError(f"{path}: damaged 16-bit picture: {error}") from error
    name, order = frame.format.name[:-2], frame.format.name[-2:]
    channels = DEEP_CHANNELS.get(name)
    if channels is None:
        raise SignalError(
            f"{path}: 16-bit picture stored as {frame.format.name}; expected grey, RGB or RGBA: convert it"
        )
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), ">u2" if order == "be" else "<u2")
    rows = rows.reshape(frame.height, plane.line_size // 2)
    samples = rows[:, : frame.width * channels].astype(np.uint16)
    return samples.reshape(frame.height, frame.width, channels)


def _reduce_deep(
    samples: Integer[np.ndarray, "h w c"], background: tuple[int, int, int], notes: list[str]
) -> UInt8[np.ndarray, "h w 3"]:
    """16-bit grey or RGB, with or without alpha, to 8-bit RGB; alpha is blended before rounding."""
    color = samples[..., : 1 if samples.shape[2] < 3 else 3].astype(np.float64)
    if samples.shape[2] in (2, 4):
        alpha = samples[..., -1:] / 65535.0
        color = color * alpha + np.asarray(background) * 257.0 * (1.0 - alpha)
        notes.append(f"transparency laid over {background}")
    reduced = (color / 257.0 + 0.5).astype(np.uint8)
    return np.repeat(reduced, 3, axis=2) if reduced.shape[2] == 1 else reduced


def _to_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image:
    """Convert from the embedded ICC profile to sRGB; alpha stays. Pixels that are sRGB already are not touched."""
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = ImageCms.getProfileDescription(source).strip()
        if "srgb" in name.lower():
            return image
        mode = "RGB" if image.mode == "CMYK" else image.mode
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError) as error:
        notes.append(f"damaged color profile ignored ({error})")
        return image
    notes.append(f"converted from {name or 'an unnamed color space'} to sRGB")
    return converted or image
