# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a rig's folders is one line: what, where, what was expected, what to do."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_captures import (
    HEIGHT,
    NAMES,
    WIDTH,
    drawn,
    ring,
    save,
    write_colmap,
    write_folders,
    write_frame_folders,
    write_panoptic,
    write_poses_bounds,
    write_transforms,
    write_video,
    write_videos,
)

from lamina.data.captures import is_capture, is_timed_capture, read_timed_capture
from lamina.errors import SignalError

FRAMES = range(4)


def colmap_folders(root: Path) -> Path:
    write_colmap(root / "sparse" / "0", [f"{name}.png" for name in NAMES])
    return write_folders(root, FRAMES)


def panoptic(root: Path) -> Path:
    return write_panoptic(root, FRAMES)


def said(root: Path, **options: object) -> str:
    with pytest.raises(SignalError) as raised:
        read_timed_capture(root, **options)  # pyright: ignore[reportArgumentType]
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_cameras_of_different_lengths_need_a_range(tmp_path: Path) -> None:
    root = colmap_folders(tmp_path)
    (root / "cam02" / "000003.png").unlink()
    assert said(root) == (
        f"{root}: cameras of different lengths: camera cam02 has 3 frames, camera cam00 has 4; expected one length, or "
        f"take what all have with --frames 0:3"
    )
    assert "different lengths" in said(root, frames=(1, 4))
    assert "different lengths" in said(root, frames=(1, None))
    capture = read_timed_capture(root, frames=(1, 3))
    assert (capture.frame_count, capture.first_frame) == (2, 1)
    assert capture.notes[0].endswith("camera cam02 has 3 frames, camera cam00 has 4; frames up to 2 are taken")
    assert np.array_equal(capture.pixels(1, 2), drawn(ring()[2], 2)[0])


def test_videos_of_different_lengths_need_a_range(tmp_path: Path) -> None:
    write_poses_bounds(write_videos(tmp_path, 4))
    write_video(tmp_path / "cam03.mp4", [drawn(ring()[3], frame)[0] for frame in range(6)])
    assert "camera cam00 has 4 frames, camera cam03 has 6; expected one length, or take what all" in said(tmp_path)
    assert read_timed_capture(tmp_path, frames=(0, 4)).frame_count == 4


@pytest.mark.parametrize("write", [colmap_folders, panoptic])
def test_frames_missing_in_the_middle_are_named(write: Callable[[Path], Path], tmp_path: Path) -> None:
    root = write(tmp_path)
    path = next(path for path in (root / "cam01" / "000001.png", root / "ims" / "1" / "000001.jpg") if path.is_file())
    path.unlink()
    assert said(root) == (
        f"{path}: missing: frame 1 of camera {path.parent.name}, which has later ones up to 3; expected every frame, "
        f"or a range without it: --frames A:B"
    )
    assert read_timed_capture(root, frames=(2, None)).frame_count == 2


def test_frame_folders_name_what_is_missing(tmp_path: Path) -> None:
    root = write_frame_folders(tmp_path, FRAMES)
    path = root / "frame000002" / "images" / "cam10.png"
    path.unlink()
    assert said(root).startswith(f"{path}: missing: frame 2 of camera cam10, which has later ones up to 3")


@pytest.mark.parametrize("frames", [(4, None), (0, 5), (2, 9)])
@pytest.mark.parametrize("write", [colmap_folders, panoptic])
def test_ranges_that_are_not_there_are_told(write: Callable[[Path], Path], frames: tuple, tmp_path: Path) -> None:
    root = write(tmp_path)
    assert re.search(r"frames \d:\d? are not all there: the capture has frames 0\.\.\.3", said(root, frames=frames))


def test_cameras_in_one_of_two_places_are_told(tmp_path: Path) -> None:
    root = colmap_folders(tmp_path)
    save(root / "cam77" / "000000.png", drawn(ring()[0], 0)[0])
    assert said(root) == (
        f"{root}: 1 of 6 cameras have no pose in {root / 'sparse' / '0'}: cam77; expected a pose for each (such as of "
        f"cam00.png): reconstruct with them, or move them away"
    )
    (root / "cam77").rename(root / "depth")
    (root / "cam03").rename(root.parent / f"{root.name}_cam03")
    assert "1 of 5 poses are of no camera" in said(root)
    assert said(root).endswith("cam03.png; expected a folder with pictures or a video for each, called so")


def test_another_number_of_poses_than_videos_is_told(tmp_path: Path) -> None:
    write_poses_bounds(write_videos(tmp_path, 2), count=4)
    assert is_timed_capture(tmp_path)
    assert "4 poses, but there are 5 cameras: cam00, cam01, cam02, ...; expected one for each" in said(tmp_path)


