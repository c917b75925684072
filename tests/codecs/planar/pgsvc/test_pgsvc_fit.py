# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from paper_samples import SHORT, config, picture

from lamina.codec import Progress, Session
from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.fit.signal import PlanarSignal, as_planar_signal
from lamina.codecs.planar.model import FramePart, PlanarModel, render
from lamina.codecs.planar.pgsvc.fit import stages
from lamina.codecs.planar.pgsvc.fit.fit import fit as fit_pgsvc
from lamina.codecs.planar.pgsvc.fit.fit import make_header
from lamina.codecs.planar.pgsvc.fit.rate import splat_count
from lamina.codecs.planar.pgsvc.packing import PACKING
from lamina.data import clip_from_frames, downsample_area
from lamina.errors import Interrupted, SignalError, TargetError
from lamina.metrics import psnr


def still(width: int = 48, height: int = 40) -> PlanarSignal:
    pixels = picture(width, height)
    return PlanarSignal(width, height, None, 1, lambda start: iter([pixels][start:]))


def fit(signal: PlanarSignal, settings: PlanarConfig, watcher: "StopAt | None" = None) -> list[FramePart]:
    session = Session() if watcher is None else Session(watcher.report, watcher.checkpoint, "a job")
    return list(fit_pgsvc(signal, settings, session))


class StopAt:
    """Stops the fit at its n-th report."""

    def __init__(self, path: Path | None, number: int) -> None:
        self.checkpoint = path
        self.number = number
        self.reports: list[Progress] = []

    def report(self, progress: Progress) -> None:
        self.reports.append(progress)
        if len(self.reports) == self.number:
            raise Interrupted("stopped by the test")


@pytest.fixture
def eager_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step reports, so that tests can stop at any."""
    monkeypatch.setattr(stages, "REPORT_SECONDS", 0.0)


@pytest.mark.parametrize("scalability", ["quality", "resolution"])
def test_quality_of_each_level_is_that_of_its_decoded_pixels(scalability: str) -> None:
    (part,) = fit(still(), config(scalability=scalability))
    assert len(part.quality_db) == 3
    for level in range(3):
        width, height = part.header.level_size(level)
        model = PlanarModel(part.header, 0, part.layers[: level + 1])
        decoded = torch.round(render(model) * 255).clamp(0, 255).to(torch.uint8).numpy()
        reference = picture() if (width, height) == (48, 40) else downsample_area(picture(), height, width)
        expected = psnr(np.clip(np.rint(reference), 0, 255).astype(np.uint8), decoded)
        assert part.quality_db[level] == pytest.approx(expected, abs=0.02)


def test_resolution_levels_have_the_sizes_of_their_splats_share() -> None:
    header = make_header(still(), config(scalability="resolution"))
    assert [header.level_size(level) for level in range(3)] == [(28, 23), (39, 33), (48, 40)]


def test_quantisation_costs_little_and_training_beats_noise() -> None:
    (part,) = fit(still(), config())
    assert part.quality_db[2] > 17.0
    assert part.quality_db[2] > part.quality_db[0]


@pytest.mark.parametrize("training", ["random", "sequential", "pruning"])
def test_comparators_write_layered_parts(training: str) -> None:
    (part,) = fit(still(), config(pgsvc=replace(SHORT, training=training)))
    assert [len(layer.integers["positions"]) for layer in part.layers] == [20, 20, 20]


def test_clips_open_a_group_at_least_every_group_frames() -> None:
    clip = clip_from_frames([picture(shift=k) for k in range(5)])
    parts = fit(as_planar_signal(clip), config(group_frames=2))
    assert [part.group for part in parts] == [0, 0, 1, 1, 2]
    assert [part.is_key for part in parts] == [True, False, True, False, True]
    assert parts[0].header.frames_per_second == 25


@pytest.mark.parametrize("size", [(1, 1), (17, 5)])
def test_tiny_pictures_are_fitted(size: tuple[int, int]) -> None:
    (part,) = fit(still(*size), config(splats=6, scalability="resolution"))
    assert all(np.isfinite(part.quality_db))


@pytest.mark.usefixtures("eager_reports")
@pytest.mark.parametrize("number", [5, 40, 75])
def test_an_interrupted_still_resumes_from_the_step_where_it_stopped(tmp_path: Path, number: int) -> None:
    whole = fit(still(), config())
    stopper = StopAt(tmp_path / "fit.npz", number)
    with pytest.raises(Interrupted):
        fit(still(), config(), stopper)
    again = StopAt(tmp_path / "fit.npz", -1)
    resumed = fit(still(), config(), again)
    assert len(again.reports) <= 90 - number + 2
    assert_same_parts(whole, resumed)


@pytest.mark.usefixtures("eager_reports")
def test_an_interrupted_clip_resumes_within_its_group(tmp_path: Path) -> None:
    signal = as_planar_signal(clip_from_frames([picture(shift=k) for k in range(3)]))
    whole = fit(signal, config())
    stopper = StopAt(tmp_path / "fit.npz", 330)
    with pytest.raises(Interrupted):
        fit(signal, config(), stopper)
    assert stopper.reports[-1].stage == "frame 3/3"
    assert_same_parts(whole, fit(signal, config(), StopAt(tmp_path / "fit.npz", -1)))


@pytest.mark.usefixtures("eager_reports")
def test_reports_rise_to_the_end() -> None:
    watcher = StopAt(None, -1)
    fit(as_planar_signal(clip_from_frames([picture(shift=k) for k in range(2)])), config(), watcher)
    done = [report.done for report in watcher.reports]
    assert done == sorted(done)
    assert done[0] < 0.05
    assert 0.9 < done[-1] <= 1.0


def test_targets_in_bytes_and_bits_mean_splats() -> None:
    header = make_header(still(768, 512), config())
    by_bits = splat_count(config(target=RateTarget(bits_per_pixel=0.5)), header, 1)
    by_bytes = splat_count(config(target=RateTarget(size_bytes=768 * 512 // 16)), header, 1)
    assert by_bits == by_bytes
    assert 2500 < by_bits < 5000
    assert splat_count(config(splats=123), header, 9) == 123


def test_a_still_is_trimmed_to_its_target() -> None:
    target = 4000
    (part,) = fit(still(), config(target=RateTarget(size_bytes=target)))
    sizes = [
        len(PACKING.encode_layer(part.header, layer, None, part.layers[:number]))
        for number, layer in enumerate(part.layers)
    ]
    assert 0.95 * target < sum(sizes) + 75 < 1.02 * target


def test_targets_out_of_reach_are_rejected() -> None:
    header = make_header(still(), config())
    with pytest.raises(TargetError, match="bytes"):
        splat_count(config(target=RateTarget(size_bytes=100)), header, 1)
    with pytest.raises(TargetError, match="constant number of splats"):
        splat_count(config(target=RateTarget(psnr_db=30.0)), header, 1)


def test_fit_rejects_what_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="one layer"):
        fit(still(), config(pgsvc=replace(SHORT, training="monolithic")))
    with pytest.raises(ValueError, match="quantization_steps"):
        fit(still(), config(pgsvc=replace(SHORT, quantization_steps=0)))
    with pytest.raises(SignalError, match="no frames"):
        fit(PlanarSignal(4, 4, None, 0, lambda start: iter([])), config())


def assert_same_parts(first: list[FramePart], second: list[FramePart]) -> None:
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.quality_db == other.quality_db
        for a, b in zip(one.layers, other.layers, strict=True):
            for name, values in a.integers.items():
                np.testing.assert_array_equal(values, b.integers[name], err_msg=name)
