# SPDX-License-Identifier: Apache-2.0
import json
import struct
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import zstandard
from made_up_clouds import assert_same, is_refused, make_cloud

from lamina.data.splats import read_ply, read_sog, read_splats, read_spz, read_spz_header, write_splats, write_spz
from lamina.data.splats.axes import AXES
from lamina.errors import SignalError

PARTS = (9, 1, 3, 3, 4)
"""Bytes of a Gaussian of degree 0."""


def packed(
    count: int = 1,
    *,
    parts: tuple[bytes, ...] | None = None,
    sizes: tuple[int, ...] = PARTS,
    records: bytes = b"",
    flags: int = 0,
    table: int | None = None,
) -> bytes:
    """A file of version 4 and degree 0, as the format's README draws it."""
    frames = [zstandard.compress(bytes(each * count)) for each in PARTS] if parts is None else list(parts)
    start = 32 + len(records) if table is None else table
    header = struct.pack("<4sIIBBBBI12x", b"NGSP", 4, count, 0, 12, flags, len(frames), start)
    entries = b"".join(struct.pack("<QQ", len(frame), size * count) for frame, size in zip(frames, sizes, strict=True))
    return header + records + entries + b"".join(frames)


def axes_record(number: int, size: int = 4) -> bytes:
    return struct.pack("<II", 0xADBE0003, size) + number.to_bytes(max(size, 4), "little")[:size]


def test_fixture_is_read_as_its_other_formats(splat_samples: Path) -> None:
    """splat-transform 2 wrote it right-up-back, and does not say so."""
    cloud = read_spz(splat_samples / "minimal-v4.spz", axes="rub")
    assert_same(cloud, read_spz(splat_samples / "minimal-v3.spz"))
    assert np.array_equal(cloud.means, read_splats(splat_samples / "minimal.splat").means)
    assert np.array_equal(read_spz(splat_samples / "minimal-v4.spz").means, cloud.means * (1, -1, -1))


def test_file_of_splat_transform_3_is_read_as_it_reads_it(splat_samples: Path) -> None:
    expected = json.loads((splat_samples / "expected.json").read_text())
    path = splat_samples / "robot_300_v4.spz"
    assert read_spz_header(path).axes is None
    cloud = read_splats(path)
    for name, values in expected[path.name].items():
        np.testing.assert_allclose(
            getattr(cloud.selected(expected["rows"]), name), values, rtol=1e-5, atol=2e-6, err_msg=name
        )
    # It was made from the .sog: no axis may be turned.
    assert np.abs(cloud.means - read_sog(splat_samples / "robot_300.sog").means).max() < 0.51 / 4096


def test_written_parts_are_those_of_splat_transform_3(splat_samples: Path, tmp_path: Path) -> None:
    """Compressed harder, and with the extension that names the axes; inflated the same to the byte."""
    write_splats(tmp_path / "a.spz", read_sog(splat_samples / "robot_300.sog"))
    ours, theirs = (tmp_path / "a.spz").read_bytes(), (splat_samples / "robot_300_v4.spz").read_bytes()
    assert ours[32:44] == axes_record(6)
    assert len(ours) < len(theirs)

    def inflated(data: bytes) -> list[bytes]:
        (start,) = struct.unpack_from("<I", data, 16)
        sizes = [struct.unpack_from("<QQ", data, start + 16 * part)[0] for part in range(data[15])]
        ends = start + 16 * data[15] + np.cumsum([0, *sizes])
        frames = [data[first:last] for first, last in pairwise(ends)]
        return [zstandard.decompress(frame) for frame in frames]

    assert inflated(ours) == inflated(theirs)


@pytest.mark.data
def test_biker_is_the_same_as_its_compressed_ply(development_data: Path) -> None:
    spz, ply = development_data / "splats" / "biker.spz", development_data / "splats" / "biker.compressed.ply"
    cloud, reference = read_spz(spz, axes="RUB"), read_ply(ply)
    assert len(cloud) == 152_746
    assert np.abs(cloud.means - reference.means).max() < 0.51 / 4096
    assert np.abs(cloud.opacities - reference.opacities).max() < 0.51 / 255


@pytest.mark.parametrize("axes", AXES)
def test_named_axes_come_back(axes: str, tmp_path: Path) -> None:
    cloud = make_cloud(50, 1)
    write_spz(tmp_path / "a.spz", cloud, axes=axes.lower())
    assert read_spz_header(tmp_path / "a.spz").axes == axes
    assert np.abs(read_spz(tmp_path / "a.spz").means - cloud.means).max() < 0.501 / 4096