def test_rates_that_come_apart_are_told(tmp_path: Path) -> None:
    write_poses_bounds(write_videos(tmp_path, 20, 30))
    write_video(tmp_path / "cam02.mp4", [drawn(ring()[2], frame)[0] for frame in range(20)], 25)
    assert "cameras are not in step: cam02.mp4 has 25 frames a second, cam00.mp4 30; expected one rate" in said(
        tmp_path
    )
    assert read_timed_capture(tmp_path, frames_per_second=30).frames_per_second == 30


def test_masks_of_another_size_are_told(tmp_path: Path) -> None:
    root = write_panoptic(tmp_path, FRAMES)
    save(root / "seg" / "2" / "000001.png", np.zeros((HEIGHT, WIDTH - 1), np.uint8))
    capture = read_timed_capture(root)
    assert capture.mask(0, 2) is not None
    with pytest.raises(SignalError, match=r"the mask of frame 1 is 95x64, its picture 96x64; expected masks of"):
        capture.mask(1, 2)


def test_masks_that_are_missing_are_counted(tmp_path: Path) -> None:
    root = write_panoptic(tmp_path, FRAMES)
    (root / "seg" / "2" / "000001.png").unlink()
    capture = read_timed_capture(root)
    assert capture.notes == ("1 masks are missing of cameras that have others: those pictures have none",)
    assert capture.mask(1, 2) is None


def test_pictures_that_do_not_decode_or_change_size_are_told(tmp_path: Path) -> None:
    root = colmap_folders(tmp_path)
    path = root / "cam01" / "000002.png"
    path.write_bytes(path.read_bytes()[:300])
    save(root / "cam01" / "000003.png", drawn(ring()[1], 3)[0][:-2])
    capture = read_timed_capture(root)
    with pytest.raises(SignalError, match=r"000002\.png: damaged or unreadable picture"):
        capture.pixels(2, 1)
    with pytest.raises(SignalError, match=r"cam01: frame 3 is 96x62, the first was 96x64; expected one size"):
        capture.pixels(3, 1)


def test_two_pictures_of_one_frame_are_told(tmp_path: Path) -> None:
    root = colmap_folders(tmp_path)
    save(root / "cam01" / "000002.jpg", drawn(ring()[1], 2)[0])
    assert "000002.jpg and 000002.png are both picture 2; expected one a frame" in said(root)


def test_cameras_that_move_are_told(tmp_path: Path) -> None:
    root = write_panoptic(tmp_path, FRAMES)
    fields = json.loads((root / "train_meta.json").read_text())
    fields["w2c"][2][1][0][3] += 0.1
    (root / "train_meta.json").write_text(json.dumps(fields))
    assert "camera 1 moves between frames 0 and 2; expected cameras that stand still" in said(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fn": []}, r"fn: expected a list of frames"),
        ({"fn": [["../../x.jpg"] * 4] * 4}, r"fn: '\.\./\.\./x\.jpg'; expected a camera's folder and a picture"),
        ({"k": [[[[1.0]]]]}, r"k: expected finite matrices of shape \(4, 4, 3, 3\)"),
        ({"w": 96.5}, r"w: expected whole pixels, got 96\.5"),
        ({"h": 200}, r"the picture is 96x64, but its camera is for 96x200"),
    ],
)
def test_panoptic_files_that_are_none_are_told(change: dict, message: str, tmp_path: Path) -> None:
    root = write_panoptic(tmp_path, FRAMES)
    fields = json.loads((root / "train_meta.json").read_text())
    (root / "train_meta.json").write_text(json.dumps(fields | change))
    assert re.search(message, said(root))


def test_stills_are_no_timed_captures(tmp_path: Path) -> None:
    """One picture a camera; cameras that move; videos from which a scene was reconstructed."""
    one = write_folders(tmp_path / "one", [0])
    write_colmap(one / "sparse" / "0", [f"{name}.png" for name in NAMES])
    assert not is_timed_capture(one)
    assert is_timed_capture(one, follow=True)
    split = tmp_path / "split"
    for number, stand in enumerate(ring()):
        save(split / ("train" if number < 3 else "test") / f"r_{number}.png", drawn(stand, 0)[0])
    write_transforms(split, [f"{'train' if number < 3 else 'test'}/r_{number}" for number in range(5)])
    assert is_capture(split)
    assert not is_timed_capture(split)
    made = write_videos(tmp_path / "made", 2)
    for number, stand in enumerate(ring()):
        save(made / "images" / f"{number:04d}.png", drawn(stand, 0)[0])
    write_colmap(made / "sparse" / "0", [f"{number:04d}.png" for number in range(5)])
    assert is_capture(made)
    assert not is_timed_capture(made)
    assert "no timed capture; expected train_meta.json with ims/ (Panoptic), cam00.mp4" in said(made)
    assert "no such folder" in said(tmp_path / "nothing")
