# SPDX-License-Identifier: Apache-2.0
"""Neural Gaussians: the formulas one anchor at a time, what is dropped, gradients, and which anchors are in view."""

import math
from dataclasses import replace

import numpy as np
import torch

from lamina.anchors.anchors import Anchors, concatenate
from lamina.anchors.neural import Heads, generate, head_inputs, in_view, init_heads
from lamina.cameras.camera import Camera

CHANNELS, OFFSETS = 5, 3


def random_anchors(count: int, seed: int = 1) -> Anchors:
    random = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(shape, generator=random)  # noqa: E731
    masks = torch.ones(count, OFFSETS)
    return Anchors(
        normal(count, 3), normal(count, CHANNELS), normal(count, 6).exp() * 0.1, normal(count, OFFSETS, 3), masks
    )


def heads(unit: float = 2.0, *, is_level_conditioned: bool = False) -> Heads:
    return init_heads(
        CHANNELS, OFFSETS, 8, unit, torch.Generator().manual_seed(2), is_level_conditioned=is_level_conditioned
    )


def test_networks_are_told_what_is_missing_by_an_input_of_its_own():
    networks, anchors, place = heads(is_level_conditioned=True), random_anchors(10), torch.tensor([0.3, -2.0, 1.0])
    assert not networks.color.weights[0][:, -1].any()
    missing = torch.linspace(0, 1, 10)[:, None]
    told = head_inputs(replace(anchors, missing=missing), networks, place)
    assert torch.equal(told[:, :-1], head_inputs(anchors, heads(), place))
    assert torch.equal(told[:, -1:], missing)
    complete = head_inputs(anchors, networks, place)
    assert complete.shape == told.shape
    assert not complete[:, -1].any()


def test_what_is_missing_stays_with_its_anchor():
    parts = [replace(random_anchors(3), missing=torch.tensor([[0.0], [0.5], [1.0]])), random_anchors(2)]
    assert parts[0].select(torch.tensor([2, 0])).missing.tolist() == [[1.0], [0.0]]
    assert parts[0].select(slice(1, 2)).missing.tolist() == [[0.5]]
    assert parts[1].select(slice(0, 1)).missing is None
    assert concatenate(parts).missing is None


def test_each_gaussian_follows_the_formulas():
    anchors, networks, place = random_anchors(40), heads(), torch.tensor([0.3, -2.0, 1.0])
    gaussians, sources = generate(anchors, networks, place)
    assert 0 < len(gaussians) < 40 * OFFSETS
    assert (gaussians.opacities > 0).all()
    for row, source in enumerate(sources.tolist()):
        anchor, k = divmod(source, OFFSETS)
        toward = anchors.positions[anchor] - place
        inputs = torch.cat([anchors.features[anchor], toward / toward.norm(), toward.norm()[None] / 2.0])
        scaling = anchors.scalings[anchor]
        shape = networks.covariance(inputs)[7 * k : 7 * k + 7]
        mean = anchors.positions[anchor] + anchors.offsets[anchor, k] * scaling[:3]
        torch.testing.assert_close(gaussians.means[row], mean)
        torch.testing.assert_close(gaussians.scales[row], scaling[3:] * torch.sigmoid(shape[:3]))
        torch.testing.assert_close(gaussians.rotations[row], shape[3:])
        torch.testing.assert_close(gaussians.opacities[row], torch.tanh(networks.opacity(inputs)[k]))
        torch.testing.assert_close(gaussians.colors[row], torch.sigmoid(networks.color(inputs)[3 * k : 3 * k + 3]))


def test_masked_offsets_make_no_gaussian():
    anchors, place = random_anchors(30), torch.zeros(3)
    _, sources = generate(anchors, heads(), place)
    anchors.masks[:, 1] = 0.0
    _, left = generate(anchors, heads(), place)
    assert left.tolist() == [source for source in sources.tolist() if source % OFFSETS != 1]


def test_a_subset_makes_the_same_gaussians():
    anchors, place = random_anchors(30), torch.zeros(3)
    whole, sources = generate(anchors, heads(), place)
    halves = [generate(anchors.select(part), heads(), place) for part in (slice(0, 12), slice(12, 30))]
    assert torch.equal(torch.cat([halves[0][1], halves[1][1] + 12 * OFFSETS]), sources)
    torch.testing.assert_close(torch.cat([part.colors for part, _ in halves]), whole.colors)
    again = concatenate([anchors.select(slice(0, 12)), anchors.select(slice(12, 30))])
    assert torch.equal(again.offsets, anchors.offsets)


def test_gradients_reach_every_input():
    anchors, networks = random_anchors(6), heads()
    leaves = [tensor.double().requires_grad_() for tensor in (anchors.features, anchors.scalings, anchors.offsets)]
    double = [type(mlp)(tuple(w.double() for w in mlp.weights), tuple(b.double() for b in mlp.biases))
              for mlp in (networks.opacity, networks.covariance, networks.color)]  # fmt: skip
    place = torch.zeros(3, dtype=torch.float64)

    def run(features: torch.Tensor, scalings: torch.Tensor, offsets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        built = Anchors(anchors.positions.double(), features, scalings, offsets, anchors.masks.double())
        return generate(built, Heads(*double), place)[0].tensors()

    assert torch.autograd.gradcheck(run, leaves)


def test_distances_are_in_units_of_the_scene():
    anchors = random_anchors(20)
    larger = Anchors(10 * anchors.positions, anchors.features, 10 * anchors.scalings, anchors.offsets, anchors.masks)
    small, _ = generate(anchors, heads(unit=2.0), torch.tensor([0.0, 0.0, -3.0]))
    large, _ = generate(larger, heads(unit=20.0), torch.tensor([0.0, 0.0, -30.0]))
    torch.testing.assert_close(large.means, 10 * small.means, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(large.colors, small.colors, rtol=1e-4, atol=1e-5)


def test_initial_rotations_are_near_the_identity():
    gaussians, _ = generate(random_anchors(50), heads(), torch.zeros(3))
    assert (gaussians.rotations[:, 0] > 0).float().mean() > 0.7


def test_anchors_are_kept_by_reach_not_by_centre_alone():
    camera = Camera(np.eye(4), 100.0, 100.0, 50.0, 40.0, 100, 80)
    places = torch.tensor([[0.0, 0.0, 3.0], [9.0, 0.0, 3.0], [9.0, 0.0, 3.0], [0.0, 0.0, -3.0], [0.0, 0.0, -3.0]])
    reach = torch.tensor([0.01, 0.01, 10.0, 0.01, 10.0])
    anchors = Anchors(
        places,
        torch.zeros(5, CHANNELS),
        reach[:, None].repeat(1, 6),
        torch.zeros(5, OFFSETS, 3),
        torch.ones(5, OFFSETS),
    )
    assert in_view(anchors, camera).tolist() == [True, False, True, False, True]


def test_nothing_makes_nothing():
    gaussians, sources = generate(random_anchors(0), heads(), torch.zeros(3))
    assert len(gaussians) == len(sources) == 0
    assert math.isfinite(float(gaussians.means.sum()))
