# SPDX-License-Identifier: Apache-2.0
"""Exports of Polycam, Record3D, OpenSfM, Bundler and Metashape: views show what their cameras see."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from drawn_views import psnr, seen_by_pinhole
from written_exports import (
    MUTATED,
    POINTS,
    POSES,
    RADIAL,
    WRITERS,
    write_bundler,
    write_metashape,
    write_opensfm,
    write_polycam,
    write_record3d,
)

from lamina.data.captures import Capture, is_capture, read_capture
from lamina.data.captures.pairing import PicturesMissing
from lamina.errors import LaminaError, SignalError

MUTANTS = 400
"""Of each kind."""


def worst(capture: Capture) -> float:
    """dB of the worst view beside what its camera should see."""
    return min(psnr(capture.pixels(number), seen_by_pinhole(view.camera)) for number, view in enumerate(capture.views))


@pytest.mark.parametrize("kind", WRITERS)
def test_views_show_what_their_cameras_see(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    assert is_capture(tmp_path)
    capture = read_capture(tmp_path)
    assert worst(capture) > 38
    assert len(capture) == 4
    for view, motion in zip(capture.views, POSES, strict=True):
        assert np.allclose(view.camera.camera_from_world, motion, atol=1e-9)
    if kind.startswith(("opensfm", "bundler")):
        assert np.allclose(capture.points, POINTS)
        assert capture.point_colors.tolist() == [[10, 20, 30]] * 2
    else:
        assert len(capture.points) == 0


def test_what_was_left_out_is_said(tmp_path: Path) -> None:
    for name in ("bundler", "metashape", "opensfm", "polycam, not corrected"):
        WRITERS[name](tmp_path / name)
    assert read_capture(tmp_path / "bundler").notes == ("1 of 5 pictures were not placed: skipped",)
    assert read_capture(tmp_path / "metashape").notes == ("1 of 5 cameras in cameras.xml are not aligned: skipped",)
    assert read_capture(tmp_path / "opensfm").notes == ("the reconstruction fell apart: 1 smaller parts not read",)
    assert "poses are ARKit's" in read_capture(tmp_path / "polycam, not corrected").notes[0]


def test_bundlers_cameras_see_what_its_manual_says(tmp_path: Path) -> None:
    path = write_bundler(tmp_path)
    numbers = [float(word) for word in path.read_text().split("\n", 1)[1].split()]
    views = read_capture(tmp_path).views
    for view, start in zip(views, range(2, 62, 15), strict=True):
        focal, k1, k2 = numbers[start : start + 3]
        rotation, shift = (
            np.reshape(numbers[start + 3 : start + 12], (3, 3)),
            np.array(numbers[start + 12 : start + 15]),
        )
        # P = R * X + t; p = -P / P.z; p' = f * r(p) * p, r(p) = 1 + k1 * ||p||^2 + k2 * ||p||^4; up is positive.
        seen = POINTS @ rotation.T + shift
        plane = -seen[:, :2] / seen[:, 2:]
        square = np.square(plane).sum(axis=1, keepdims=True)
        theirs = focal * (1 + k1 * square + k2 * square**2) * plane * (1, -1) + (62, 41)
        straight, depths = view.camera.project(POINTS)
        camera = view.camera
        ours = (straight - (camera.center_x_px, camera.center_y_px)) / (camera.focal_x_px, camera.focal_y_px)
        assert (depths > 0).all()
        assert np.allclose(RADIAL.distortion.of(ours) * focal + (62, 41), theirs, atol=1e-9)


def test_polycams_own_poses_are_taken_before_arkits(tmp_path: Path) -> None:
    write_polycam(tmp_path, corrected=False)
    write_polycam(tmp_path)
    capture = read_capture(tmp_path / "keyframes")
    assert capture.views[0].path.parent.name == "corrected_images"
    assert capture.notes == ()


def test_record3ds_focus_is_each_frames_own(tmp_path: Path) -> None:
    path = write_record3d(tmp_path / "EXR_RGBD")
    fields = json.loads(path.read_text())
    own = [[70.0, 71.0, 61.0, 42.0], [75.0, 76.0, 61.0, 42.0], [700.0, 710.0, 610.0, 420.0]]
    path.write_text(json.dumps(fields | {"perFrameIntrinsicCoeffs": own}))
    cameras = [view.camera for view in read_capture(tmp_path).views]
    assert [camera.focal_x_px for camera in cameras] == [70.0, 75.0, 70.0, 70.0]


def test_record3ds_frames_are_in_order_of_time(tmp_path: Path) -> None:
    path = write_record3d(tmp_path)
    fields = json.loads(path.read_text())
    path.write_text(json.dumps(fields | {"poses": [fields["poses"][0]] * 12}))
    for number in range(4, 12):
        (tmp_path / "rgb" / f"{number}.png").write_bytes((tmp_path / "rgb" / "0.png").read_bytes())
    assert [view.name for view in read_capture(tmp_path).views] == [str(number) for number in range(12)]
    (tmp_path / "rgb" / "7.png").unlink()
    capture = read_capture(tmp_path)
    assert (len(capture), capture.notes) == (11, ("1 of 12 pictures are missing: 7: skipped",))


def test_metashapes_old_files_have_other_names_for_the_same(tmp_path: Path) -> None:
    path = write_metashape(tmp_path)
    text = re.sub(r"<f>71[^<]*</f>", "<fx>70.0</fx><fy>71.0</fy>", path.read_text())
    text = text.replace("<cx>-1.0</cx><cy>1.0</cy>", "<cx>61.0</cx><cy>42.0</cy><skew>0</skew>")
    path.write_text(text.replace('class="initial"><f>9</f>', 'class="initial">'))
    assert worst(read_capture(tmp_path)) > 38


def edited(write: Callable[[Path], Path], old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        path = write(folder)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return edit


def without_list(folder: Path) -> None:
    write_bundler(folder)
    (folder / "list.txt").unlink()


def short_list(folder: Path) -> None:
    write_bundler(folder)
    (folder / "list.txt").write_text("a.png\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (edited(write_polycam, '"t_00"', '"t_99"'), r"100\.json: t_00: expected a number, got None"),
        (edited(write_polycam, '"fx": 70.0', '"fx": -1'), r"100\.json: focal lengths -1\.0"),
        (edited(write_record3d, '"K": [70.0,', '"K": ['), r"metadata\.json: K: expected 9 numbers"),
        (edited(write_record3d, '"w": 124', '"w": "wide"'), r"metadata\.json: w: expected a number, got 'wide'"),
        (edited(write_opensfm, '"brown"', '"spherical"'), r"camera a: projection_type 'spherical'; expected one of"),
        (edited(write_opensfm, '"camera": "a"', '"camera": "b"'), r"shot IMG_0\.png: camera 'b'; expected one of"),
        (edited(write_opensfm, '"shots"', '"shot"'), r"no picture has a pose"),
        (edited(write_bundler, "5 2\n", "5 2000\n"), r"bundle\.out: ends before its cameras and points do"),
        (edited(write_bundler, "\n2 0 11", "\n2000 0 11"), r"bundle\.out: point 0 has 2000 views, more than the file"),
        (without_list, r"bundle\.out: no list of its pictures; expected .*list\.txt"),
        (short_list, r"list\.txt: 1 names, but bundle\.out has 5 cameras"),
        (edited(write_metashape, "<b2>0.01</b2>", "<b2>9</b2>"), r"sensor 0: skew 9 px; expected square corners"),
        (edited(write_metashape, "<p1>", "<p3>0.1</p3><p1>"), r"sensor 0: tangential distortion p3, p4"),
        (
            edited(write_metashape, 'type="frame"', 'type="spherical"'),
            r"a camera of type 'spherical'; expected frame or",
        ),
        (
            edited(write_metashape, "<document", "<!DOCTYPE a [<!ENTITY b 'c'>]><document"),
            r"with definitions of its own",
        ),
        (edited(write_metashape, "</chunk>", ""), r"cameras\.xml: not XML"),
    ],
)
def test_what_is_wrong_is_said(damage: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    damage(tmp_path)
    assert is_capture(tmp_path)
    with pytest.raises(SignalError, match=message):
        read_capture(tmp_path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", MUTATED)
def test_mutants_give_captures_or_our_errors(kind: str, tmp_path: Path) -> None:
    path = MUTATED[kind](tmp_path)
    whole, rng = path.read_bytes(), np.random.default_rng(5)
    digits = [place for place, byte in enumerate(whole) if chr(byte) in "0123456789.-e"]
    read, refused = 0, []
    for number in range(MUTANTS):
        mutant = bytearray(whole)
        for place in rng.choice(digits, 2) if number % 2 else rng.integers(0, len(whole), 3):
            mutant[place] = ord(rng.choice(list("0123456789.-e"))) if number % 2 else rng.integers(256)
        path.write_bytes(mutant[: rng.integers(len(mutant))] if rng.random() < 0.2 else mutant)
        try:
            read_capture(tmp_path, background=(0, 0, 0))
            read += 1
        except LaminaError as error:
            refused.append(error)
    assert read + len(refused) == MUTANTS
    assert {type(error) for error in refused} <= {SignalError, PicturesMissing}
    assert all(str(tmp_path) in str(error) and "\n" not in str(error) for error in refused)
