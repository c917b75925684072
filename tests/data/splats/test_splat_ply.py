# SPDX-License-Identifier: Apache-2.0
import json
from pathlib import Path

import numpy as np
import pytest
from made_up_clouds import assert_same, is_refused, make_cloud

from lamina.data.splats import read_ply, write_ply
from lamina.data.splats.ply import MAX_LOGIT
from lamina.errors import SignalError, WriteError

NAMES = [*"xyz", "nx", "ny", "nz", *(f"f_dc_{i}" for i in range(3)), "opacity"]
NAMES += [*(f"scale_{i}" for i in range(3)), *(f"rot_{i}" for i in range(4))]


def header(*lines: str) -> bytes:
    return "\n".join(["ply", "format binary_little_endian 1.0", *lines, "end_header", ""]).encode()


def vertex(count: int, names: list[str], kind: str = "float") -> bytes:
    return header(f"element vertex {count}", *(f"property {kind} {name}" for name in names))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_written_values_come_back_exactly(degree: int, tmp_path: Path) -> None:
    cloud = make_cloud(33, degree)
    write_ply(tmp_path / "a.ply", cloud)
    assert_same(read_ply(tmp_path / "a.ply"), cloud)


def test_layout_is_that_of_3dgs(tmp_path: Path) -> None:
    """Read as bytes, without our reader: the order of names, 248 bytes a Gaussian, harmonics channel-major."""
    cloud = make_cloud(2, 3)
    write_ply(tmp_path / "a.ply", cloud)
    data = (tmp_path / "a.ply").read_bytes()
    names = [*NAMES[:9], *(f"f_rest_{i}" for i in range(45)), *NAMES[9:]]
    assert data.startswith(vertex(2, names))
    values = np.frombuffer(data[-2 * 248 :], "<f4").reshape(2, 62)
    assert np.array_equal(values[:, :3], cloud.means)
    assert not values[:, 3:6].any()
    assert np.array_equal(values[:, 6:9], cloud.sh[:, 0])
    assert np.array_equal(values[:, 9:24], cloud.sh[:, 1:, 0])
    assert np.array_equal(values[:, 39:54], cloud.sh[:, 1:, 2])
    assert np.array_equal(values[:, 54], cloud.logit_opacities)
    assert np.array_equal(values[:, 55:58], cloud.log_scales)
    assert np.array_equal(values[:, 58:], cloud.rotations)


def test_other_orders_types_and_elements_are_read(tmp_path: Path) -> None:
    cloud = make_cloud(3, 0)
    columns = {
        "opacity": cloud.logit_opacities,
        **{f"rot_{i}": cloud.rotations[:, i] for i in range(4)},
        **{f"scale_{i}": cloud.log_scales[:, i] for i in range(3)},
        **{name: cloud.means[:, i] for i, name in enumerate("xyz")},
        **{f"f_dc_{i}": cloud.sh[:, 0, i] for i in range(3)},
    }
    lines = ["comment made by hand", "element camera 2", "property uchar kind", "element vertex 3", "property int id"]
    text = header(
        *lines, *(f"property double {name}" for name in columns), "element face 9", "property list uchar int i"
    )
    text = text.replace(b"little", b"big").replace(b"\n", b"\r\n")
    records = np.zeros(3, [("id", ">i4"), *((name, ">f8") for name in columns)])
    for name, values in columns.items():
        records[name] = values
    (tmp_path / "a.ply").write_bytes(text + b"\0\0" + records.tobytes())
    assert_same(read_ply(tmp_path / "a.ply"), cloud)


def test_infinite_opacities_are_bounded_other_values_refused(tmp_path: Path) -> None:
    cloud = make_cloud(3, 1)
    cloud.logit_opacities[:2] = (np.inf, -np.inf)
    write_ply(tmp_path / "a.ply", cloud)
    assert read_ply(tmp_path / "a.ply").logit_opacities[:2].tolist() == pytest.approx([MAX_LOGIT, -MAX_LOGIT])
    cloud.means[1, 2] = np.nan
    write_ply(tmp_path / "a.ply", cloud)
    with pytest.raises(SignalError, match="positions of 1 Gaussians are not finite"):
        read_ply(tmp_path / "a.ply")
    cloud.means[1, 2] = 0
    cloud.rotations[0] = 0
    write_ply(tmp_path / "a.ply", cloud)
    with pytest.raises(SignalError, match="rotation 0"):
        read_ply(tmp_path / "a.ply")


def test_compressed_file_is_read_as_its_maker_reads_it(splat_samples: Path) -> None:
    expected = json.loads((splat_samples / "expected.json").read_text())
    cloud = read_ply(splat_samples / "robot_300.compressed.ply").selected(expected["rows"])
    for name, values in expected["robot_300.compressed.ply"].items():
        np.testing.assert_allclose(getattr(cloud, name), values, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a .ply"),
        (b"plyable", "not a .ply"),
        (b"ply\n" + b"comment x\n" * 10000, "no end"),
        (header(), "no Gaussians"),
        (header("element vertex 0", "property float x"), "no Gaussians"),
        (header("element vertex -1"), "header line 'element vertex -1'"),
        (header("element vertex " + "9" * 5000), "header line"),
        (header("element vertex 4", "property quad x"), "quad x"),
        (header("element vertex 4", "property float x", "property float x"), "twice"),
        (header("element vertex 1", "property uchar a", "element vertex 1", "property uchar a") + b"\0\0", "lacks"),
        (header("property float x"), "header line"),
        (header("element vertex 4", "property list uchar int i"), "has lists"),
        (vertex(999999999999999999, NAMES), "cut off"),
        (vertex(1, NAMES), "cut off"),
        (vertex(1, NAMES[1:]) + bytes(64), "lacks x"),
        (vertex(1, NAMES, "int") + bytes(68), "floating point"),
        (vertex(1, [*NAMES, "f_rest_0"]) + bytes(72), "1 properties f_rest_"),
        (vertex(1, [*NAMES, *(f"f_rest_{i}" for i in range(1, 10))]) + bytes(104), "lacks f_rest_0"),
        (vertex(1, NAMES).replace(b"binary_little_endian", b"ascii") + b"0 " * 17, "header line 'format ascii"),
        (b"ply\nelement vertex 1\nend_header\n", "names no format"),
    ],
)
def test_read_ply_rejects(data: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "bad.ply").write_bytes(data)
    with pytest.raises(SignalError, match=rf"bad\.ply: .*{problem}"):
        read_ply(tmp_path / "bad.ply")


def test_missing_files_and_folders_are_said(tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=r"none\.ply: cannot be read"):
        read_ply(tmp_path / "none.ply")
    with pytest.raises(WriteError, match="create the folder first"):
        write_ply(tmp_path / "none" / "a.ply", make_cloud(1, 0))


@pytest.mark.parametrize("name", ["plain", "robot_300.compressed.ply"])
def test_damage_gives_a_cloud_or_a_clear_error(name: str, splat_samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.ply"
    write_ply(path, make_cloud(3, 1))
    data = path.read_bytes() if name == "plain" else (splat_samples / name).read_bytes()
    body = data.index(b"end_header") + 11
    rng = np.random.default_rng(1)
    lengths = [*range(0, body, 17), *range(body, len(data), max(1, (len(data) - body) // 40))]
    damaged = [data[:length] for length in lengths]
    for _ in range(150):
        flipped = bytearray(data)
        flipped[rng.integers(body + 100)] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    errors = [is_refused(read_ply, path, data) for data in damaged]
    assert sum(errors) >= len(lengths)
