# SPDX-License-Identifier: Apache-2.0
"""The whole fit on a tiny capture: quality, levels, what is decoded, stopping and resuming, sizes."""

from dataclasses import dataclass, field, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_capture import SMALL, changed, tiny_capture

from lamina.anchors.layers import lattice_of
from lamina.anchors.octree import verify
from lamina.codec import Progress, Session
from lamina.codecs.scene import CODEC
from lamina.codecs.scene.coding import model_of
from lamina.codecs.scene.config import SceneConfig
from lamina.codecs.scene.model import ScenePart
from lamina.data.captures import seen_volume
from lamina.errors import Interrupted, SignalError
from lamina.fitting.checkpoint import Keeper
from lamina.metrics.psnr import psnr
from lamina.units import Unit


@pytest.fixture(autouse=True)
def few_pixels_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_volume, "SWEPT_POINTS", 1_000)


@cache
def fitted(config: SceneConfig = SMALL) -> ScenePart:
    (part,) = CODEC.fit(tiny_capture(), config, Session())
    return part


def payloads(part: ScenePart) -> list[bytes]:
    return [unit.payload for unit in CODEC.encode([part])]


def qualities(part: ScenePart) -> list[float]:
    assert all(quality is not None for quality in part.quality_db)
    return [quality for quality in part.quality_db if quality is not None]


def test_levels_get_better_and_the_best_is_good():
    part = fitted()
    verify([layer.indices for layer in part.layers], lattice_of(part.facts.anchors))
    assert all(upper > lower - 0.2 for lower, upper in pairwise(qualities(part)))
    assert qualities(part)[-1] > 19
    assert qualities(part)[-1] > qualities(part)[0] + 1


def test_what_is_decoded_is_what_was_measured():
    part, capture = fitted(), tiny_capture()
    *_, model = CODEC.decode(CODEC.encode([part]))
    for level, expected in enumerate(qualities(part)):
        found = []
        for view in capture.test:
            pixels = CODEC.render(model, capture.views[view].camera, level).clamp(0, 1)
            found.append(psnr(capture.pixels(view), (pixels * 255).round().to(torch.uint8).numpy()))
        assert np.mean(found) == pytest.approx(expected, abs=0.02)
    for decoded, made in zip(model.layers, model_of(part).layers, strict=True):
        assert torch.equal(decoded.features, made.features)


def test_the_same_seed_gives_the_same_bytes_and_another_others():
    (again,) = CODEC.fit(tiny_capture(), SMALL, Session())
    assert payloads(again) == payloads(fitted())
    assert payloads(fitted(replace(SMALL, seed=2))) != payloads(again)


def test_a_higher_lambda_costs_less():
    # Twice the steps: the rate is on in the second half of them only.
    longer = changed(SMALL, "schedule", steps=240)
    dear, cheap = fitted(replace(longer, rate_weight=0.5)), fitted(replace(longer, rate_weight=1e-5))
    assert sum(map(len, payloads(dear)[1:])) < 0.8 * sum(map(len, payloads(cheap)[1:]))


@pytest.mark.parametrize("size_bytes", [1900, 2300])
def test_a_size_is_met(size_bytes: int):
    units = list(CODEC.encode([fitted(replace(SMALL, size_bytes=size_bytes))]))
    assert sum(len(unit.payload) for unit in units) == pytest.approx(size_bytes, rel=0.06)


@pytest.mark.parametrize(
    "config",
    [
        replace(changed(SMALL, "context", parent=False, neighbors=False, hash_grid=False), level_count=1),
        changed(SMALL, "growth", enabled=False),
        changed(SMALL, "loss", coarse_to_fine="off"),
        changed(changed(SMALL, "loss", lower_pixels=400), "schedule", step_pixels=600),
        changed(SMALL, "loss", coarse_to_fine="all", info_nce=0.005, half_size_levels=0),
        changed(SMALL, "context", adaptive_steps=False, masks=False, chained=False, feature_groups=2),
        changed(SMALL, "anchors", warm_colors=False),
    ],
    ids=[
        "one_level",
        "no_growing",
        "top_level_alone",
        "parts_of_pictures",
        "all_levels",
        "plain_context",
        "cold_start",
    ],
)
def test_every_mechanism_can_be_switched(config: SceneConfig):
    part = fitted(changed(config, "schedule", steps=60, tune_steps=2))
    *_, model = CODEC.decode(CODEC.encode([part]))
    assert model.level == config.level_count - 1
    assert all(np.isfinite(qualities(part)))


def test_a_capture_without_points_is_fitted_from_what_it_shows():
    config = changed(SMALL, "schedule", steps=60, tune_steps=2)
    (part,) = CODEC.fit(tiny_capture(has_points=False), config, Session())
    assert qualities(part)[-1] > 10


def test_nothing_to_fit_to_is_an_error():
    capture = tiny_capture()
    with pytest.raises(SignalError, match="held out"):
        list(CODEC.fit(replace(capture, train=(), test=(0, 1)), SMALL, Session()))


