# SPDX-License-Identifier: Apache-2.0
"""The timed capture itself: what it tells codecs, stills, cuts, its cache, plates."""

import threading
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_captures import BALLS, NAMES, drawn, ring, save, write_colmap, write_folders, write_panoptic

from lamina.data.captures import TimedCapture, read_timed_capture
from lamina.data.captures.timed import plate_of, spread_frames
from lamina.data.captures.timed.frame_cache import FrameCache
from lamina.errors import SignalError
from lamina.media.sources import is_signal


@pytest.fixture
def capture(tmp_path: Path) -> TimedCapture:
    write_colmap(tmp_path / "sparse" / "0", [f"{name}.png" for name in NAMES])
    return read_timed_capture(write_folders(tmp_path, range(6)))


def test_it_signs_the_protocol_of_signals(capture: TimedCapture) -> None:
    assert is_signal(capture)
    assert (capture.medium, len(capture), capture.frame_count) == ("timed capture", 5, 6)


def test_looks_are_of_held_out_views_frame_by_frame(capture: TimedCapture) -> None:
    looks = list(capture.looks())
    assert [look.frame for look in looks] == list(range(6))
    for look in looks:
        assert look.view is capture.views[0].camera
        assert np.array_equal(look.pixels, drawn(ring()[0], look.frame)[0])
    every = replace(capture, train=tuple(range(5)), test=())
    assert [look.frame for look in every.looks()][:7] == [0, 0, 0, 0, 0, 1, 1]


def test_stills_are_captures_with_points_at_the_first_frame(capture: TimedCapture) -> None:
    first, later = capture.still(0), capture.still(4)
    assert np.array_equal(first.points, BALLS)
    assert len(later.points) == 0
    assert (later.train, later.test, later.medium) == (capture.train, capture.test, "capture")
    assert np.array_equal(later.pixels(2), drawn(ring()[2], 4)[0])
    assert later.views[2].path is None
    assert first.fingerprint() != later.fingerprint()
    assert capture.camera_extent == first.camera_extent


def test_cuts_are_renumbered_and_remember_where_they_began(capture: TimedCapture) -> None:
    part = capture.cut(1, 5).cut(2)
    assert (part.frame_count, part.first_frame) == (2, 3)
    assert np.array_equal(part.pixels(1, 3), drawn(ring()[3], 4)[0])
    assert part.fingerprint() != capture.fingerprint()
    assert part.still(1).name.endswith(", frame 4")
    for bad in ((0, 7), (6, None), (3, 3), (-1, 2)):
        with pytest.raises(SignalError, match=r"are not all there: the capture has frames 0\.\.\.5"):
            capture.cut(*bad)


def test_fingerprints_follow_from_what_is_there(capture: TimedCapture, tmp_path: Path) -> None:
    assert capture.fingerprint() == read_timed_capture(tmp_path).fingerprint()
    assert capture.fingerprint() != read_timed_capture(tmp_path, frames_per_second=25).fingerprint()
    assert capture.fingerprint() != read_timed_capture(tmp_path, test_every=0).fingerprint()
    save(tmp_path / "cam01" / "000000.png", 255 - drawn(ring()[1], 0)[0])
    assert capture.fingerprint() == capture.fingerprint()
    assert capture.fingerprint() != read_timed_capture(tmp_path).fingerprint()


