# SPDX-License-Identifier: Apache-2.0
"""Picture files that readers take for less than they are: coded whole, or refused with what to do."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lamina.data import Clip, Picture, open_clip, open_signal, read_image
from lamina.errors import BackendUnavailable, SignalError

tifffile = pytest.importorskip("tifffile")

DEEP_LAYOUTS = {
    "strips": {},
    "tiles": {"tile": (16, 16)},
    "deflated": {"compression": "zlib"},
    "deflated tiles": {"compression": "zlib", "tile": (32, 32)},
    "predicted": {"compression": "zlib", "predictor": True},
    "big-endian": {"byteorder": ">"},
    "big-endian tiles": {"byteorder": ">", "tile": (16, 16)},
    "deflated planes": {"compression": "zlib", "planarconfig": "separate"},
    "BigTIFF": {"bigtiff": True, "tile": (16, 16)},
}


def deep(channels: int, seed: int = 6) -> np.ndarray:
    shape = (70, 90) if channels == 1 else (70, 90, channels)
    return np.random.default_rng(seed).integers(0, 65536, shape).astype(np.uint16)


@pytest.mark.parametrize("layout", DEEP_LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_tiffs_of_every_layout(layout: str, channels: int, tmp_path: Path) -> None:
    samples, options = deep(channels), DEEP_LAYOUTS[layout]
    if channels != 3 and "planarconfig" in options:
        pytest.skip("tested in three channels")
    if channels == 4:
        samples[..., 3] = 65535
        options = options | {"extrasamples": ["unassalpha"]}
    written = samples.transpose(2, 0, 1) if "planarconfig" in options else samples
    tifffile.imwrite(tmp_path / "a.tif", written, photometric="rgb" if channels > 1 else "minisblack", **options)
    picture = read_image(tmp_path / "a.tif")
    colors = samples[..., :3] if channels > 1 else samples[..., None]
    in_planes = "planarconfig" in options
    expected = colors >> 8 if in_planes else np.rint(colors / 257.0)
    assert np.array_equal(picture.pixels, np.broadcast_to(expected, (70, 90, 3)))
    assert picture.notes == ("16 bits cut to 8" if in_planes else "16 bits rounded to 8",)


def test_16_bit_alpha_of_both_kinds(tmp_path: Path) -> None:
    color, alpha = deep(3).astype(float), deep(1, 7).astype(float)[..., None]
    expected = (color * alpha / 65535 + 65535 - alpha) / 257
    for kind, stored in (("unassalpha", color), ("assocalpha", np.rint(color * alpha / 65535))):
        samples = np.concatenate([stored, alpha], axis=2).astype(np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", extrasamples=[kind])
        assert np.abs(read_image(tmp_path / "a.tif").pixels - expected).max() <= 0.51


def test_white_that_is_zero(tmp_path: Path) -> None:
    for kind in (np.uint8, np.uint16):
        ramp = np.linspace(0, np.iinfo(kind).max, 256).astype(kind)[None]
        tifffile.imwrite(tmp_path / "a.tif", ramp, photometric="miniswhite")
        assert np.array_equal(read_image(tmp_path / "a.tif").pixels[0, :, 0], np.arange(256)[::-1])


def test_planes_that_pillow_reads_wrong_are_refused(tmp_path: Path) -> None:
    samples = np.ascontiguousarray(deep(3).transpose(2, 0, 1))
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="rgb", planarconfig="separate")
    with pytest.raises(SignalError, match=r"a\.tif: 16-bit TIFF .*not in planes"):
        read_image(tmp_path / "a.tif")


def test_the_first_page_is_said_and_a_thumbnail_is_none(tmp_path: Path) -> None:
    small, large = np.full((4, 6, 3), 9, np.uint8), np.full((40, 60, 3), 200, np.uint8)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        file.write(large, photometric="rgb")
        file.write(small, photometric="rgb")
    with tifffile.TiffWriter(tmp_path / "thumbnail.tif") as file:
        file.write(small, photometric="rgb", subfiletype=1)
        file.write(large, photometric="rgb", subfiletype=0)
    with tifffile.TiffWriter(tmp_path / "deep.tif") as file:
        file.write(small.astype(np.uint16), photometric="rgb", subfiletype=1)
        file.write(large.astype(np.uint16) * 257, photometric="rgb", subfiletype=0)
    for name, note in (("pages", "first of 2 pages"), ("thumbnail", "number 2 of 2 pages"), ("deep", "number 2 of 2")):
        picture = open_signal(tmp_path / f"{name}.tif")
        assert isinstance(picture, Picture)
        assert picture.pixels.shape == (40, 60, 3)
        assert picture.pixels.min() == picture.pixels.max() == 200
        assert note in picture.notes[0]


@pytest.mark.parametrize("name", ["a.dng", "renamed.tif"])
def test_raw_photographs_are_refused(name: str, tmp_path: Path) -> None:
    """The thumbnail of a DNG was coded: 40x24 of 640x384."""
    version = (50706, 1, 4, b"\x01\x04\x00\x00", True)
    with tifffile.TiffWriter(tmp_path / name) as file:
        file.write(np.zeros((24, 40, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1, extratags=[version])
        file.write(np.zeros((384, 640), np.uint16), photometric=32803, subfiletype=0)
    for reader in (read_image, open_signal, open_clip):
        with pytest.raises(SignalError, match="a raw photograph, which has no colors yet: develop it"):
            reader(tmp_path / name)


def test_raw_photographs_without_a_version_are_refused(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.nef") as file:
        file.write(np.zeros((24, 40, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1)
        file.write(np.zeros((384, 640), np.uint16), photometric=32803, subfiletype=0)
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.nef").read_bytes())
    for head, name in (
        (b"FUJIFILMCCD-RAW 0201", "c.raf"),
        (b"II*\0\x10\0\0\0CR\x02\0", "d.cr2"),
        (b"IIU\0", "e.rw2"),
        (struct.pack(">I", 24) + b"ftypcrx \0\0\0\1crx isom", "f.cr3"),
    ):
        (tmp_path / name).write_bytes(head + bytes(4000))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(SignalError, match=f"{path.name}: a raw photograph"):
            open_signal(path)


def test_heic_is_whole_and_upright(tmp_path: Path, photo: np.ndarray) -> None:
    """One tile of the grid came in, as a video, and the grid's rotation was lost."""
    heif = pytest.importorskip("pillow_heif")
    large = np.kron(photo, np.ones((4, 4, 1), np.uint8))
    heif.register_heif_opener()
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(large).save(tmp_path / "a.heic", tile_size=128, quality=100)
    Image.fromarray(large).save(tmp_path / "b.heic", tile_size=128, quality=100, exif=exif.tobytes())
    for name, expected in (("a", large), ("b", np.rot90(large, -1))):
        picture = open_signal(tmp_path / f"{name}.heic")
        assert isinstance(picture, Picture)
        assert picture.pixels.shape == expected.shape
        assert np.abs(picture.pixels.astype(int) - expected).mean() < 4


