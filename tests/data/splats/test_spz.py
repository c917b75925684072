# SPDX-License-Identifier: Apache-2.0
import gzip
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from made_up_clouds import assert_same, is_refused, make_cloud

from lamina.data.splats import SplatCloud, read_sog, read_spz, write_spz
from lamina.data.splats.spz_container import MAX_COUNT
from lamina.errors import SignalError

SMALL = SplatCloud(
    np.array([[-1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 0]], np.float32),
    np.full((4, 3), -2.3125, np.float32),
    np.tile(np.array([1, 0, 0, 0], np.float32), (4, 1)),
    np.full(4, 2.2192035, np.float32),
    np.zeros((4, 1, 3), np.float32),
)
"""The fixture of version 3 as splat-transform 2.7.1 reads it, without its colors."""


def body(count: int, *, version: int = 3, degree: int = 0, bits: int = 12, flags: int = 0, size: int = 0) -> bytes:
    return struct.pack("<4sIIBBBB", b"NGSP", version, count, degree, bits, flags, 0) + bytes(size)


def test_fixture_of_version_3(splat_samples: Path) -> None:
    cloud = read_spz(splat_samples / "minimal-v3.spz")
    assert np.array_equal(cloud.means, SMALL.means)
    assert np.array_equal(cloud.log_scales, SMALL.log_scales)
    assert np.array_equal(cloud.rotations, SMALL.rotations)
    np.testing.assert_allclose(cloud.logit_opacities, SMALL.logit_opacities, rtol=1e-6)
    np.testing.assert_allclose(cloud.sh[0, 0], [-0.5882353, -0.5882353, 0.0130719], atol=1e-6)


def test_fixture_of_version_2_is_read_gzipped_and_bare(splat_samples: Path) -> None:
    cloud = read_spz(splat_samples / "minimal-v2.spz")
    assert cloud.means.tolist() == [[-1, 0, 1], [0, 0, 1], [-1, 0, 0], [0, 0, 0]]
    np.testing.assert_allclose(cloud.rotations[0], [0.99997693, 0.0039216, -0.0039216, -0.0039216], atol=1e-6)
    np.testing.assert_allclose(cloud.sh[1, 0], [1.1111112, -1.111111, 0.0130719], atol=1e-6)
    assert_same(read_spz(splat_samples / "minimal-raw.spz"), cloud)


def test_file_of_the_library_is_read_as_it_reads_it(splat_samples: Path) -> None:
    expected = json.loads((splat_samples / "expected.json").read_text())
    cloud = read_spz(splat_samples / "robot_300.spz").selected(expected["rows"])
    for name, values in expected["robot_300.spz"].items():
        np.testing.assert_allclose(getattr(cloud, name), values, rtol=1e-5, atol=2e-6, err_msg=name)


def test_written_file_has_the_bytes_of_the_library(splat_samples: Path, tmp_path: Path) -> None:
    """The sample was made from the .sog: inflated, ours is the same to the byte."""
    write_spz(tmp_path / "a.spz", read_sog(splat_samples / "robot_300.sog"), version=3)
    library = gzip.decompress((splat_samples / "robot_300.spz").read_bytes())
    assert gzip.decompress((tmp_path / "a.spz").read_bytes()) == library


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_errors_stay_within_the_steps(degree: int, version: int, tmp_path: Path) -> None:
    cloud = make_cloud(500, degree)
    write_spz(tmp_path / "a.spz", cloud, version=version)
    again = read_spz(tmp_path / "a.spz")
    assert again.degree == degree
    assert np.abs(again.means - cloud.means).max() <= 0.5001 / 4096
    assert np.abs(again.log_scales - cloud.log_scales).max() <= 0.5001 / 16
    assert np.abs(again.opacities - cloud.opacities).max() <= 0.5001 / 255
    assert np.abs(again.sh[:, 0] - cloud.sh[:, 0]).max() <= 0.5001 / (255 * 0.15)
    inside = np.abs(cloud.sh) < 0.9
    for rows, step in ((slice(1, 4), 8 / 128), (slice(4, 16), 16 / 128)):
        error = (np.abs(again.sh - cloud.sh) * inside)[:, rows]
        assert error.max(initial=0) <= 0.5001 * step + 1 / 128
    unit = cloud.rotations / np.linalg.norm(cloud.rotations, axis=1, keepdims=True)
    assert np.abs(np.sum(unit * again.rotations, axis=1)).min() > 1 - 1e-5