def test_frames_and_views_that_are_not_there_are_refused(capture: TimedCapture) -> None:
    for frame, view in ((6, 0), (-1, 0), (0, 5), (0, -1)):
        with pytest.raises(IndexError):
            capture.pixels(frame, view)
        with pytest.raises(IndexError):
            capture.mask(frame, view)
    with pytest.raises(IndexError):
        capture.still(6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"train": (0, 1), "test": (1,)},
        {"test": (9,)},
        {"frame_count": None},
        {"frame_count": 0},
        {"frames_per_second": Fraction(0)},
        {"points": np.zeros((4, 2))},
    ],
)
def test_captures_reject_what_contradicts_itself(capture: TimedCapture, wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected|must be"):
        replace(capture, **wrong)


def test_the_cache_forgets_old_frames_and_keeps_the_one_that_is_looked_at() -> None:
    decoded: list[tuple[int, int]] = []

    def decode(frame: int, view: int) -> np.ndarray:
        decoded.append((frame, view))
        return np.full((10, 10, 3), 10 * frame + view, np.uint8)

    cache = FrameCache(decode, 7 * 300)
    for frame in range(4):
        for view in (0, 1, 2, 2, 1, 0):
            assert cache(frame, view)[0, 0, 0] == 10 * frame + view
            assert cache.size_bytes <= 8 * 300
    assert len(decoded) == 12
    # Two frames fit: the one before is kept, the one before that is not.
    cache(2, 1)
    assert len(decoded) == 12
    cache(1, 1)
    assert len(decoded) == 13
    with pytest.raises(ValueError, match="read-only"):
        cache(1, 1)[0] = 0


def test_a_frame_that_does_not_fit_keeps_what_was_first() -> None:
    decoded: list[int] = []

    def decode(frame: int, view: int) -> np.ndarray:
        del frame
        decoded.append(view)
        return np.zeros((10, 10, 3), np.uint8)

    cache = FrameCache(decode, 2 * 300)
    for _ in range(2):
        for view in range(4):
            cache(0, view)
    assert decoded == [0, 1, 2, 3, 2, 3]


def test_the_cache_does_not_count_what_is_not_there() -> None:
    cache = FrameCache(lambda frame, view: None if view else np.zeros((2, 2), np.uint8), 8)
    for frame in range(100):
        assert (cache(frame, 0) is None, cache(frame, 1) is None) == (False, True)
    assert cache.size_bytes <= 8
    assert len(cache._kept) <= 2


def test_the_cache_serves_threads(capture: TimedCapture) -> None:
    wrong: list[tuple[int, int]] = []

    def sweep(order: int) -> None:
        for frame in range(6)[::order]:
            wrong.extend(
                (frame, view)
                for view in range(5)
                if not np.array_equal(capture.pixels(frame, view), drawn(ring()[view], frame)[0])
            )

    threads = [threading.Thread(target=sweep, args=(order,)) for order in (1, -1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_plates_are_without_what_moves(capture: TimedCapture) -> None:
    for view, stand in enumerate(ring()):
        plate = plate_of(capture, view)
        covered = np.stack([drawn(stand, frame)[1] for frame in range(6)])
        clear = covered.sum(axis=0) < 3
        still = [drawn(stand, frame)[0] for frame in range(6)]
        empty = np.median(np.where(covered[..., None], np.nan, np.stack(still).astype(float)), axis=0)
        known = clear & ~np.isnan(empty).any(axis=2)
        assert known.mean() > 0.9
        empty = np.nanmedian(np.where(covered[..., None], np.nan, np.stack(still).astype(float)), axis=0)
        assert np.array_equal(plate[clear], empty[clear].astype(np.uint8))


def test_masked_pixels_count_for_nothing_in_plates(tmp_path: Path) -> None:
    """Three of four frames show the ball at nearly the same place: a median alone would keep it there."""
    root = write_panoptic(tmp_path, range(4))
    stand = ring()[2]
    background, moving = drawn(stand, 0)
    for frame in (1, 2, 3):
        pixels, mask = drawn(stand, 1)
        save(root / "ims" / "2" / f"{frame:06d}.jpg", pixels)
        save(root / "seg" / "2" / f"{frame:06d}.png", mask.astype(np.uint8) * 255)
    capture = read_timed_capture(root)
    stays = drawn(stand, 1)[1] & ~moving
    plate = plate_of(capture, 2)
    without = plate_of(replace(capture, load_mask=None), 2)
    assert stays.sum() > 20
    assert np.abs(plate[stays].astype(float) - background[stays]).mean() < 12
    assert np.abs(without[stays].astype(float) - background[stays]).mean() > 60
    # Where nothing but foreground was ever seen, what is around goes on.
    always = plate_of(capture, 2, [1, 2, 3])
    ball = np.abs(without[stays].astype(float) - background[stays]).mean()
    assert np.abs(always[stays].astype(float) - background[stays]).mean() < 0.5 * ball


def test_plates_need_frames(capture: TimedCapture) -> None:
    assert spread_frames(60) == [0, 4, 8, 12, 16, 20, 24, 28, 31, 35, 39, 43, 47, 51, 55, 59]
    assert spread_frames(3) == [0, 1, 2]
    with pytest.raises(ValueError, match="at least one frame"):
        plate_of(capture, 0, [])
