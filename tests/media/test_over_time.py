# SPDX-License-Identifier: Apache-2.0
"""Quality over time: first frame and those after it, pixels that move, colors corrected, memory that stays."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.cameras.camera import Camera
from lamina.codec import Look, Medium, Size
from lamina.media import over_time as module
from lamina.media.comparison import compare
from lamina.media.over_time import LookQuality, camera_key, color_scores, over_time, still_pictures

WIDTH, HEIGHT = 32, 24


def camera(number: int) -> Camera:
    pose = np.eye(4)
    pose[0, 3] = number
    return Camera(pose, 30.0, 30.0, WIDTH / 2, HEIGHT / 2, WIDTH, HEIGHT)


def room(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 100, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def seen(number: int, frame: int) -> np.ndarray:
    """A bright block wanders through a room."""
    pixels = room(number)
    pixels[4:12, 2 * frame % 24 : 2 * frame % 24 + 6] = 240
    return pixels


@dataclass(frozen=True)
class Room:
    """Fixed cameras, or cameras that move on at each frame."""

    frame_count: int
    cameras: int = 2
    is_fixed: bool = True
    name: str = "room"
    notes: tuple[str, ...] = ()
    medium: Medium = "timed capture"

    def fingerprint(self) -> str:
        return self.name

    def looks(self) -> Iterator[Look]:
        for frame in range(self.frame_count):
            for number in range(self.cameras):
                place = number if self.is_fixed else 100 * frame + number
                yield Look(frame, camera(place), seen(number, frame))


def score(frame: int, number: int, reference: np.ndarray, decoded: np.ndarray, still=None) -> LookQuality:
    psnr_db = lamina.metrics.psnr(reference, decoded)
    return LookQuality(
        frame, psnr_db, 0.5, 0.5, None, camera_key(camera(number)), *color_scores(reference, decoded, still)
    )


def test_what_stands_still_is_found_before_each_camera() -> None:
    stills = still_pictures(Room(24), 24)
    assert set(stills) == {camera_key(camera(0)), camera_key(camera(1))}
    for number in range(2):
        np.testing.assert_array_equal(stills[camera_key(camera(number))], room(number))


def test_nothing_stands_still_before_cameras_that_move_and_in_few_frames() -> None:
    assert still_pictures(Room(24, is_fixed=False), 24) == {}
    assert still_pictures(Room(4), 4) == {}
    assert still_pictures(Room(0), 0) == {}


def test_pictures_that_are_held_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    find = module.still_picture

    def counting(pictures):
        held.append(len(pictures))
        return find(pictures)

    monkeypatch.setattr(module, "still_picture", counting)
    assert len(still_pictures(Room(1000), 1000)) == 2
    monkeypatch.setattr(module, "STILL_BYTES", 8 * 2 * 3 * WIDTH * HEIGHT)
    assert len(still_pictures(Room(100), 100)) == 2
    assert held == [15, 15, 7, 7]
    monkeypatch.setattr(module, "STILL_BYTES", 4 * 2 * 3 * WIDTH * HEIGHT)
    assert still_pictures(Room(100), 100) == {}


def test_pixels_that_move_are_told_apart() -> None:
    reference = seen(0, 3)
    decoded = reference.copy()
    decoded[4:12, 6:12] -= 30
    colors, moving, moving_db = color_scores(reference, decoded, room(0))
    assert colors.pixel_count == WIDTH * HEIGHT
    assert moving is not None
    # The block without its rim, and three crosses around that: opened, then widened by two.
    assert moving.pixel_count == 6 * 4 + 3 * 2 * (6 + 4) + 4 * (1 + 2)
    assert moving_db == pytest.approx(10 * np.log10(255**2 / (900 * 48 / moving.pixel_count)))
    assert color_scores(reference, decoded, None)[1:] == (None, None)
    assert color_scores(room(0), room(0), room(0))[1:] == (None, None)


def test_first_frame_and_those_after_it_have_figures_of_their_own() -> None:
    errors = (3, 5, 9)
    scores = [
        score(frame, number, seen(number, frame), seen(number, frame) - np.uint8(0) + np.uint8(error), room(number))
        for frame, error in enumerate(errors)
        for number in range(2)
    ]
    found = over_time(scores)
    expected = [20 * np.log10(255 / error) for error in errors]
    assert [frame.psnr for frame in found.frames] == pytest.approx(expected)
    assert found.first.psnr == pytest.approx(expected[0])
    assert (found.first.frames, found.first.looks) == (1, 2)
    assert found.after is not None
    assert found.after.psnr == pytest.approx(np.mean(expected[1:]))
    assert (found.after.frames, found.after.looks) == (2, 4)
    assert found.after.moving_psnr == pytest.approx(np.mean(expected[1:]))
    one = over_time(scores[:2])
    assert one.after is None
    assert one.first.corrected_psnr is None, "there is no other frame to fit to"


def test_a_cameras_colors_are_corrected_by_its_other_frames() -> None:
    gains = {0: np.array([1.2, 1.0, 0.9]), 1: np.array([0.8, 1.0, 1.1])}
    scores = [
        score(frame, number, np.rint(seen(number, frame) * gains[number]).clip(0, 255).astype(np.uint8), decoded)
        for frame in range(4)
        for number in range(2)
        for decoded in [seen(number, frame) // 2 * 2]
    ]
    found = over_time(scores)
    assert found.after is not None
    assert found.after.corrected_psnr is not None
    assert found.after.corrected_psnr > found.after.psnr + 10
    assert found.after.corrected_moving_psnr is None


def test_looks_that_are_no_cameras_have_frames_only() -> None:
    found = over_time([LookQuality(frame, 30.0 + frame, 0.9, 0.9, None) for frame in range(3)])
    assert [frame.psnr for frame in found.frames] == [30.0, 31.0, 32.0]
    assert found.first.corrected_psnr is None
    assert found.first.moving_psnr is None
    assert camera_key(Size(3, 4)) is None


def test_comparing_a_file_says_all_of_it(play: Path) -> None:
    from puppets import Play

    with lamina.open(play) as media:
        levels = list(compare(media, Play(18)))
    for level in levels:
        assert level.over_time is not None
        assert level.delivery is not None
        assert [frame.frame for frame in level.over_time.frames] == list(range(18))
        looks = level.psnr * 54
        assert level.over_time.after is not None
        assert looks == pytest.approx(level.over_time.first.psnr * 3 + level.over_time.after.psnr * 51)
    assert levels[0].over_time is not None
    assert levels[0].over_time.first.moving_psnr is not None
    assert levels[0].over_time.first.moving_psnr < levels[0].over_time.first.psnr
    plain = json.loads(json.dumps(levels[0].as_json()))
    assert plain["over_time"]["frames"][17]["corrected_psnr"] > 0
    assert plain["delivery"]["start_bytes"] > 0


def test_the_source_is_read_once_a_level_and_once_for_what_stands_still(play: Path) -> None:
    from puppets import Play

    reads: list[int] = []

    @dataclass(frozen=True)
    class Watched(Play):
        def looks(self) -> Iterator[Look]:
            reads.append(0)
            for look in super().looks():
                reads[-1] += 1
                yield look

    stages: list[str] = []
    with lamina.open(play) as media:
        list(compare(media, Watched(18), lambda progress: stages.append(progress.stage)))
    # Its first look says whether it fits; what stands still is known before the end; then once for each level.
    assert reads[0] == 1
    assert reads[1] <= 54
    assert reads[2:] == [54, 54]
    assert stages[0] == "what stands still, frame 1/18"
    assert stages[-1] == "level 1, frame 18/18"
