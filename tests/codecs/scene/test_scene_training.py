# SPDX-License-Identifier: Apache-2.0
"""Steps and changes of the octree: what descends, which views come, what offsets weigh, what is dropped."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_capture import SMALL, changed, tiny_capture

from lamina.anchors.fitting import training
from lamina.anchors.fitting.adjustment import (
    LEAST_WEIGHT_PX,
    adjust,
    allowed_at,
    bounded,
    drop_unused,
    weights_in_view,
    weights_of,
)
from lamina.anchors.fitting.schedule import stage_at
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.training import (
    FitInput,
    look,
    lower_gaussians,
    lower_levels,
    rows_in_view,
    take_step,
    view_at,
)
from lamina.anchors.neural import generate
from lamina.anchors.octree import verify
from lamina.fitting.photometric import photometric
from lamina.fitting.shots import Shot
from lamina.render.spatial import render_spatial

CPU = torch.device("cpu")


def begun(steps: int = 20) -> tuple:
    scene = FitInput(tiny_capture(), SMALL, CPU)
    state = first_state(scene.capture, SMALL, CPU)
    for _ in range(steps):
        take_step(scene, state)
    return scene, state


def test_a_sweep_shows_each_view_once():
    scene = FitInput(tiny_capture(), SMALL, CPU)
    count = len(scene.capture.train)
    sweeps = [[view_at(scene, 1 + sweep * count + place) for place in range(count)] for sweep in range(3)]
    assert all(sorted(sweep) == list(scene.capture.train) for sweep in sweeps)
    assert sweeps[0] != sweeps[1]


def test_error_falls():
    scene = FitInput(tiny_capture(), SMALL, CPU)
    state = first_state(scene.capture, SMALL, CPU)
    errors = [take_step(scene, state) for _ in range(50)]
    assert np.mean(errors[-10:]) < 0.4 * np.mean(errors[:10])


def test_only_rows_in_view_descend():
    scene = FitInput(tiny_capture(), changed(SMALL, "growth", enabled=False), CPU)
    state = first_state(scene.capture, scene.config, CPU)
    state.values.values[:, 6:12] -= 3.0
    view = view_at(scene, 1)
    seen = rows_in_view(state, scene.camera(view))
    before = state.values.values.clone()
    take_step(scene, state)
    moved = (state.values.values != before).any(dim=1)
    assert 0 < int(moved.sum()) <= len(seen)
    assert set(torch.nonzero(moved).reshape(-1).tolist()) <= set(seen.tolist())


def test_half_size_pictures_are_means_and_cameras_fit_them():
    scene = FitInput(tiny_capture(), SMALL, CPU)
    shot = Shot(scene.camera(1), scene.target(1)).halved()
    assert shot.target.shape == (shot.camera.height, shot.camera.width, 3) == (18, 24, 3)
    torch.testing.assert_close(shot.target[3, 5], scene.target(1)[6:8, 10:12].mean(dim=(0, 1)))
    point = np.array([[0.2, -0.1, 0.3]])
    full, _ = scene.camera(1).project(point)
    half, _ = shot.camera.project(point)
    assert np.allclose(full, 2 * half)


def test_parts_of_pictures_show_what_the_whole_shows_there():
    scene, state = begun()
    whole = Shot(scene.camera(1), scene.target(1))
    random, corners = np.random.default_rng(3), set()
    stage, noise = stage_at(2, scene.config), torch.Generator()
    seen = look(state, whole.camera, stage, noise)
    full = render_spatial(seen.gaussians, whole.camera).pixels
    for _ in range(40):
        part = whole.part(300, random)
        left, upper = (round(float(whole.camera.intrinsics_px[axis, 2] - part.camera.intrinsics_px[axis, 2]))
                       for axis in (0, 1))  # fmt: skip
        window = (slice(upper, upper + 15), slice(left, left + 20))
        assert torch.equal(part.target, whole.target[window])
        assert part.share == pytest.approx(300 / (36 * 48))
        corners |= {(left, upper)}
        shown = render_spatial(seen.gaussians, part.camera).pixels
        # A Gaussian whose centre is far outside is linearised where the picture ends, and parts end sooner.
        torch.testing.assert_close(shown, full[window], atol=0.02, rtol=0)
        assert float((shown - full[window]).detach().abs().mean()) < 1e-3
    lefts, uppers = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert {0, 28} <= lefts
    assert {0, 21} <= uppers
    assert len(corners) > 20
    assert whole.part(36 * 48, random) is whole


def test_steps_on_parts_of_pictures_learn_as_well():
    scene = FitInput(tiny_capture(), changed(SMALL, "schedule", step_pixels=600), CPU)
    state = first_state(scene.capture, scene.config, CPU)
    errors = [take_step(scene, state) for _ in range(60)]
    assert np.mean(errors[-10:]) < 0.5 * np.mean(errors[:10])


def test_lower_levels_see_as_much_as_they_may(monkeypatch: pytest.MonkeyPatch):
    sizes: list[tuple[int, ...]] = []

    def noted(rendered: torch.Tensor, target: torch.Tensor, weight: float) -> torch.Tensor:
        assert rendered.shape == target.shape
        sizes.append(tuple(target.shape[:2]))
        return photometric(rendered, target, weight)

    monkeypatch.setattr(training, "photometric", noted)
    for pixels, expected in ((1 << 32, {(18, 24), (36, 48)}), (600, {(18, 24), (21, 28)})):
        scene, state = begun(0)
        scene = replace(scene, config=changed(scene.config, "loss", lower_pixels=pixels))
        shot, stage = Shot(scene.camera(1), scene.target(1)), stage_at(100, scene.config)
        seen = look(state, shot.camera, stage, torch.Generator().manual_seed(0))
        sizes.clear()
        for state.step in range(4):
            lower_levels(scene, state, seen, shot, stage, np.random.default_rng(1)).detach()
        assert set(sizes) == expected


def test_lower_levels_are_prefixes_of_the_gaussians():
    scene, state = begun()
    stage = stage_at(state.step, scene.config)
    seen = look(state, scene.camera(1), stage, torch.Generator())
    rows = seen.rows[seen.sources // 3]
    assert (rows[1:] >= rows[:-1]).all()
    layers = np.searchsorted(state.starts, rows.numpy(), side="right") - 1
    assert (np.diff(layers) >= 0).all()
    assert layers[-1] > 0


def test_what_only_a_lower_level_shows_is_kept():
    scene, state = begun()
    base = slice(0, int(state.starts[1]))
    with torch.no_grad():
        opacity = state.networks.heads.opacity
        for tensor in opacity.parameters():
            tensor.zero_()
        # Two hidden units tell base anchors at the top level from all others: their first feature is 100.
        state.values.values[:, 0] = 0.0
        state.values.values[base, 0] = 100.0
        opacity.weights[0][0, 0], opacity.weights[0][0, -1] = 1.0, -1000.0
        opacity.weights[1][:, 0], opacity.biases[1][:] = -1.0, 0.5
    shown = weights_of(state, scene)[base].max()
    assert shown > LEAST_WEIGHT_PX
    camera = scene.camera(scene.capture.train[0])
    rows, top = weights_in_view(state, camera, scene.config.level_count - 1)
    assert top[rows < base.stop].max() == 0
    rows, lowest = weights_in_view(state, camera, 0)
    assert rows.max() < base.stop
    assert lowest.max() > 0
    assert drop_unused(state, scene).used()[base].any()


def test_lower_levels_are_generated_for_their_level():
    scene, state = begun()
    camera = scene.camera(scene.capture.train[0])
    stage = stage_at(1, scene.config)
    with torch.no_grad():
        state.networks.heads.color.biases[-1].zero_()
        state.networks.heads.color.weights[0][:, -1] = 5.0
        seen = look(state, camera, stage, torch.Generator().manual_seed(0))
        part = lower_gaussians(state, seen, 0, camera, stage.least_opacity)
        assert 0 < len(part) < len(seen.gaussians)
        prefix = seen.gaussians.colors[: len(part)]
        assert not torch.allclose(part.colors, prefix, atol=1e-3)
        for mlp in (state.networks.heads.opacity, state.networks.heads.covariance, state.networks.heads.color):
            mlp.weights[0][:, -1] = 0.0
        same = lower_gaussians(state, seen, 0, camera, stage.least_opacity)
        torch.testing.assert_close(same.colors, seen.gaussians.colors[: len(same)])


def test_what_an_offset_weighs_is_what_its_color_adds():
    scene, state = begun()
    scene = replace(scene, capture=replace(scene.capture, train=scene.capture.train[:1]))
    view = scene.capture.train[0]
    seen, found = weights_in_view(state, scene.camera(view), scene.config.level_count - 1)
    weights = np.zeros((state.count, found.shape[1]), np.float32)
    weights[seen] = found
    assert (weights_of(state, scene) >= weights).all()
    rows = torch.arange(state.count)
    place = torch.from_numpy(scene.camera(view).position_world).float()
    with torch.no_grad():
        anchors = state.anchors(rows, state.values.values, state.used().float())
        gaussians, sources = generate(anchors, state.networks.heads, place)
        number = int(np.argmax(weights.reshape(-1)[sources.numpy()]))
        brighter = gaussians.colors.clone()
        brighter[number, 1] += 1.0
        pixels, more = (
            render_spatial(replace(gaussians, colors=colors), scene.camera(view)).pixels[..., 1].sum()
            for colors in (gaussians.colors, brighter)
        )
    assert float(more - pixels) == pytest.approx(float(weights.reshape(-1)[sources[number]]), rel=1e-3)


def test_what_an_offset_weighs_is_about_the_same_in_smaller_views():
    scene, state = begun(60)
    smaller = replace(scene, config=changed(scene.config, "schedule", step_pixels=600))
    camera, pixels = bounded(scene.camera(1), 600)
    assert (camera.width, camera.height) == (28, 21)
    assert pixels == pytest.approx(48 * 36 / (28 * 21))
    assert bounded(scene.camera(1), 48 * 36) == (scene.camera(1), 1.0)
    exact, about = weights_of(state, scene), weights_of(state, smaller)
    assert exact.max() > 10
    assert about.sum() == pytest.approx(exact.sum(), rel=0.1)
    assert np.corrcoef(exact.ravel(), about.ravel())[0, 1] > 0.95


def test_dropping_what_is_not_seen_hardly_changes_pictures():
    scene, state = begun(60)
    dropped = drop_unused(state, scene)
    verify(dropped.layers, dropped.lattice)
    assert dropped.used().sum() < state.used().sum()
    weights = weights_of(dropped, scene)[dropped.used().numpy()]
    assert weights.min() > 0.5 * LEAST_WEIGHT_PX
    stage, camera = stage_at(state.step, scene.config), scene.camera(scene.capture.train[2])
    with torch.no_grad():
        before, after = (
            render_spatial(look(which, camera, stage, torch.Generator()).gaussians, camera).pixels
            for which in (state, dropped)
        )
    assert (before - after).square().mean() < 1e-4


def test_adjusting_keeps_a_strict_tree_within_the_limit():
    _, state = begun(18)
    config = changed(changed(SMALL, "growth", threshold=1e-9, is_paced=False), "anchors", limit=state.count + 25)
    grown = adjust(state, config)
    verify(grown.layers, grown.lattice)
    assert state.count - 30 < grown.count
    assert grown.statistics.visits.sum() == 0
    state.statistics.visits[:] = 100
    state.statistics.opacities[:] = 0
    assert adjust(state, config).count == 0


def test_growing_is_paced_to_the_limit():
    first, limit, steps = SMALL.anchors.first, SMALL.anchors.limit, SMALL.schedule.steps
    allowed = [allowed_at(step, SMALL) for step in range(steps + 1)]
    assert allowed == sorted(allowed)
    assert allowed[0] == first
    assert allowed[round(SMALL.schedule.grow_until * steps)] == allowed[-1] == limit
    assert first < allowed[steps // 4] < limit
