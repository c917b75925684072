# SPDX-License-Identifier: Apache-2.0
"""Interrupted fits: what was done is kept, the second run goes on, and files that are not of this job are left out."""

from pathlib import Path

import numpy as np
import pytest
from lattice_samples import crop, fit, frames, payloads, short, still

import lamina
from lamina.codec import Progress, Session, ignore
from lamina.codecs.planar import CODEC
from lamina.codecs.planar.config import RateTarget
from lamina.codecs.planar.lattice.fit import checkpoint, key_frame
from lamina.codecs.planar.lattice.fit.picture import make_header, make_sketch
from lamina.errors import Interrupted
from lamina.fitting.checkpoint import Keeper
from lamina.media.job import PART_SUFFIX, JobJournal

KEY = "a job"
HEADER = make_header(still(crop()), short(), make_sketch(crop(), short(), None).background)


class Stopwatch:
    """Asks a fit to stop once `limit` of the job is done, and remembers where the job was."""

    def __init__(self, path: Path | None, limit: float = 2.0) -> None:
        self.session = Session(self.report, path, KEY)
        self.limit = limit
        self.first: float | None = None

    def report(self, progress: Progress) -> None:
        assert 0.0 <= progress.done <= 1.0
        self.first = progress.done if self.first is None else self.first
        if progress.done >= self.limit:
            raise Interrupted("stopped by the user")


def units(watch: Stopwatch, splats: int = 40) -> dict[tuple[int, int, int], bytes]:
    return payloads(CODEC.encode(fit(still(crop()), short(splats), watch.session)))


def interrupted(path: Path, limit: float = 0.5) -> None:
    with pytest.raises(Interrupted, match=r"goes on from there"):
        units(Stopwatch(path, limit))


@pytest.mark.parametrize("limit", [0.2, 0.6, 0.85])
def test_a_stopped_fit_goes_on_to_the_same_picture(tmp_path: Path, limit: float) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path, limit)
    assert path.exists()
    second = Stopwatch(path)
    resumed = units(second)
    assert second.first is not None
    assert second.first >= limit - 0.1
    assert resumed == units(Stopwatch(None))
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_stop_without_a_checkpoint_keeps_nothing(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="by the user"):
        units(Stopwatch(None, 0.5))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_is_no_checkpoint(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    again = Stopwatch(path)
    assert units(again) == units(Stopwatch(None))
    assert again.first is not None
    assert again.first < 0.2


def test_a_checkpoint_of_another_job_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    assert checkpoint.load(path, KEY, HEADER) is not None
    assert checkpoint.load(path, "another job", HEADER) is None
    assert checkpoint.load(tmp_path / "none", KEY, HEADER) is None


def test_a_killed_fit_goes_on_from_what_was_kept_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.checkpoint"
    monkeypatch.setattr("lamina.codecs.planar.lattice.fit.key_frame.Keeper", lambda place: Keeper(place, 0.0))

    def killed(progress: Progress) -> None:
        if progress.done > 0.6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(still(crop()), short(40), Session(killed, path, KEY))
    assert path.exists()
    second = Stopwatch(path)
    assert units(second) == units(Stopwatch(None))
    assert second.first is not None
    assert second.first > 0.4


def test_a_checkpoint_keeps_every_number(tmp_path: Path) -> None:
    path = tmp_path / "fit.checkpoint"
    interrupted(path)
    stored = checkpoint.load(path, KEY, HEADER)
    assert stored is not None
    checkpoint.save(tmp_path / "copy", KEY, HEADER, stored)
    again = checkpoint.load(tmp_path / "copy", KEY, HEADER)
    assert again is not None
    assert again.plan == stored.plan
    np.testing.assert_array_equal(again.state.splats.parameters, stored.state.splats.parameters)
    assert again.state.random.random() == stored.state.random.random()


@pytest.mark.parametrize("target", [RateTarget(size_bytes=700), RateTarget(psnr_db=24.0)])
def test_freezing_goes_on_from_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: RateTarget
) -> None:
    """Killed after each freeze in turn: none that was kept is made again, and the bytes stay the same."""
    config = short(target=target)
    freezes = 0
    freeze = key_frame.freeze_and_measure

    def counted(*arguments):
        nonlocal freezes
        freezes += arguments[-1] is not key_frame.PILOT_EFFORT
        return freeze(*arguments)

    monkeypatch.setattr(key_frame, "freeze_and_measure", counted)
    monkeypatch.setattr(key_frame, "Keeper", lambda place: Keeper(place, 0.0))
    at_once = payloads(CODEC.encode(fit(still(crop()), config)))
    wanted, freezes = freezes, 0
    assert wanted > 1

    path, going_on = tmp_path / "fit.checkpoint", True
    while going_on:
        before = freezes

        def killed(progress: Progress, before: int = before) -> None:
            if freezes > before + 1:
                raise KeyboardInterrupt

        try:
            parts = fit(still(crop()), config, Session(killed, path, KEY))
            going_on = False
        except KeyboardInterrupt:
            assert freezes == before + 2
    assert payloads(CODEC.encode(parts)) == at_once
    # Of each two freezes the second's report came too late to be kept.
    assert freezes <= 2 * wanted