@dataclass
class Stopper:
    """Stops the fit at a share of the whole, and keeps what was reported."""

    checkpoint: Path | None
    stop_at: float
    key: str = "a job"
    reports: tuple[Progress, ...] = ()
    stop: BaseException = field(default_factory=lambda: Interrupted("enough"))

    def report(self, progress: Progress) -> None:
        self.reports = (*self.reports, progress)
        if progress.done >= self.stop_at:
            raise self.stop


def session_of(stopper: Stopper) -> Session:
    return Session(stopper.report, stopper.checkpoint, stopper.key)


@pytest.mark.parametrize("stop_at", [0.2, 0.45])
def test_a_stopped_fit_goes_on_to_the_same_file(tmp_path: Path, stop_at: float):
    path = tmp_path / "checkpoint.npz"
    stopper = Stopper(path, stop_at)
    with pytest.raises(Interrupted, match="goes on"):
        list(CODEC.fit(tiny_capture(), SMALL, session_of(stopper)))
    assert path.exists()
    follower = Stopper(path, 2.0)
    (part,) = CODEC.fit(tiny_capture(), SMALL, session_of(follower))
    assert follower.reports[0].done > stopper.reports[0].done
    assert payloads(part) == payloads(fitted())
    assert not path.exists()


@pytest.mark.parametrize("stop", [Interrupted("stopped"), KeyboardInterrupt()], ids=["stopped", "killed"])
def test_a_fit_without_points_goes_on_to_the_same_file(
    tmp_path: Path, stop: BaseException, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("lamina.codecs.scene.fit.fit.Keeper", lambda path: Keeper(path, 0.0))
    config, path = changed(SMALL, "schedule", steps=40, tune_steps=2), tmp_path / "checkpoint.npz"
    (whole,) = CODEC.fit(tiny_capture(has_points=False), config, Session())
    stopper = Stopper(path, 0.1, stop=stop)
    with pytest.raises(type(stop)):
        list(CODEC.fit(tiny_capture(has_points=False), config, session_of(stopper)))
    assert path.exists()
    follower = Stopper(path, 2.0)
    (part,) = CODEC.fit(tiny_capture(has_points=False), config, session_of(follower))
    steps = [report.stage for report in follower.reports if report.stage.startswith("step ")]
    assert not steps[0].startswith("step 5 ")
    assert payloads(part) == payloads(whole)


def test_another_jobs_or_a_damaged_checkpoint_is_not_used(tmp_path: Path):
    path = tmp_path / "checkpoint.npz"
    short = changed(SMALL, "schedule", steps=40, tune_steps=0)
    with pytest.raises(Interrupted):
        list(CODEC.fit(tiny_capture(), replace(short, seed=5), session_of(Stopper(path, 0.05, "another"))))
    expected = payloads(fitted(short))
    whole = path.read_bytes()
    for content in (whole, whole[: len(whole) // 2], b"nothing"):
        path.write_bytes(content)
        (part,) = CODEC.fit(tiny_capture(), short, Session(checkpoint=path, key="a job"))
        assert payloads(part) == expected


def test_progress_rises_to_the_end_and_says_the_quality():
    watcher = Stopper(None, 2.0)
    list(CODEC.fit(tiny_capture(), changed(SMALL, "schedule", steps=40, tune_steps=4), session_of(watcher)))
    shares = [report.done for report in watcher.reports]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert 0.5 < shares[-1] <= 1
    assert all(report.quality_db is not None for report in watcher.reports)


def test_units_are_in_decoding_order_with_qualities():
    units: list[Unit] = list(CODEC.encode([fitted()]))
    assert [unit.key[:2] for unit in units] == [(-1, -1), (-1, 0), (0, 0), (0, 1), (0, 2)]
    assert [unit.quality_db for unit in units[2:]] == qualities(fitted())


@pytest.mark.parametrize("kind", ["line", "spot", "alike", "stray", "none"])
def test_captures_that_hold_no_shape_are_fitted_all_the_same(kind: str):
    capture = tiny_capture(8, has_points=False)
    views = list(capture.views)
    for number, view in enumerate(views):
        pose = view.camera.world_from_camera.copy()
        if kind in {"line", "spot"}:
            pose[:3, 3] = (0.5 * number if kind == "line" else 0.0, 0.0, 0.0)
        camera = views[0].camera if kind == "alike" else view.camera.moved(pose)
        views[number] = replace(view, camera=camera)
    if kind == "stray":
        capture = replace(capture, points=np.full((1, 3), 1e8), point_colors=np.zeros((1, 3), np.uint8))
    (part,) = CODEC.fit(replace(capture, views=tuple(views)), changed(SMALL, "schedule", steps=40), Session())
    verify([layer.indices for layer in part.layers], lattice_of(part.facts.anchors))
    assert CODEC.encode([part])
