# SPDX-License-Identifier: Apache-2.0
import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from made_up_clouds import is_refused

from lamina.data.splats import read_ksplat, read_sog, read_splats
from lamina.errors import SignalError


def patched(data: bytes, *changes: tuple[int, str, float]) -> bytes:
    changed = bytearray(data)
    for place, kind, value in changes:
        struct.pack_into("<" + kind, changed, place, value)
    return bytes(changed)


def test_fixture_is_read(splat_samples: Path) -> None:
    cloud = read_splats(splat_samples / "minimal.ksplat")
    assert cloud.means.tolist() == [[-1, 0, -1], [0, 0, -1], [-1, 0, 0], [0, 0, 0]]
    assert cloud.rotations.tolist() == [[0, 0, 0, 1]] * 4
    np.testing.assert_allclose(cloud.log_scales, np.log(0.1), rtol=1e-6)
    np.testing.assert_allclose(cloud.sh[2, 0], [-0.5908179, 0.5908179, 0.0069508], atol=1e-6)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_levels_are_read_as_splat_transform_reads_them(level: int, splat_samples: Path) -> None:
    expected = json.loads((splat_samples / "expected.json").read_text())
    name = f"robot_20_level{level}.ksplat"
    cloud = read_ksplat(splat_samples / name)
    assert (len(cloud), cloud.degree) == (20, 2)
    for field, values in expected[name].items():
        found = getattr(cloud.selected(expected["ksplat_rows"]), field)
        np.testing.assert_allclose(found, values, rtol=1e-5, atol=2e-6, err_msg=field)


@pytest.mark.parametrize(("level", "position", "harmonic"), [(0, 0, 0), (1, 4e-6, 1e-3), (2, 4e-6, 0.012)])
def test_levels_hold_what_they_were_made_of(level: int, position: float, harmonic: float, splat_samples: Path) -> None:
    """Buckets change the order: rows are found by their positions."""
    source = read_sog(splat_samples / "robot_300.sog").selected(slice(0, 20))
    cloud = read_ksplat(splat_samples / f"robot_20_level{level}.ksplat")
    distances = np.abs(cloud.means[:, None] - source.means).max(axis=2)
    order = distances.argmin(axis=1)
    assert sorted(order) == list(range(20))
    found = source.selected(order)
    assert np.abs(cloud.means - found.means).max() <= position
    assert np.abs(cloud.sh[:, 1:] - found.sh[:, 1:]).max() <= harmonic
    assert np.abs(cloud.log_scales - found.log_scales).max() <= (0.001 if level else 1e-6)
    assert np.abs(cloud.opacities - found.opacities).max() <= 1.01 / 255


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ([(0, "B", 1)], "version 1.1"),
        ([(1, "B", 0)], "version 0.0"),
        ([(20, "H", 3)], "compression level 3"),
        ([(4, "I", 0)], "0 Gaussians in sections"),
        ([(4, "I", 1 << 31)], "sections announced"),
        ([(16, "I", 19)], "19 in the header"),
        ([(4096, "I", 21)], "21 of 20 Gaussians"),
        ([(4096, "I", 1 << 31), (4100, "I", 1 << 31)], "cut off in section 0"),
        ([(4136, "H", 4)], "degree 4"),
        ([(4132, "I", 1 << 30)], "buckets of 7"),
        ([(4128, "I", 1 << 30)], "buckets of 7"),
        ([(4108, "I", 1 << 31)], "cut off in section 0"),
        ([(4116, "H", 8), (4124, "I", 0)], "buckets of 8 bytes"),
        ([(4112, "f", float("nan"))], "nan units"),
        ([(4104, "I", 0)], "buckets hold fewer"),
        ([(5120, "I", 0)], "buckets hold fewer"),
    ],
)
def test_read_ksplat_rejects(changes: list, problem: str, splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / "robot_20_level1.ksplat").read_bytes()
    (tmp_path / "bad.ksplat").write_bytes(patched(data, *changes))
    with pytest.raises(SignalError, match=rf"bad\.ksplat: .*{problem}"):
        read_ksplat(tmp_path / "bad.ksplat")


def test_cut_files_are_refused(splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / "robot_20_level2.ksplat").read_bytes()
    lengths = [0, 100, 4095, 4096, 5119, 5120, len(data) - 1]
    assert all(is_refused(read_ksplat, tmp_path / "a.ksplat", data[:length]) for length in lengths)


def test_lengths_of_buckets_cost_no_memory(splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / "robot_20_level1.ksplat").read_bytes()
    (tmp_path / "a.ksplat").write_bytes(patched(data, (5120, "I", (1 << 32) - 1), (4104, "I", (1 << 32) - 1)))
    tracemalloc.start()
    assert len(read_ksplat(tmp_path / "a.ksplat")) == 20
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
