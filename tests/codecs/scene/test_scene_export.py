# SPDX-License-Identifier: Apache-2.0
"""Gaussians for other tools look as the scene does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_samples import part_of, sample

from lamina.anchors.neural import VIEW_INPUTS, Heads, generate
from lamina.codecs.scene.export import FAINTEST, export_cloud
from lamina.codecs.scene.model import SceneModel, anchors_of, heads_of
from lamina.data.splats.gaussians import gaussians_seen_from
from lamina.networks.mlp import Mlp

AROUND = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 1.0], [-4.0, 0.5, 0.0], [0.0, -4.0, -1.0], [0.0, 0.0, 4.0]])


def scene() -> SceneModel:
    part = part_of(sample(points=30))
    layers = tuple(anchors_of(part.facts, layer, state) for layer, state in enumerate(part.layers))
    return SceneModel(part.facts, heads_of(part.facts, part.heads), layers)


def blind(mlp: Mlp, strength: float = 0.0) -> Mlp:
    """A head that hardly sees where it is looked at from."""
    first = mlp.weights[0].clone()
    first[:, -VIEW_INPUTS:] *= strength
    return replace(mlp, weights=(first, *mlp.weights[1:]))


def with_heads(model: SceneModel, strength: float) -> SceneModel:
    heads = model.heads
    seen = (blind(head, strength) for head in (heads.opacity, heads.covariance, heads.color))
    return replace(model, heads=Heads(*seen, heads.unit))


def test_a_scene_that_looks_the_same_from_everywhere_is_exported_exactly() -> None:
    model = with_heads(scene(), 0.0)
    place = torch.tensor([2.0, 1.0, 3.0])
    cloud = gaussians_seen_from(export_cloud(model, AROUND), place.numpy())
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
    flat, round_ = (export_cloud(model, AROUND, degree) for degree in (0, 2))
    assert flat.sh.shape[1:] == (1, 3)
    assert round_.sh.shape[1:] == (9, 3)
    assert float(np.abs(round_.sh[:, 1:]).max()) > 1e-3
    np.testing.assert_array_equal(flat.means, round_.means)


def test_viewpoints_are_needed() -> None:
    with pytest.raises(ValueError, match="at least one viewpoint"):
        export_cloud(scene(), np.zeros((0, 3)))


def test_a_scene_without_cameras_is_looked_at_from_around() -> None:
    model = scene()
    assert model.cameras == ()
    distances = np.linalg.norm(model.viewpoints - (np.asarray(model.facts.origin) + model.facts.side / 2), axis=1)
    np.testing.assert_allclose(distances, model.facts.distance_unit, rtol=1e-6)
