# SPDX-License-Identifier: Apache-2.0
import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lamina.data import read_image, write_image
from lamina.data.image import WRITABLE
from lamina.data.pixel_formats import apply_orientation
from lamina.errors import SignalError, WriteError


def write_png16(path: Path, samples: np.ndarray, color_type: int) -> None:
    """A 16-bit PNG of any color type, which Pillow cannot write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def test_read_image_gives_the_pixels_of_an_8_bit_png(samples: Path) -> None:
    picture = read_image(samples / "kodim15_96x64.png")
    with Image.open(samples / "kodim15_96x64.png") as image:
        assert np.array_equal(picture.pixels, np.asarray(image))
    assert (picture.width, picture.height, picture.mode, picture.bit_depth, picture.notes) == (96, 64, "RGB", 8, ())


@pytest.mark.parametrize("suffix", sorted(WRITABLE))
def test_write_image_round_trip(suffix: str, tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / f"out{suffix.upper() if suffix == '.png' else suffix}"
    write_image(path, photo)
    error = np.abs(read_image(path).pixels.astype(int) - photo)
    assert error.max() == 0 or (suffix in (".jpg", ".jpeg", ".avif") and error.mean() < 2)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (5, 1), (3, 5)])
def test_small_and_odd_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    write_image(tmp_path / "small.png", pixels)
    assert np.array_equal(read_image(tmp_path / "small.png").pixels, pixels)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_other_modes_become_rgb(mode: str, tmp_path: Path, photo: np.ndarray) -> None:
    source = Image.fromarray(photo).convert(mode)
    path = tmp_path / ("a.tif" if mode in ("CMYK", "YCbCr") else "a.png")
    source.save(path)
    picture = read_image(path)
    assert picture.mode == mode
    assert np.array_equal(picture.pixels, np.asarray(source.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_over_the_background(mode: str, tmp_path: Path) -> None:
    source = Image.new("RGBA", (2, 1), (100, 100, 100, 255))
    source.putpixel((1, 0), (100, 100, 100, 51))
    source.convert(mode).save(tmp_path / "a.png")
    white = read_image(tmp_path / "a.png")
    assert white.pixels.tolist() == [[[100] * 3, [224] * 3]]
    assert any("transparency" in note for note in white.notes)
    black = read_image(tmp_path / "a.png", background=(0, 0, 0))
    assert black.pixels.tolist() == [[[100] * 3, [20] * 3]]


def test_palette_with_transparent_entry(tmp_path: Path) -> None:
    source = Image.new("P", (2, 1))
    source.putpalette([10, 20, 30, 200, 100, 50])
    source.putpixel((1, 0), 1)
    source.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").pixels.tolist() == [[[255, 255, 255], [200, 100, 50]]]


@pytest.mark.parametrize(("color_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bit_png_is_rounded_to_nearest(color_type: int, channels: int, tmp_path: Path) -> None:
    samples = np.random.default_rng(2).integers(0, 65536, (9, 7, channels)).astype(np.uint16)
    if channels in (2, 4):
        samples[..., -1] = 65535
    write_png16(tmp_path / "deep.png", samples, color_type)
    picture = read_image(tmp_path / "deep.png")
    expected = np.rint(samples[..., : 1 if channels < 3 else 3] / 257.0).astype(np.uint8)
    assert np.array_equal(picture.pixels, np.broadcast_to(expected, (9, 7, 3)))
    assert picture.bit_depth == 16


def test_16_bit_alpha_is_blended_before_rounding(tmp_path: Path) -> None:
    write_png16(tmp_path / "deep.png", np.array([[[0, 0, 0, 32768]]], np.uint16), 6)
    assert read_image(tmp_path / "deep.png").pixels.tolist() == [[[127, 127, 127]]]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int, tmp_path: Path, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(photo).save(path, exif=exif)
    from PIL import ImageOps

    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(path).pixels, expected)
    assert np.array_equal(apply_orientation(photo, orientation), expected)


def test_a_wide_color_profile_is_converted_and_srgb_is_left_alone(tmp_path: Path, photo: np.ndarray) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(photo).save(tmp_path / "srgb.png", icc_profile=srgb)
    assert np.array_equal(read_image(tmp_path / "srgb.png").pixels, photo)
    Image.fromarray(photo).save(tmp_path / "broken.png", icc_profile=b"not a profile" * 20)
    broken = read_image(tmp_path / "broken.png")
    assert np.array_equal(broken.pixels, photo)
    assert "profile ignored" in broken.notes[0]


def test_animation_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime")]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    picture = read_image(tmp_path / "a.webp")
    assert picture.pixels[0, 0].tolist() == [255, 0, 0]
    assert picture.notes == ("first of 2 frames",)


def test_read_image_rejects_what_is_missing_or_no_picture(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"none\.png: no such file"):
        read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(SignalError, match="not a picture we read"):
        read_image(tmp_path / "text.png")
    with pytest.raises(SignalError, match="unreadable"):
        read_image(tmp_path)


def test_read_image_rejects_floating_point(tmp_path: Path) -> None:
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(SignalError, match="float32"):
        read_image(tmp_path / "float.tif")


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_read_image_rejects_truncation_at_any_length(suffix: str, tmp_path: Path, photo: np.ndarray) -> None:
    write_image(tmp_path / f"whole{suffix}", photo)
    data = (tmp_path / f"whole{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    for length in range(0, len(data) - 64, max(1, len(data) // 40)):
        path.write_bytes(data[:length])
        with pytest.raises(SignalError, match="cut"):
            read_image(path)


def test_read_image_survives_damage_anywhere(tmp_path: Path, samples: Path) -> None:
    data = bytearray((samples / "kodim08_96x64.png").read_bytes())
    path = tmp_path / "damaged.png"
    rng = np.random.default_rng(3)
    for position in rng.integers(0, len(data), 60):
        damaged = data.copy()
        damaged[position] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with contextlib.suppress(SignalError):
            assert read_image(path).pixels.shape[2] == 3


def test_read_image_rejects_a_decompression_bomb(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("1", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = struct.pack(">II", 60000, 60000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(SignalError, match=r"too large.*scale it down"):
        read_image(tmp_path / "bomb.png")


def test_write_image_rejects_bad_requests(tmp_path: Path, photo: np.ndarray) -> None:
    with pytest.raises(SignalError, match=r"suffix '\.xyz'.*\.png"):
        write_image(tmp_path / "a.xyz", photo)
    with pytest.raises(SignalError, match="uint8 pixels"):
        write_image(tmp_path / "a.png", photo.astype(np.float32))
    with pytest.raises(WriteError, match="create the folder first"):
        write_image(tmp_path / "missing" / "a.png", photo)
    assert list(tmp_path.iterdir()) == []


def test_write_image_keeps_the_old_file_when_the_disk_is_full(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    write_image(path, photo)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(WriteError, match="No space left"):
        write_image(path, photo)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1