def test_axes_asked_for_win_over_those_named(tmp_path: Path) -> None:
    cloud = make_cloud(9, 0)
    write_spz(tmp_path / "a.spz", cloud, axes="LUF")
    assert np.abs(read_spz(tmp_path / "a.spz", axes="rdf").means - cloud.means * (-1, -1, 1)).max() < 1e-3


def test_axes_that_no_one_knows_are_refused(tmp_path: Path) -> None:
    for call in (
        lambda: read_spz(tmp_path / "a.spz", axes="up"),
        lambda: write_spz(tmp_path / "a", make_cloud(1, 0), axes="RRR"),
    ):
        with pytest.raises(ValueError, match="expected 'auto' or one of LDB"):
            call()
    write_splats(tmp_path / "b.spz", make_cloud(1, 0), spz_version=3)
    assert (tmp_path / "b.spz").read_bytes()[:2] == b"\x1f\x8b"
    with pytest.raises(ValueError, match="version 2"):
        write_spz(tmp_path / "a.spz", make_cloud(1, 0), version=2)


def test_other_extensions_and_empty_parts_are_passed_over(tmp_path: Path) -> None:
    records = struct.pack("<II", 0xADBE0002, 12) + bytes(12) + axes_record(0) + struct.pack("<II", 7, 0)
    frames = (*(zstandard.compress(bytes(size)) for size in PARTS), zstandard.compress(b""))
    path = tmp_path / "a.spz"
    path.write_bytes(packed(records=records, flags=3, parts=frames, sizes=(*PARTS, 0)))
    assert len(read_spz(path)) == 1
    # Unspecified is right-up-back, as in the format's own library.
    assert read_spz_header(path).axes == "RUB"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (packed()[:31], "cut off"),
        (packed()[:-1], "cut off"),
        (packed(table=20), "table of 5 parts at byte 20"),
        (packed(table=1 << 31), "table of 5 parts"),
        (packed(parts=()[:0], sizes=()), r"parts of \[\] bytes"),
        (packed(sizes=(9, 1, 3, 3, 5)), r"expected \[9, 1, 3, 3, 4\]"),
        (packed(parts=(b"x" * 40,) * 5), "damaged Zstandard"),
        (packed(parts=(zstandard.compress(bytes(9)),) * 5), "another size"),
        (packed(flags=2, records=b"abc"), "extension is cut off"),
        (packed(flags=2, records=struct.pack("<II", 7, 1 << 31)), "extension is cut off"),
        (packed(flags=2, records=axes_record(17)), "axes number 17"),
        (packed(flags=2, records=axes_record(6, 8)), "of 8 bytes"),
        (packed(flags=0x80), "levels of detail"),
        (packed(10_000_000, parts=(b"x" * 40,) * 5), "cannot hold"),
    ],
)
def test_version_4_rejects(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bad.spz").write_bytes(data)
    with pytest.raises(SignalError, match=rf"bad\.spz: .*{problem}"):
        read_spz(tmp_path / "bad.spz")


def test_equal_gaussians_are_read_however_small_the_file(tmp_path: Path) -> None:
    write_splats(tmp_path / "a.spz", make_cloud(1, 3).selected(np.zeros(100_000, np.int64)))
    assert (tmp_path / "a.spz").stat().st_size < 2000
    assert len(read_splats(tmp_path / "a.spz")) == 100_000


@pytest.mark.parametrize("announces", [True, False])
def test_a_bomb_is_not_inflated(announces: bool, tmp_path: Path) -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(19, write_content_size=announces)
    bomb = zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(300_000_000))
    assert len(bomb) < 40_000
    (tmp_path / "a.spz").write_bytes(packed(parts=(bomb,) * 5))
    tracemalloc.start()
    with pytest.raises(SignalError, match=r"a part inflates to another size|damaged Zstandard"):
        read_spz(tmp_path / "a.spz")
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["minimal-v4.spz", "robot_300_v4.spz"])
def test_damage_of_version_4_gives_a_cloud_or_a_clear_error(name: str, splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / name).read_bytes()
    places = range(0, len(data), max(1, len(data) // 220))
    damaged = [data[:length] for length in places]
    damaged += [bytes([*data[:i], data[i] ^ 1 << bit, *data[i + 1 :]]) for i in places for bit in (0, 3, 7)]
    errors = [is_refused(read_spz, tmp_path / "a.spz", data) for data in damaged]
    assert sum(errors) > len(places)
