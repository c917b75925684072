# SPDX-License-Identifier: Apache-2.0
"""The whole fit on a tiny play: it follows what moves, finds gains, and lets in who comes."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from tiny_play import COMES, GAINS, SMALL, play_with_newcomer, tiny_play

from lamina.codec import Choices, Session
from lamina.codecs.freeview import CODEC
from lamina.codecs.freeview.config import BirthConfig, FreeviewConfig
from lamina.codecs.freeview.fit import births
from lamina.codecs.freeview.fit.chain import pace_of, stream_bytes
from lamina.codecs.freeview.fit.first_frame import gains_of
from lamina.codecs.freeview.fit.rebirth import reborn
from lamina.codecs.freeview.guests import joined, moved_guests, no_guests
from lamina.codecs.freeview.model import FirstPart, FramePart, FreeviewModel, render
from lamina.data.captures.timed import TimedCapture
from lamina.errors import TargetError
from lamina.media.configuring import configured
from lamina.metrics.psnr import psnr


@dataclass(frozen=True)
class Fitted:
    """What came of a fit."""

    first: FirstPart
    frames: list[FramePart]

    @property
    def models(self) -> dict[tuple[int, int], FreeviewModel]:
        """By frame and level, decoded from units."""
        return {(m.frame, m.level): m for m in CODEC.decode(CODEC.encode([self.first, *self.frames]))}


def config_of(**fields: object) -> FreeviewConfig:
    return configured(CODEC, Choices("fast"), {"level_count": 2, **SMALL, **fields})


@cache
def fitted(kind: str = "plain") -> Fitted:
    config = {
        "plain": config_of(),
        "newcomer": config_of(),
        "nobody comes": config_of(births=BirthConfig(enabled=False)),
    }[kind]
    play = tiny_play(5) if kind == "plain" else play_with_newcomer()
    first, *frames = CODEC.fit(play, config, Session())
    assert isinstance(first, FirstPart)
    return Fitted(first, [part for part in frames if isinstance(part, FramePart)])


@torch.no_grad()
def shown(model: FreeviewModel, play: TimedCapture, view: int) -> np.ndarray:
    pixels = render(model, play.views[view].camera).clamp(0, 1)
    return (pixels * 255).round().to(torch.uint8).numpy()


def quality(model: FreeviewModel, play: TimedCapture, frame: int) -> float:
    """dB over the held-out views."""
    return float(np.mean([psnr(play.pixels(frame, view), shown(model, play, view)) for view in play.test]))


def test_it_yields_the_first_frame_then_a_part_a_frame() -> None:
    parts = fitted().frames
    assert [part.frame for part in parts] == [0, 1, 2, 3, 4]
    assert [part.group for part in parts] == [0, 0, 1, 1, 2]
    assert [part.is_chained for part in parts] == [False, False, True, True, False]
    assert [part.changes[0].is_absolute for part in parts] == [True, False, False, False, True]


def test_progress_never_falls() -> None:
    told: list[float] = []
    for _ in CODEC.fit(tiny_play(3), config_of(), Session(report=lambda progress: told.append(progress.done))):
        pass
    assert len(told) > 20
    assert told == sorted(told)
    assert 0.9 < told[-1] <= 1.0


def test_frames_are_better_than_the_first_one_shown_for_all() -> None:
    play, models = tiny_play(5), fitted().models
    gains = [quality(models[frame, 1], play, frame) - quality(models[0, 1], play, frame) for frame in (2, 3, 4)]
    assert min(gains) > 0.3
    assert np.mean(gains) > 0.6


def test_the_first_frame_says_no_motion() -> None:
    assert not any(changes.differences.any() for changes in fitted().frames[0].changes)


def test_what_is_reported_is_what_a_decoder_shows() -> None:
    play, models = tiny_play(5), fitted().models
    for part in fitted().frames:
        for level, reported in enumerate(part.quality_db):
            assert reported == pytest.approx(quality(models[part.frame, level], play, part.frame), abs=0.02)


def test_gains_of_cameras_are_found() -> None:
    play, models = tiny_play(5), fitted().models
    gains = gains_of(play, lambda view: shown(models[0, 1], play, view))
    train = list(play.train)
    expected = GAINS[train] / np.exp(np.log(GAINS[train]).mean())
    assert np.abs(gains[train] / expected[:, None] - 1).mean() < 0.04
    assert (gains[list(play.test)] == 1).all()


def test_who_comes_is_let_in() -> None:
    play, last = play_with_newcomer(), play_with_newcomer().frame_count
    assert last is not None
    with_births, without = fitted("newcomer"), fitted("nobody comes")
    assert not any(part.changes[layer].born for part in without.frames for layer in (0, 1))
    came = [part.frame for part in with_births.frames if any(own.born is not None for own in part.changes)]
    assert COMES in came
    gained = [
        quality(with_births.models[frame, 1], play, frame) - quality(without.models[frame, 1], play, frame)
        for frame in range(COMES, last)
    ]
    assert np.mean(gained) > 0.5


def test_no_more_guests_are_born_than_a_decoder_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    most = max(guests.count for model in fitted("newcomer").models.values() for guests in model.guests)
    monkeypatch.setattr(births, "MAX_GUESTS", most - 2)
    first, *frames = CODEC.fit(play_with_newcomer(), config_of(), Session())
    counts = [guests.count for model in CODEC.decode(CODEC.encode([first, *frames])) for guests in model.guests]
    assert 0 < max(counts) <= most - 2


def test_born_anew_in_fitted_cells_guests_show_what_they_showed() -> None:
    play, fit = play_with_newcomer(), fitted("newcomer")
    facts = fit.first.facts
    frame = max(frame for frame, level in fit.models if level == 1)
    model = fit.models[frame, 1]
    layer = max(range(2), key=lambda number: model.guests[number].count)
    assert model.guests[layer].count > 0
    anew = reborn(model.rest, fit.first.context, layer, moved_guests(facts, layer, model.guests[layer]))
    assert anew is not None
    guests = list(model.guests)
    guests[layer] = joined(no_guests(facts), anew)
    again = replace(model, guests=tuple(guests))
    for view in play.test:
        assert psnr(shown(model, play, view), shown(again, play, view)) > 38


def test_the_fit_is_the_same_twice() -> None:
    units = [unit.payload for unit in CODEC.encode([fitted().first, *fitted().frames[:3]])]
    parts = CODEC.fit(tiny_play(5), config_of(), Session())
    again = [unit.payload for unit in CODEC.encode([next(parts) for _ in range(4)])]
    assert again == units


def test_a_size_is_shared_by_the_first_frame_and_the_others() -> None:
    first, *frames = CODEC.fit(tiny_play(3), config_of(size_bytes=20_000), Session())
    once = stream_bytes(first)
    pace = pace_of(config_of(size_bytes=20_000), first.facts, once, 3)
    assert pace.frame_bytes == pytest.approx((20_000 - once) / 2, rel=0.02)
    assert len(frames) == 3
    with pytest.raises(TargetError, match="the first frame alone takes"):
        pace_of(config_of(size_bytes=once), first.facts, once, 3)
    with pytest.raises(TargetError, match="no end yet"):
        pace_of(config_of(size_bytes=20_000), first.facts, once, None)