def test_the_same_cloud_always_makes_the_same_file(tmp_path: Path) -> None:
    for name in ("a.spz", "b.spz"):
        write_spz(tmp_path / name, make_cloud(20, 1))
    assert (tmp_path / "a.spz").read_bytes() == (tmp_path / "b.spz").read_bytes()


def test_positions_far_away_take_fewer_bits_instead_of_wrapping(tmp_path: Path) -> None:
    means = np.array([[5000, -3, 0.25], [-100, 0, 4]], np.float32)
    cloud = make_cloud(2, 0)
    cloud = SplatCloud(means, cloud.log_scales, cloud.rotations, cloud.logit_opacities, cloud.sh)
    write_spz(tmp_path / "a.spz", cloud)
    np.testing.assert_allclose(read_spz(tmp_path / "a.spz").means, means, atol=0.5 / 1024)
    write_spz(tmp_path / "b.spz", cloud, fraction_bits=8)
    np.testing.assert_allclose(read_spz(tmp_path / "b.spz").means, means, atol=0.5 / 256)
    with pytest.raises(SignalError, match=r"write a \.ply"):
        write_spz(
            tmp_path / "c.spz",
            SplatCloud(means * 1e6, cloud.log_scales, cloud.rotations, cloud.logit_opacities, cloud.sh),
        )


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a .spz"),
        (b"\x1f\x8b", "not a .spz"),
        (b"\x1f\x8b" + bytes(40), "damaged gzip"),
        (gzip.compress(b"NGSX" + bytes(60)), "not a .spz"),
        (body(1, version=1, size=19), "version 1"),
        (body(1, version=5, size=20), r"version 5; expected 2\.\.\.4: convert"),
        (body(0), "0 Gaussians"),
        (body(MAX_COUNT + 1), "Gaussians"),
        (body(1, degree=4, size=92), "degree 4"),
        (body(1, bits=24, size=20), "24 fraction bits"),
        (body(1, flags=2, size=20), "extensions"),
        (body(1, flags=0x80, size=26), "levels of detail"),
        (body(2, size=39), "cut off"),
        (gzip.compress(body(2, degree=3, size=80)), "cut off"),
        (body(MAX_COUNT, degree=3), "cannot hold"),
        (gzip.compress(body(MAX_COUNT, degree=3)), "cannot hold"),
    ],
)
def test_read_spz_rejects(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bad.spz").write_bytes(data)
    with pytest.raises(SignalError, match=rf"bad\.spz: .*{problem}"):
        read_spz(tmp_path / "bad.spz")


def test_a_gzip_bomb_is_not_inflated(tmp_path: Path) -> None:
    (tmp_path / "a.spz").write_bytes(gzip.compress(body(1, size=200_000_000)))
    tracemalloc.start()
    assert len(read_spz(tmp_path / "a.spz")) == 1
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("name", ["minimal-v2.spz", "minimal-v3.spz", "minimal-raw.spz"])
def test_damage_gives_a_cloud_or_a_clear_error(name: str, splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / name).read_bytes()
    path = tmp_path / "a.spz"
    damaged = [data[:length] for length in range(len(data))]
    damaged += [bytes([*data[:i], data[i] ^ 1 << bit, *data[i + 1 :]]) for i in range(len(data)) for bit in (1, 6)]
    errors = [is_refused(read_spz, path, data) for data in damaged]
    assert sum(errors) > 60
