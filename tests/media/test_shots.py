# SPDX-License-Identifier: Apache-2.0
"""Which camera sees which frame in a film of timed media, and that a film shows just that."""

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.bitstream import pack_stream
from lamina.codec import Model
from lamina.errors import SignalError, TargetError
from lamina.media.delivery import delivery_of
from lamina.media.filming import write_shots
from lamina.media.reading import Media, open_media
from lamina.media.shots import Shot, shots_of
from lamina.media.timing import with_times
from lamina.times import FrameTimes, TimeSpan, seconds_of

PLAY_FRAMES = 18


@pytest.fixture
def media(play: Path):
    with lamina.open(play) as opened:
        yield opened


def frames(shots: list[Shot]) -> list[int]:
    return [shot.frame for shot in shots]


def path_file(folder: Path, *moments: dict[str, float]) -> Path:
    """Cameras on a line, with moments."""
    camera = {"size_px": [24, 18], "focal_px": 20.0, "target": [0, 0, 0]}
    cameras = [{**camera, "position": [3.0, float(number), 1.0], **moment} for number, moment in enumerate(moments)]
    file = folder / "path.json"
    file.write_text(json.dumps({"cameras": cameras}))
    return file


def test_time_goes_on_while_the_camera_goes_round(media: Media) -> None:
    shots = shots_of(media, "orbit", frames=(2, 12))
    assert frames(shots) == list(range(2, 12))
    places = np.stack([shot.camera.position_world for shot in shots])
    # An arc forth and back: the cameras do not surround the dots.
    assert len(np.unique(places.round(6), axis=0)) == 5
    assert frames(shots_of(media, "spiral")) == list(range(PLAY_FRAMES))


def test_the_films_rate_leaves_time_its_pace(media: Media) -> None:
    assert frames(shots_of(media, "orbit", frames=(4, 8), frames_per_second=50)) == [4, 4, 5, 5, 6, 6, 7, 7]
    assert frames(shots_of(media, "orbit", frames=(4, 9), frames_per_second=12.5)) == [4, 6, 8]
    assert len(shots_of(media, "orbit", frames_per_second=Fraction(30_000, 1001))) == 22


@pytest.fixture
def uneven(media: Media) -> Iterator[Media]:
    """The same with frames of 0.1 s, but for frame 4, which lasts a second."""
    durations_s = [Fraction(1) if frame == 4 else Fraction(1, 10) for frame in range(PLAY_FRAMES)]
    times = FrameTimes.of_seconds(seconds_of(durations_s))
    facts = replace(media.stream.facts, ticks_per_second=times.ticks_per_second)
    data = pack_stream(facts, [with_times(unit, times) for unit in media.stream.units()])
    with open_media(data) as opened:
        yield opened


def test_films_of_uneven_frames_show_each_for_its_time(uneven: Media, tmp_path: Path) -> None:
    assert uneven.duration_s == pytest.approx(0.1 * (PLAY_FRAMES - 1) + 1)
    assert frames(shots_of(uneven, "orbit", frames=(3, 6), frames_per_second=10)) == [3, *[4] * 10, 5]
    assert frames(shots_of(uneven, "test:1", frames=(3, 6), frames_per_second=5)) == [3, 4, 4, 4, 4, 4]
    span = TimeSpan(Fraction(3, 10), Fraction(3, 2))
    assert frames(shots_of(uneven, "orbit", frames=span, frames_per_second=10)) == [3, *[4] * 10, 5]
    path = str(path_file(tmp_path, {"time_s": 0.2}, {"time_s": 1.6}))
    assert frames(shots_of(uneven, path, frames_per_second=5)) == [2, 4, 4, 4, 4, 4, 5, 7]


def test_what_is_received_of_uneven_frames_is_told_by_their_times(uneven: Media) -> None:
    delivery = delivery_of(uneven.stream)
    assert delivery is not None
    assert [join.time_s for join in delivery.joins] == [uneven.times_s[join.frame] for join in delivery.joins]
    ends = [*(join.time_s for join in delivery.joins), uneven.duration_s or 0]
    assert delivery.longest_wait_s == pytest.approx(max(after - before for before, after in pairwise(ends)))


def test_views_after_the_last_frame_show_it(media: Media) -> None:
    assert frames(shots_of(media, "orbit", frames=(4, 6), views=5)) == [4, 5, 5, 5, 5]
    assert frames(shots_of(media, "orbit", frames=(7, 8), views=3)) == [7, 7, 7]


def test_cameras_that_the_file_keeps_are_filmed_one_after_another(media: Media) -> None:
    shots = shots_of(media, "test", frames=(3, 6))
    assert frames(shots) == [3, 4, 5] * 3
    assert [shot.name for shot in shots[2:4]] == ["view_000_frame_0005", "view_001_frame_0003"]
    one = shots_of(media, "test:1", frames=(3, 6), size=(20, 16))
    assert frames(one) == [3, 4, 5]
    assert {(shot.camera.width, shot.camera.height) for shot in one} == {(20, 16)}
    assert np.allclose(one[0].camera.position_world, shots[3].camera.position_world)
    assert [shot.name for shot in shots_of(media, "test:2,0", frames=(3, 4))] == ["view_002", "view_000"]