def test_a_still_is_kept_until_its_part_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.checkpoint"
    monkeypatch.setattr(key_frame, "Keeper", lambda place: Keeper(place, 0.0))
    parts = CODEC.fit(still(crop()), short(40), Session(ignore, path, KEY))
    next(parts)
    assert path.exists()
    assert next(parts, None) is None
    assert not path.exists()


class StopAtFrame:
    """Stops an encode when a frame is reported, and remembers how far the job was at each report."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.done: list[float] = []

    def __call__(self, progress: Progress) -> None:
        self.done.append(progress.done)
        if progress.stage.startswith(self.stage):
            raise Interrupted("stopped by the user")


@pytest.mark.parametrize("target", [RateTarget(splats=40), RateTarget(size_bytes=2500)])
def test_a_stopped_clip_keeps_its_finished_groups(tmp_path: Path, target: RateTarget) -> None:
    """Frames differ in mean color, so the header's background shows whether the rest kept to the beginning's."""
    pictures = [*frames(2), crop("kodim15"), crop("kodim15"), *frames(2)]
    config = short(group_frames=2, target=target)
    path = tmp_path / "clip.lam"
    with pytest.raises(Interrupted, match=r"4 frames of it are in .*the same command goes on"):
        lamina.encode(pictures, path, config=config, progress=StopAtFrame("frame 5/"))
    with lamina.open(path.with_name(path.name + PART_SUFFIX) / "stream.lam") as kept:
        finished = payloads(kept.stream.units())
    going_on = StopAtFrame("never")
    with lamina.encode(pictures, path, config=config, progress=going_on) as media:
        whole = payloads(media.stream.units())
    assert min(going_on.done) >= 2 / 6, "frames that were finished are coded again"
    assert {key: whole[key] for key in finished} == finished
    assert {key[2] for key in whole if key[0] >= 0} == set(range(6))
    uninterrupted = tmp_path / "at once.lam"
    lamina.encode(pictures, uninterrupted, config=config).close()
    assert uninterrupted.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("place", ["before the units", "after the units"])
def test_a_clip_killed_between_groups_goes_on_to_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The next group's beginning is kept before units of the last are written: either can be gone on with."""
    pictures = [*frames(4), *frames(4)]
    config = short(group_frames=2, target=RateTarget(size_bytes=3000))
    uninterrupted, path = tmp_path / "at once.lam", tmp_path / "clip.lam"
    lamina.encode(pictures, uninterrupted, config=config).close()
    append = JobJournal.append
    for number in (1, 2, 3):
        with monkeypatch.context() as patch:

            def killed(journal: JobJournal, units, number: int = number) -> None:
                is_it = any(unit.key.group == number and unit.key.layer >= 0 for unit in units)
                if is_it and place == "before the units":
                    raise KeyboardInterrupt
                append(journal, units)
                if is_it:
                    raise KeyboardInterrupt

            patch.setattr(JobJournal, "append", killed)
            with pytest.raises(KeyboardInterrupt):
                lamina.encode(pictures, path, config=config)
    lamina.encode(pictures, path, config=config).close()
    assert path.read_bytes() == uninterrupted.read_bytes()
