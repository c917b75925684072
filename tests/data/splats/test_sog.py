# SPDX-License-Identifier: Apache-2.0
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_clouds import assert_same, is_refused

from lamina.data.splats import read_sog, read_splats, write_splats
from lamina.errors import SignalError


@pytest.fixture
def folder(splat_samples: Path, tmp_path: Path) -> Path:
    """A SOG of files."""
    with zipfile.ZipFile(splat_samples / "robot_300.sog") as bundle:
        bundle.extractall(tmp_path / "robot")
    return tmp_path / "robot"


def change(folder: Path, section: str, name: str, value: Any) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    if section:
        meta[section][name] = value
    else:
        meta[name] = value
    (folder / "meta.json").write_text(json.dumps(meta))


def test_bundle_is_read_as_its_maker_reads_it(splat_samples: Path) -> None:
    expected = json.loads((splat_samples / "expected.json").read_text())
    cloud = read_sog(splat_samples / "robot_300.sog")
    assert (len(cloud), cloud.degree) == (300, 2)
    for name, values in expected["robot_300.sog"].items():
        np.testing.assert_allclose(
            getattr(cloud.selected(expected["rows"]), name), values, rtol=1e-5, atol=2e-6, err_msg=name
        )


def test_folder_meta_file_and_bundle_are_the_same(folder: Path, splat_samples: Path) -> None:
    cloud = read_sog(splat_samples / "robot_300.sog")
    assert_same(read_sog(folder), cloud)
    assert_same(read_splats(folder / "meta.json"), cloud)


def test_levels_of_detail_are_chosen_from_the_tree(folder: Path) -> None:
    root = folder.parent
    cloud = read_sog(folder)
    tree = {
        "children": [
            {"lods": {"0": {"file": 0, "offset": 0, "count": 100}, "1": {"file": 1, "offset": 0, "count": 300}}},
            {"lods": {"0": {"file": 0, "offset": 100, "count": 200}}},
            {"lods": {"0": {"file": 1, "offset": 0, "count": 300}}},
        ]
    }
    meta = {"lodLevels": 2, "filenames": ["robot/meta.json", "./robot/meta.json"], "tree": tree}
    (root / "lod-meta.json").write_text(json.dumps(meta))
    assert len(read_sog(root)) == 600
    assert_same(read_sog(root / "lod-meta.json", level=1), cloud)
    with pytest.raises(SignalError, match=r"no level 2; there are 0, 1"):
        read_sog(root, level=2)


@pytest.mark.parametrize(
    ("section", "name", "value", "problem"),
    [
        ("", "version", 1, "version 1"),
        ("", "version", [9] * 1000, "version"),
        ("", "count", 0, "count"),
        ("", "count", 10**30, "expected one for each"),
        ("", "count", "300", "count"),
        ("", "means", 3, r"means\.files"),
        ("", "scales", {"codebook": [1.0] * 256}, r"scales\.files"),
        ("means", "mins", [0, 0], r"means\.mins"),
        ("means", "mins", [0, 0, float("nan")], r"means\.mins"),
        ("means", "maxs", [1e9, 0, 0], "positions of"),
        ("scales", "codebook", [0] * 255, "codebook"),
        ("scales", "codebook", [10**400] * 256, "codebook"),
        ("scales", "codebook", {"a": 1}, "codebook"),
        ("quats", "files", ["../quats.webp"], "its own folder"),
        ("quats", "files", ["/etc/passwd"], "its own folder"),
        ("quats", "files", ["meta.json"], "not a picture"),
        ("quats", "files", ["missing.webp"], "no such file"),
        ("quats", "files", ["a\0b"], "its own folder"),
        ("quats", "files", [7], r"quats\.files"),
        ("", "shN", "x", "bands"),
        ("shN", "bands", 4, "bands"),
        ("shN", "bands", 3, "pixels wide"),
        ("shN", "files", ["shN_centroids.webp"], r"shN\.files"),
        ("shN", "files", ["shN_centroids.webp", "means_l.webp"], "label"),
    ],
)
def test_read_sog_rejects(folder: Path, section: str, name: str, value: Any, problem: str) -> None:
    change(folder, section, name, value)
    with pytest.raises(SignalError, match=problem):
        read_sog(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not valid JSON"),
        ("[" * 200000, "not valid JSON"),
        ("[]", "no JSON object"),
        ("{}", "filenames"),
        ('{"filenames": ["a"], "tree": 5}', "node '5'"),
        ('{"filenames": ["a"], "tree": {"lods": {"0": {"file": 1}}}}', "level 0 is"),
        ('{"filenames": ["../a"], "tree": {"lods": {"0": {"file": 0}}}}', "its own folder"),
        ('{"filenames": ["a"], "tree": {"children": []}}', "no level 0; there are none"),
    ],
)
def test_level_tables_that_are_wrong(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "lod-meta.json").write_text(text)
    with pytest.raises(SignalError, match=problem):
        read_sog(tmp_path)


def test_a_cut_bundle_is_refused_at_every_length(splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / "robot_300.sog").read_bytes()
    path = tmp_path / "a.sog"
    for length in range(0, len(data), 997):
        path.write_bytes(data[:length])
        with pytest.raises(SignalError, match=r"a\.sog: not a \.sog file"):
            read_sog(path)
    with pytest.raises(SignalError, match="no such file"):
        read_sog(tmp_path / "none.sog")


def test_damaged_bundles_give_a_cloud_or_a_clear_error(splat_samples: Path, tmp_path: Path) -> None:
    data = (splat_samples / "robot_300.sog").read_bytes()
    rng = np.random.default_rng(0)
    damaged = []
    for _ in range(60):
        flipped = bytearray(data)
        flipped[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        damaged.append(bytes(flipped))
    errors = [is_refused(read_sog, tmp_path / "a.sog", flipped) for flipped in damaged]
    assert sum(errors) > 30


def test_suffixes_choose_the_format(splat_samples: Path, tmp_path: Path) -> None:
    cloud = read_splats(splat_samples / "robot_300.sog")
    write_splats(tmp_path / "a.ply", cloud)
    assert_same(read_splats(tmp_path / "a.ply"), cloud)
    write_splats(tmp_path / "a.SPZ", cloud)
    assert len(read_splats(tmp_path / "a.SPZ")) == 300
    with pytest.raises(SignalError, match=r"\.ply or \.spz"):
        write_splats(tmp_path / "a.sog", cloud)
    with pytest.raises(SignalError, match=r"expected \.ply"):
        read_splats(tmp_path / "a.gauss")
