# SPDX-License-Identifier: Apache-2.0
"""Gaussians for other tools look as the scene does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_samples import part_of, sample

from lamina.anchors.exporting.clouds import FAINTEST, export_cloud, mean_cloud
from lamina.anchors.exporting.descent import VIEW_PIXELS, fit_to_subject, look_through
from lamina.anchors.neural import VIEW_INPUTS, Heads, generate
from lamina.cameras.camera import Camera, look_at
from lamina.codecs.scene.coding import model_of
from lamina.codecs.scene.export import subject_of
from lamina.codecs.scene.model import SceneModel, render
from lamina.data.splats import SplatCloud
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.errors import Interrupted
from lamina.metrics.psnr import psnr
from lamina.networks.mlp import Mlp
from lamina.render.spatial import render_spatial

AROUND = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 1.0], [-4.0, 0.5, 0.0], [0.0, -4.0, -1.0], [0.0, 0.0, 4.0]])
MIDDLE = np.zeros(3)


def camera_at(position: np.ndarray, target: np.ndarray = MIDDLE) -> Camera:
    pose = look_at(position, target, np.array([0.3, -1.0, 0.2]))
    return Camera(np.linalg.inv(pose), 40.0, 40.0, 24.0, 18.0, 48, 36)


def scene(places: np.ndarray = AROUND) -> SceneModel:
    return model_of(replace(part_of(sample(points=30)), cameras=tuple(camera_at(place) for place in places)))


def likeness_db(cloud: SplatCloud, model: SceneModel, camera: Camera) -> float:
    """How near the cloud comes to the scene."""
    seen = gaussians_seen_from(cloud, camera.position_world)
    pictures = (render_spatial(seen, camera, background=model.background).pixels, render(model, camera))
    first, second = ((picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy() for picture in pictures)
    return psnr(first, second)


TOLD_INPUTS = 1
"""What is missing comes after the view."""


def blind(mlp: Mlp, strength: float = 0.0) -> Mlp:
    """A head that hardly sees where it is looked at from."""
    first = mlp.weights[0].clone()
    first[:, -VIEW_INPUTS - TOLD_INPUTS : -TOLD_INPUTS] *= strength
    return replace(mlp, weights=(first, *mlp.weights[1:]))


def with_heads(model: SceneModel, strength: float) -> SceneModel:
    heads = model.heads
    seen = (blind(head, strength) for head in (heads.opacity, heads.covariance, heads.color))
    return replace(model, heads=Heads(*seen, heads.unit, heads.is_level_conditioned))


def test_a_scene_that_looks_the_same_from_everywhere_is_exported_exactly() -> None:
    model = with_heads(scene(), 0.0)
    place = torch.tensor([2.0, 1.0, 3.0])
    cloud = gaussians_seen_from(export_cloud(subject_of(model), fit_steps=0), place.numpy())
    expected, _ = generate(model.anchors(), model.heads, place)
    kept = expected.opacities > FAINTEST
    assert len(cloud.means) == int(kept.sum()) > 20
    torch.testing.assert_close(cloud.means, expected.means[kept])
    torch.testing.assert_close(cloud.scales, expected.scales[kept], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(cloud.opacities, expected.opacities[kept], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(cloud.colors, expected.colors[kept], rtol=0, atol=2e-3)
    turned = torch.nn.functional.normalize(cloud.rotations) * torch.nn.functional.normalize(expected.rotations[kept])
    assert float(turned.sum(dim=1).abs().min()) > 0.9999


def test_harmonics_follow_the_view() -> None:
    model = with_heads(scene(), 0.5)
    flat, round_ = (export_cloud(subject_of(model), degree=degree, fit_steps=0) for degree in (0, 2))
    assert flat.sh.shape[1:] == (1, 3)
    assert round_.sh.shape[1:] == (9, 3)
    assert float(np.abs(round_.sh[:, 1:]).max()) > 1e-3
    np.testing.assert_array_equal(flat.means, round_.means)


def test_a_camera_that_looks_away_is_not_asked() -> None:
    model = scene()
    sees, looks_away = camera_at(AROUND[0]), camera_at(AROUND[2], 2 * AROUND[2])
    alone, both = mean_cloud(subject_of(model), [sees], 0), mean_cloud(subject_of(model), [sees, looks_away], 0)
    asked = mean_cloud(subject_of(model), [sees, camera_at(AROUND[2])], 0)
    known = {tuple(mean): opacity for mean, opacity in zip(alone.means, alone.opacities, strict=True)}
    in_both = [known.get(tuple(mean), 0.0) for mean in both.means]
    np.testing.assert_allclose(both.opacities, in_both, atol=2e-3)
    assert len(asked) > len(alone)


@pytest.mark.parametrize("level", [1, 2])
def test_fitted_gaussians_show_more_nearly_what_the_scene_shows(level: int) -> None:
    whole = scene()
    model = replace(whole, layers=whole.layers[: level + 1])
    plain, fitted = (export_cloud(subject_of(model), fit_steps=steps) for steps in (0, 150))
    gains = [likeness_db(fitted, model, camera) - likeness_db(plain, model, camera) for camera in model.cameras]
    assert np.mean(gains) > 1.0
    assert (fitted.opacities > FAINTEST).all()
    np.testing.assert_allclose(np.linalg.norm(fitted.rotations, axis=1), 1.0, rtol=1e-5)


def test_the_same_scene_gives_the_same_gaussians() -> None:
    first, second = (export_cloud(subject_of(scene()), fit_steps=12) for _ in range(2))
    for name in ("means", "log_scales", "rotations", "logit_opacities", "sh"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_scene_without_cameras_is_looked_at_from_around() -> None:
    model = scene(AROUND[:0])
    assert model.cameras == ()
    distances = np.linalg.norm(
        model.viewpoints - (np.asarray(model.facts.anchors.origin) + model.facts.anchors.side / 2), axis=1
    )
    np.testing.assert_allclose(distances, model.facts.anchors.distance_unit, rtol=1e-6)
    assert len(export_cloud(subject_of(model))) > 20


@pytest.mark.parametrize(("cameras", "is_fitted"), [(0, False), (2, False), (3, True)])
def test_few_cameras_are_not_fitted_to(cameras: int, is_fitted: bool) -> None:
    model = scene(AROUND[:cameras])
    plain, asked = (export_cloud(subject_of(model), fit_steps=steps) for steps in (0, 2))
    assert np.array_equal(plain.sh, asked.sh) is not is_fitted


def test_progress_rises_to_one_and_may_stop_the_fit() -> None:
    said: list[float] = []
    export_cloud(subject_of(scene()), fit_steps=3, report=said.append)
    assert said == sorted(said)
    assert (said[0] > 0.0, said[-1], len(said)) == (True, 1.0, 100 + 3 + 1)

    def stop(done: float) -> None:
        raise Interrupted(f"at {done}")

    with pytest.raises(Interrupted):
        export_cloud(subject_of(scene()), fit_steps=3, report=stop)


def test_large_views_are_made_smaller() -> None:
    model, camera = scene(), camera_at(AROUND[0]).resized(4800, 360)
    look = look_through(subject_of(model), camera)
    assert look.target.shape == (look.camera.height, look.camera.width, 3)
    assert 0.9 * VIEW_PIXELS < look.camera.width * look.camera.height <= VIEW_PIXELS
    assert look.camera.focal_x_px / look.camera.width == pytest.approx(camera.focal_x_px / camera.width)


@pytest.mark.parametrize(("degree", "steps"), [(4, 0), (-1, 0), (2, -1)])
def test_degrees_and_steps_that_there_are_not(degree: int, steps: int) -> None:
    with pytest.raises(ValueError, match=r"degree 0\.\.\.3 and 0 or more steps"):
        export_cloud(subject_of(scene()), degree=degree, fit_steps=steps)


def test_cameras_are_needed_to_fit() -> None:
    model = scene()
    with pytest.raises(ValueError, match="at least one camera"):
        fit_to_subject(export_cloud(subject_of(model), fit_steps=0), subject_of(model), [], 3, lambda done: None)