def test_heic_without_its_reader_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + bytes(2000))
    for reader in (read_image, open_signal, open_clip):
        with pytest.raises(BackendUnavailable, match=r"a\.heic: HEIC needs pillow-heif: pip install"):
            reader(tmp_path / "a.heic")


def test_several_pictures_of_a_file_are_no_time(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 8), color) for color in ("red", "lime")]
    frames[0].save(tmp_path / "a.mpo", save_all=True, append_images=frames[1:])
    frames = [Image.new("RGB", (16, 8), color) for color in ("red", "lime")]
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    for name, what in (("a.mpo", "pictures"), ("a.tif", "pages")):
        picture = open_signal(tmp_path / name)
        assert isinstance(picture, Picture)
        assert picture.notes == (f"first of 2 {what}",)


def test_a_lab_picture(tmp_path: Path) -> None:
    Image.new("LAB", (4, 4), (137, 128, 128)).save(tmp_path / "a.tif")
    pixels = read_image(tmp_path / "a.tif").pixels
    assert np.abs(pixels.astype(int) - 127).max() <= 2


def test_float_samples_are_linear_light(tmp_path: Path) -> None:
    """OpenEXR: .214 gave 55 of 255, and is 128 or so."""
    pytest.importorskip("av")
    light = np.array([0.0, 0.214, 0.5, 1.0, 4.0], np.float32)
    write_exr(tmp_path / "a.exr", light)
    picture = open_signal(tmp_path / "a.exr")
    assert not isinstance(picture, Clip)
    assert picture.pixels[0, :, 0].tolist() == [0, 127, 188, 255, 255]
    assert any("linear light" in note for note in picture.notes)


def write_exr(path: Path, light: np.ndarray) -> None:
    """One scan line of three equal channels, float32, uncompressed."""

    def attribute(name: bytes, kind: bytes, data: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + struct.pack("<I", len(data)) + data

    width = len(light)
    channels = b"".join(c + b"\0" + struct.pack("<IBxxxII", 2, 0, 1, 1) for c in (b"B", b"G", b"R")) + b"\0"
    box = struct.pack("<4i", 0, 0, width - 1, 0)
    head = struct.pack("<II", 20000630, 2)
    head += attribute(b"channels", b"chlist", channels) + attribute(b"compression", b"compression", b"\0")
    head += attribute(b"dataWindow", b"box2i", box) + attribute(b"displayWindow", b"box2i", box)
    head += attribute(b"lineOrder", b"lineOrder", b"\0") + attribute(
        b"pixelAspectRatio", b"float", struct.pack("<f", 1)
    )
    head += attribute(b"screenWindowCenter", b"v2f", struct.pack("<ff", 0, 0))
    head += attribute(b"screenWindowWidth", b"float", struct.pack("<f", 1)) + b"\0"
    row = struct.pack("<iI", 0, 12 * width) + light.astype("<f4").tobytes() * 3
    path.write_bytes(head + struct.pack("<Q", len(head) + 8) + row)
