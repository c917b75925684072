# SPDX-License-Identifier: Apache-2.0
"""Every reader of this room gives Gaussians or one line that names the file, whatever the bytes are."""

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_clouds import is_refused, make_cloud

from lamina.data.splats import SplatCloud, read_ksplat, read_ply, read_sog, read_splat, read_splats, read_spz, write_ply
from lamina.data.splats.guarded import reading
from lamina.errors import SignalError

SAMPLES = Path(__file__).parents[2] / "samples" / "splats"
Reader = Callable[[Path], SplatCloud]
FILES: list[tuple[str, Reader]] = [
    ("minimal-v2.spz", read_spz),
    ("minimal-v4.spz", read_spz),
    ("minimal-raw.spz", read_spz),
    ("robot_300_v4.spz", read_spz),
    ("minimal.splat", read_splat),
    ("minimal.ksplat", read_ksplat),
    ("robot_20_level1.ksplat", read_ksplat),
    ("robot_20_level2.ksplat", read_ksplat),
    ("robot_300.compressed.ply", read_ply),
    ("robot_300.sog", read_sog),
]
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["flip", "set", "cut", "drop", "insert"]),
        st.integers(0, 255),
    ),
    min_size=1,
    max_size=6,
)
"""Where (a share of the bytes), how, and with what."""
FUZZING = settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def changed(data: bytes, changes: list[tuple[float, str, int]]) -> bytes:
    damaged = bytearray(data)
    for share, how, value in changes:
        place = int(share * len(damaged))
        if how == "cut":
            del damaged[place:]
        elif how == "drop":
            del damaged[place : place + 1 + value % 8]
        elif how == "insert":
            damaged[place:place] = bytes([value]) * (1 + value % 8)
        elif place < len(damaged):
            damaged[place] = value if how == "set" else damaged[place] ^ 1 << value % 8
    return bytes(damaged)


@pytest.mark.parametrize(("name", "read"), FILES, ids=[name for name, _ in FILES])
@FUZZING
@given(changes=CHANGES)
def test_damaged_files(name: str, read: Reader, changes: list[tuple[float, str, int]], tmp_path: Path) -> None:
    data = changed((SAMPLES / name).read_bytes(), changes)
    assert is_refused(read, tmp_path / name, data) in (True, False)


@FUZZING
@given(changes=CHANGES, member=st.integers(0, 20))
def test_damage_inside_a_bundle(changes: list[tuple[float, str, int]], member: int, tmp_path: Path) -> None:
    """Packed again, so that the archive's own checksums are right."""
    packed = io.BytesIO()
    with zipfile.ZipFile(SAMPLES / "robot_300.sog") as old, zipfile.ZipFile(packed, "w") as new:
        names = old.namelist()
        for name in names:
            data = old.read(name)
            new.writestr(name, changed(data, changes) if name == names[member % len(names)] else data)
    assert is_refused(read_sog, tmp_path / "a.sog", packed.getvalue()) in (True, False)


@FUZZING
@given(changes=CHANGES)
def test_damage_inside_gzip(changes: list[tuple[float, str, int]], tmp_path: Path) -> None:
    inflated = gzip.decompress((SAMPLES / "robot_300.spz").read_bytes())
    assert is_refused(read_spz, tmp_path / "a.spz", gzip.compress(changed(inflated, changes), 1)) in (True, False)


@FUZZING
@given(changes=CHANGES)
def test_damaged_plain_ply(changes: list[tuple[float, str, int]], tmp_path: Path) -> None:
    write_ply(tmp_path / "whole.ply", make_cloud(3, 1))
    data = changed((tmp_path / "whole.ply").read_bytes(), changes)
    assert is_refused(read_ply, tmp_path / "a.ply", data) in (True, False)


@FUZZING
@given(data=st.binary(max_size=200), name=st.sampled_from(["a.ply", "a.spz", "a.sog", "a.splat", "a.ksplat"]))
def test_any_bytes(data: bytes, name: str, tmp_path: Path) -> None:
    assert is_refused(read_splats, tmp_path / name, data) in (True, False)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_of_every_compression_is_refused(method: int, tmp_path: Path) -> None:
    """Each library has an error of its own: zlib.error, OSError, LZMAError."""
    packed = io.BytesIO()
    with zipfile.ZipFile(SAMPLES / "robot_300.sog") as old, zipfile.ZipFile(packed, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    data = packed.getvalue()
    assert not is_refused(read_sog, tmp_path / "a.sog", data)
    for start in range(50, 2000, 130):
        assert is_refused(read_sog, tmp_path / "a.sog", data[:start] + bytes([255] * 20) + data[start + 20 :])


@pytest.mark.parametrize("method", [8, 97])
def test_a_bundle_that_names_another_compression_is_refused(method: int, tmp_path: Path) -> None:
    """Deflate where nothing was deflated (zlib.error), and what zipfile does not know."""
    data = bytearray((SAMPLES / "robot_300.sog").read_bytes())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] = method
            place = data.find(mark, place + 4)
    assert is_refused(read_sog, tmp_path / "a.sog", bytes(data))


@pytest.mark.parametrize("suffix", [".ply", ".spz", ".sog", ".splat", ".ksplat"])
def test_missing_files_and_folders_are_said(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(SignalError, match=rf"none\{suffix}: (cannot be read|no such file)"):
        read_splats(tmp_path / f"none{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(SignalError, match=r"folder.*: cannot be read"):
        read_splats(tmp_path / f"folder{suffix}")


def test_guard_turns_what_libraries_raise_into_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.spz"
    for error in (ArithmeticError("un\npack"), RecursionError("deep"), KeyError("a"), SyntaxError("png")):
        with pytest.raises(SignalError, match=r"a\.spz: not a \.spz file, or damaged") as caught, reading(path, ".spz"):
            raise error
        assert "\n" not in str(caught.value)
    with pytest.raises(SignalError, match=r"^as it is$"), reading(path, ".spz"):
        raise SignalError("as it is")
    with pytest.raises(MemoryError), reading(path, ".spz"):
        raise MemoryError
