# SPDX-License-Identifier: Apache-2.0
"""Colors of pictures against formulas in double precision, whatever the file says them by, at 8 and at 16 bits."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from made_up_profiles import (
    ADOBE_RGB,
    BT709,
    BT2020,
    DISPLAY_P3,
    PROPHOTO,
    expected_srgb,
    grey_profile,
    rgb_profile,
    with_chunk,
)
from PIL import Image
from test_image import write_png16

from lamina.data import read_image

SPACES = {
    "ProPhoto": (PROPHOTO, 1.8),
    "P3, not sRGB": (DISPLAY_P3, 2.2),
    "Adobe RGB (1998)": (ADOBE_RGB, 563 / 256),
    "sRGB2014 gamma 1.0": (BT709, 1.0),
}


@pytest.fixture(scope="module")
def colors() -> np.ndarray:
    """8-bit colors; all corners of the cube are among them."""
    pixels = np.random.default_rng(4).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    pixels[0, :8] = np.reshape(np.meshgrid([0, 255], [0, 255], [0, 255]), (3, 8)).T
    return pixels


def png_of(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".jp2", ".webp"])
def test_profiles_at_8_bits(name: str, suffix: str, tmp_path: Path, colors: np.ndarray) -> None:
    chromaticities, power = SPACES[name]
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    profile = rgb_profile(chromaticities, power, name)
    if suffix == ".jp2":
        pytest.skip("Pillow writes no profile into JPEG 2000")
    Image.fromarray(colors).save(tmp_path / f"a{suffix}", icc_profile=profile, **options)
    picture = read_image(tmp_path / f"a{suffix}")
    expected = expected_srgb(colors / 255, chromaticities, power)
    assert np.abs(picture.pixels - expected).max() < 2.5
    assert np.abs(picture.pixels - expected).mean() < 0.35
    assert any(name in note for note in picture.notes)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_profiles_at_16_bits(name: str, suffix: str, tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    chromaticities, power = SPACES[name]
    samples = np.random.default_rng(5).integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    profile = rgb_profile(chromaticities, power, name)
    path = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, samples, photometric="rgb", extratags=[(34675, 7, len(profile), profile, True)])
    else:
        write_png16(path, samples, 2)
        import zlib

        path.write_bytes(with_chunk(path.read_bytes(), b"iCCP", b"p\0\0" + zlib.compress(profile)))
    picture = read_image(path)
    expected = expected_srgb(samples / 65535, chromaticities, power)
    error = np.abs(picture.pixels - expected)
    # Blended between 8-bit values, a steep curve bends within a step near black: ProPhoto's clipped channels.
    assert error.mean() < 0.4
    assert np.quantile(error, 0.99) < 1.6
    assert any(name in note for note in picture.notes)
    assert picture.bit_depth == 16


def test_8_and_16_bits_of_one_color_agree(tmp_path: Path) -> None:
    """ProPhoto red was (255, 0, 34) at 8 bits and (203, 29, 31) at 16."""
    import zlib

    red = np.array([[[230, 20, 40]]], np.uint8)
    profile = rgb_profile(PROPHOTO, 1.8, "ProPhoto")
    (tmp_path / "8.png").write_bytes(png_of(red, icc_profile=profile))
    write_png16(tmp_path / "16.png", red.astype(np.uint16) * 257, 2)
    data = with_chunk((tmp_path / "16.png").read_bytes(), b"iCCP", b"p\0\0" + zlib.compress(profile))
    (tmp_path / "16.png").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "8.png").pixels, read_image(tmp_path / "16.png").pixels)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_profiles(mode: str, tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    Image.fromarray(ramp).convert(mode).save(tmp_path / "a.png", icc_profile=grey_profile(1.0, "linear grey"))
    shown = np.asarray(Image.fromarray(ramp).convert(mode).convert("L")) / 255
    expected = expected_srgb(np.repeat(shown[..., None], 3, axis=2), BT709, 1.0)
    assert np.abs(read_image(tmp_path / "a.png").pixels - expected).max() < 1.1


def test_grey_pixels_with_an_rgb_profile(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (2, 1))
    Image.fromarray(ramp).save(tmp_path / "a.png", icc_profile=rgb_profile(BT709, 1.0, "linear"))
    expected = expected_srgb(np.repeat(ramp[..., None] / 255, 3, axis=2), BT709, 1.0)
    assert np.abs(read_image(tmp_path / "a.png").pixels - expected).max() < 1.1


def test_a_profile_for_other_pixels_is_told(tmp_path: Path, colors: np.ndarray) -> None:
    Image.fromarray(colors).save(tmp_path / "a.png", icc_profile=grey_profile(1.0, "linear grey"))
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.pixels, colors)
    assert picture.notes == ("color profile ignored: it is for GRAY, the picture is RGB",)


CODED = {
    "P3": ((12, 13), DISPLAY_P3, None),
    "BT.2020, sRGB curve": ((9, 13), BT2020, None),
    "linear": ((1, 8), BT709, 1.0),
    "gamma 2.2": ((1, 4), BT709, 2.2),
    "gamma 2.8": ((5, 5), BT709, 2.8),
}


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("bits", [8, 16])
def test_cicp_of_png(name: str, bits: int, tmp_path: Path, colors: np.ndarray) -> None:
    numbers, chromaticities, power = CODED[name]
    if bits == 8:
        (tmp_path / "a.png").write_bytes(png_of(colors))
    else:
        write_png16(tmp_path / "a.png", colors.astype(np.uint16) * 257, 2)
    data = with_chunk((tmp_path / "a.png").read_bytes(), b"cICP", bytes([*numbers, 0, 1]))
    # Another statement of color, which cICP overrides.
    data = with_chunk(data, b"gAMA", struct.pack(">I", 100_000))
    (tmp_path / "a.png").write_bytes(data)
    expected = expected_srgb(colors / 255, chromaticities, power)
    assert np.abs(read_image(tmp_path / "a.png").pixels - expected).max() < 0.7


def test_cicp_of_srgb_changes_nothing_and_limited_range_is_spread(tmp_path: Path, colors: np.ndarray) -> None:
    (tmp_path / "a.png").write_bytes(with_chunk(png_of(colors), b"cICP", bytes([1, 13, 0, 1])))
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.pixels, colors)
    assert picture.notes == ()
    narrow = np.rint(16 + colors / 255 * 219).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(with_chunk(png_of(narrow), b"cICP", bytes([1, 13, 0, 0])))
    assert np.abs(read_image(tmp_path / "a.png").pixels.astype(int) - colors).max() <= 1


@pytest.mark.parametrize("transfer", ["PQ", "HLG"])
def test_high_dynamic_range_is_told(transfer: str, tmp_path: Path, colors: np.ndarray) -> None:
    numbers = bytes([9, {"PQ": 16, "HLG": 18}[transfer], 0, 1])
    (tmp_path / "a.png").write_bytes(with_chunk(png_of(colors), b"cICP", numbers))
    assert transfer in read_image(tmp_path / "a.png").notes[0]


def test_gamma_and_primaries_of_png(tmp_path: Path, colors: np.ndarray) -> None:
    order = [DISPLAY_P3[6:], DISPLAY_P3[:2], DISPLAY_P3[2:4], DISPLAY_P3[4:6]]
    primaries = b"".join(struct.pack(">II", round(x * 100_000), round(y * 100_000)) for x, y in order)
    for gamma, power in ((100_000, 1.0), (55_556, 1.8), (45_455, None)):
        data = with_chunk(png_of(colors), b"gAMA", struct.pack(">I", gamma))
        (tmp_path / "a.png").write_bytes(data)
        expected = expected_srgb(colors / 255, BT709, power)
        assert np.abs(read_image(tmp_path / "a.png").pixels - expected).max() < 0.6
        (tmp_path / "a.png").write_bytes(with_chunk(data, b"cHRM", primaries))
        expected = expected_srgb(colors / 255, DISPLAY_P3, power)
        assert np.abs(read_image(tmp_path / "a.png").pixels - expected).max() < 0.6
        (tmp_path / "a.png").write_bytes(with_chunk(data, b"sRGB", b"\0"))
        assert np.array_equal(read_image(tmp_path / "a.png").pixels, colors)


def test_nclx_of_avif(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 80, 60), np.uint8)
    Image.fromarray(flat).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    plain = read_image(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    place = data.index(b"nclx") + 4
    (tmp_path / "a.avif").write_bytes(data[:place] + struct.pack(">HH", 12, 13) + data[place + 4 :])
    picture = read_image(tmp_path / "a.avif")
    expected = expected_srgb(plain.pixels / 255, DISPLAY_P3, None)
    assert np.abs(picture.pixels - expected).max() < 1.1
    assert any("Display P3" in note for note in picture.notes)
    assert plain.notes == ()


def test_adobe_rgb_of_cameras_without_a_profile(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (180, 90, 60), np.uint8)
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 65535, 0xA005: {1: "R03"}}
    Image.fromarray(flat).save(tmp_path / "a.jpg", quality=100, subsampling=0, exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        stored = np.asarray(image)
    picture = read_image(tmp_path / "a.jpg")
    assert np.abs(picture.pixels - expected_srgb(stored / 255, ADOBE_RGB, 563 / 256)).max() < 0.6
    assert any("Adobe RGB" in note for note in picture.notes)


def test_colors_are_converted_before_alpha_is_blended(tmp_path: Path) -> None:
    rgba = np.array([[[230, 20, 40, 255], [230, 20, 40, 128]]], np.uint8)
    (tmp_path / "a.png").write_bytes(png_of(rgba, icc_profile=rgb_profile(DISPLAY_P3, 2.2, "P3")))
    opaque, half = read_image(tmp_path / "a.png").pixels[0].astype(int)
    assert np.abs(half - (opaque * 128 + 255 * 127) / 255).max() <= 0.51