def test_a_path_is_where_its_cameras_say_when_they_say(media: Media, tmp_path: Path) -> None:
    shots = shots_of(media, str(path_file(tmp_path, {"frame": 2}, {"frame": 8})))
    assert frames(shots) == [2, 3, 4, 5, 6, 7, 8]
    np.testing.assert_allclose([shot.camera.position_world[1] for shot in shots], np.arange(7) / 6, atol=1e-9)
    # Around a moment that stands still, and on; beyond the last frame it stays.
    shots = shots_of(media, str(path_file(tmp_path, {"frame": 5, "time_s": 0}, {"frame": 5, "time_s": 0.2})))
    assert frames(shots) == [5] * 6
    shots = shots_of(media, str(path_file(tmp_path, {"time_s": 0.6}, {"time_s": 0.8})), frames_per_second=12.5)
    assert frames(shots) == [15, 17, 17]
    assert frames(shots_of(media, str(path_file(tmp_path, {"frame": 2}, {"frame": 8})), frames=(4, 6))) == [4, 5]


def test_cameras_without_moments_are_one_a_picture_or_one_for_all(media: Media, tmp_path: Path) -> None:
    assert frames(shots_of(media, str(path_file(tmp_path, {})))) == list(range(PLAY_FRAMES))
    assert frames(shots_of(media, str(path_file(tmp_path, {}, {}, {})), frames=(5, 7))) == [5, 6, 6]
    assert frames(shots_of(media, str(path_file(tmp_path, {}, {}, {})), frames=(5, 6))) == [5, 5, 5]


@pytest.mark.parametrize(
    ("moments", "error", "said"),
    [
        (({}, {}), SignalError, "2 cameras for 18 pictures: give each camera a moment"),
        (({"frame": 4}, {"frame": 18}), TargetError, "frame 18 is asked for, the file has frames 0:18"),
        (({"frame": 4}, {"frame": 4}), SignalError, "path.json: camera 1: comes at 0.16 s"),
        (({"time_s": 0}, {"time_s": 1e6}), SignalError, "expected at most"),
    ],
)
def test_rejects_paths_that_cannot_be_filmed(
    media: Media, tmp_path: Path, moments: tuple, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        shots_of(media, str(path_file(tmp_path, *moments)))


@pytest.mark.parametrize("which", ["test:3", "test:", "test:a", "test:0,9"])
def test_rejects_views_that_the_file_has_not(media: Media, which: str) -> None:
    with pytest.raises(SignalError, match=r"expected numbers 0\.\.\.2"):
        shots_of(media, which)


def test_rejects_frames_that_are_not_on_the_path(media: Media, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="none of frames 10:12 is on this path"):
        shots_of(media, str(path_file(tmp_path, {"frame": 2}, {"frame": 8})), frames=(10, 12))
    with pytest.raises(TargetError, match="frames 17:19 were asked for"):
        shots_of(media, "orbit", frames=(17, 19))


def test_a_film_shows_each_frame_from_its_camera(media: Media, tmp_path: Path) -> None:
    shots = shots_of(media, "test", frames=(3, 6))
    assert write_shots(media, tmp_path / "views", shots, level=0) == 0
    for shot in shots:
        pixels = lamina.read_image(tmp_path / "views" / f"{shot.name}.png").pixels
        np.testing.assert_array_equal(pixels, media.render(shot.camera, frame=shot.frame, level=0))


def test_a_film_decodes_once_where_time_does_not_go_back(
    media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[tuple[int, int | None]] = []
    models = Media.models

    def watched(self: Media, start: int = 0, stop: int | None = None, level: int | None = None):
        decoded.append((start, stop))
        return models(self, start, stop, level)

    orbit, rig = shots_of(media, "orbit", frames_per_second=50), shots_of(media, "test", frames=(3, 6))
    monkeypatch.setattr(Media, "models", watched)
    write_shots(media, tmp_path / "orbit.y4m", orbit, frames_per_second=50)
    assert decoded == [(0, PLAY_FRAMES)]
    write_shots(media, tmp_path / "rig.y4m", rig)
    assert decoded[1:] == [(3, 6)] * 3
    write_shots(media, tmp_path / "rig", rig)
    assert decoded[4:] == [(3, 6)]
    clip = lamina.open_clip(tmp_path / "orbit.y4m")
    assert (clip.frame_count, clip.frames_per_second) == (2 * PLAY_FRAMES, 50)
    assert lamina.open_clip(tmp_path / "rig.y4m").frames_per_second == 25


def test_memory_does_not_grow_with_the_film(media: Media, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: list[int] = []
    models = Media.models

    def heavy(self: Media, *arguments, **named):
        for model in models(self, *arguments, **named):
            yield _Heavy(model)
            alive.append(tracemalloc.get_traced_memory()[0])

    shots = shots_of(media, "orbit", size=(8, 8))
    monkeypatch.setattr(Media, "models", heavy)
    monkeypatch.setattr(Media, "render", lambda self, view, *, model: np.zeros((8, 8, 3), np.uint8))
    tracemalloc.start()
    try:
        write_shots(media, tmp_path / "film.y4m", shots)
    finally:
        tracemalloc.stop()
    assert len(alive) == PLAY_FRAMES
    assert max(alive) < 4 * _Heavy.SIZE_BYTES, "more than three models at a time"


class _Heavy:
    """A model that is noticed."""

    SIZE_BYTES = 1 << 22

    def __init__(self, model: Model) -> None:
        self.frame, self.level = model.frame, model.level
        self.ballast = bytearray(self.SIZE_BYTES)
