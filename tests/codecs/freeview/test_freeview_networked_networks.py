# SPDX-License-Identifier: Apache-2.0
"""Parameters as integers, aggregation and heads, deformation: the paper's equations, written out."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networked_samples import Act, changes_of, first_of, ground_of

from lamina.codecs.freeview.motion import Channels
from lamina.codecs.freeview.networked.deformation import deformed
from lamina.codecs.freeview.networked.networks import Networks, layer_sizes, network_sizes
from lamina.codecs.freeview.networked.parameters import coded_layer, decoded_layer
from lamina.codecs.freeview.networked.points import PointScale
from lamina.codecs.freeview.networked.syntax import MAX_PARAMETER, NetworkedFacts, Representation

BITS = [2, 8, 16]


def parameters(count: int = 300, spread: float = 0.3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=spread, size=count).astype(np.float32)


def twin(values: np.ndarray, before: np.ndarray | None, factor: float, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Eq. 14, 15 and 18 to 21 in doubles: integers, and what they become."""
    values = values.astype(np.float64)
    reach = values if before is None else np.concatenate([values, before.astype(np.float64)])
    low, high = reach.min(), reach.max()
    top = 2**bits - 1
    integers = np.rint((values - low) / (high - low) * top) if high > low else np.zeros(len(values))
    found = integers * (high - low) / top + low
    return integers, found if before is None else factor * before.astype(np.float64) + found


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("spread", [1e-6, 0.3, 1e6])
def test_i_frames_return_within_half_a_step(bits: int, spread: float) -> None:
    own = parameters(spread=spread)
    layer = coded_layer(own, None, None, bits)
    step = (float(own.max()) - float(own.min())) / (2**bits - 1)
    assert (layer.low, layer.high, layer.factor) == (own.min(), own.max(), None)
    assert layer.values.min() == 0
    assert layer.values.max() == 2**bits - 1
    found = decoded_layer(layer, None, bits)
    assert found.dtype == np.float32
    assert np.abs(found.astype(np.float64) - own).max() <= 0.5 * step * 1.001 + 1e-6 * np.abs(own).max()


@pytest.mark.parametrize("bits", BITS)
def test_p_frames_return_within_half_a_step_of_what_they_build_on(bits: int) -> None:
    before, difference, factor = parameters(), parameters(spread=0.02, seed=1), np.float32(0.9375)
    layer = coded_layer(difference, before, factor, bits)
    assert layer.low == min(before.min(), difference.min())
    assert layer.high == max(before.max(), difference.max())
    step = (float(layer.high) - float(layer.low)) / (2**bits - 1)
    expected = 0.9375 * before.astype(np.float64) + difference
    assert np.abs(decoded_layer(layer, before, bits) - expected).max() <= 0.5 * step * 1.001 + 1e-6


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("is_intra", [True, False])
def test_integers_and_parameters_are_those_of_doubles(bits: int, is_intra: bool) -> None:
    own, before = parameters(spread=0.05), None if is_intra else parameters(seed=2)
    layer = coded_layer(own, before, None if is_intra else np.float32(1.25), bits)
    integers, found = twin(own, before, 1.25, bits)
    off = np.abs(layer.values - integers)
    # What stands between two integers may go to either side in singles: one in a thousand at 8 bits.
    assert off.max() <= 1
    assert (off > 0).mean() <= (0.01 if bits <= 8 else 0.2)
    step = (float(layer.high) - float(layer.low)) / (2**bits - 1)
    assert np.abs(decoded_layer(layer, before, bits) - found).max() <= 1.001 * step * off.max() + 1e-6


@pytest.mark.parametrize("value", [0.0, -0.75, 1e9, 1e-30])
def test_equal_values_come_back_as_they_are(value: float) -> None:
    own = np.full(9, value, np.float32)
    layer = coded_layer(own, None, None, 8)
    assert (layer.values == 0).all()
    assert (decoded_layer(layer, None, 8) == own).all()
    still = coded_layer(own, own, np.float32(1), 8)
    assert (decoded_layer(still, own, 8) == np.minimum(2 * own, np.float32(MAX_PARAMETER))).all()


@given(
    st.lists(st.floats(-1e9, 1e9, width=32), min_size=1, max_size=30),
    st.lists(st.floats(-1e9, 1e9, width=32), min_size=30, max_size=30),
    st.floats(-1e9, 1e9, width=32),
    st.sampled_from(BITS),
)
@settings(deadline=None, max_examples=200)
def test_extreme_ranges_stay_within_what_parameters_may_be(
    values: list[float], past: list[float], factor: float, bits: int
) -> None:
    own, before = np.array(values, np.float32), np.array(past[: len(values)], np.float32)
    for reference in (None, before):
        layer = coded_layer(own, reference, None if reference is None else np.float32(factor), bits)
        assert layer.values.min() >= 0
        assert layer.values.max() < 2**bits
        assert np.abs(decoded_layer(layer, reference, bits)).max() <= MAX_PARAMETER


def facts_of(channels: int = 2, scales: int = 2, **fields: object) -> NetworkedFacts:
    named = {"representation": Representation.POINTS, "has_inner_aggregation": True, **fields}
    return NetworkedFacts(
        has_network_entropy=True, network_bits=8, channels=channels, neighbors=2, hidden=3,
        grid_sizes=(100, 500, 900)[: scales - 1], gains=(1.0, 1.0, 1.0, 1.0), **named,
    )  # fmt: skip


def test_sizes_of_perceptrons() -> None:
    own = Channels(50, 10)
    paper = network_sizes(facts_of(16, 3), own)
    assert paper == ((3, 16, 1), (16, 16, 16), (48, 3, 50), (48, 3, 3), (48, 3, 3), (48, 3, 30))
    assert network_sizes(facts_of(16, 3, has_inner_aggregation=False), own) == paper[2:]
    triplane = network_sizes(facts_of(16, 1, representation=Representation.TRIPLANE), own)
    assert [sizes[0] for sizes in triplane] == [48] * 4
    assert layer_sizes(((3, 16, 1), (2, 5))) == ((3, 16), (16, 1), (2, 5))


def perceptron(weights: list[tuple[np.ndarray, np.ndarray]], inputs: list[float]) -> list[float]:
    """One row, element by element; ReLU between layers."""
    for number, (matrix, bias) in enumerate(weights):
        outputs = []
        for row, start in zip(matrix.tolist(), bias.tolist(), strict=True):
            total = start
            for weight, value in zip(row, inputs, strict=True):
                total += weight * value
            outputs.append(max(total, 0.0) if number < len(weights) - 1 else total)
        inputs = outputs
    return inputs


def made_networks(facts: NetworkedFacts, own: Channels) -> tuple[Networks, list[list[tuple[np.ndarray, np.ndarray]]]]:
    """Of random parameters, and their matrices."""
    sizes, random = network_sizes(facts, own), np.random.default_rng(5)
    vectors, chains = [], []
    for chain in sizes:
        layers = []
        for inputs, outputs in pairwise(chain):
            matrix, bias = random.normal(size=(outputs, inputs)), random.normal(size=outputs)
            layers.append((matrix, bias))
            vectors.append(torch.from_numpy(np.concatenate([matrix.reshape(-1), bias]).astype(np.float32)))
        chains.append(layers)
    return Networks.of(sizes, vectors), chains


SCALES = (
    PointScale(
        np.array([1, 0, 1]), np.array([[0, 2], [1, 0], [2, 1]]), np.array([[[0, 0, 0], [0.5, -1, 2]]] * 3, np.float32)
    ),
    PointScale(
        np.zeros(0, np.int64), np.array([[0, 1], [1, 0]]), np.array([[[0, 0, 0], [1, 1, -0.25]]] * 2, np.float32)
    ),
)
LATENTS = ([[1.0, 0.0], [0.0, -2.0], [3.0, 1.0]], [[0.0, 1.0], [-1.0, 4.0]])


def aggregated_twin(chains: list, inner: bool) -> list[list[float]]:
    """Coarse to fine, point after point."""
    found: list[list[float]] = []
    for latents, scale in zip(reversed(LATENTS), reversed(SCALES), strict=True):
        rows = []
        for point, own in enumerate(latents):
            if inner:
                near = scale.neighbors[point].tolist()
                scores = [perceptron(chains[0], offset)[0] for offset in scale.offsets[point].tolist()]
                shares = [math.exp(score) for score in scores]
                own = [
                    sum(share * latents[row][c] for share, row in zip(shares, near, strict=True)) / sum(shares)
                    for c in range(2)
                ]
                own = perceptron(chains[1], own)
            rows.append([*(found[scale.above[point]] if found else []), *own])
        found = rows
    return found


@pytest.mark.parametrize("inner", [True, False])
def test_aggregation_and_heads_are_those_of_plain_loops(inner: bool) -> None:
    facts, own = facts_of(has_inner_aggregation=inner), Channels(2, 1)
    networks, chains = made_networks(facts, own)
    embedding = networks.aggregated([torch.tensor(rows) for rows in LATENTS], SCALES)
    expected = aggregated_twin(chains, inner)
    assert np.allclose(embedding.numpy(), expected, rtol=1e-5, atol=1e-5)
    differences = [[value for head in chains[-4:] for value in perceptron(head, row)] for row in expected]
    assert np.allclose(networks.differences(embedding).numpy(), differences, rtol=1e-4, atol=1e-4)


def test_a_coarse_latent_reaches_all_its_points_and_no_others() -> None:
    networks, _ = made_networks(facts_of(has_inner_aggregation=False), Channels(2, 1))
    plain = networks.aggregated([torch.tensor(rows) for rows in LATENTS], SCALES)
    other = [torch.tensor(LATENTS[0]), torch.tensor(LATENTS[1]) + torch.tensor([[0.0, 0.0], [1.0, 0.0]])]
    changed = (networks.aggregated(other, SCALES) != plain).any(dim=1)
    assert changed.tolist() == [True, False, True]


def test_deformation_is_equations_7_to_9() -> None:
    first = first_of(Act())
    ground = ground_of(first)
    own, facts = ground.rest.channels, first.facts.networks
    assert facts is not None
    row = int(ground.rows[2])
    before = ground.anchors.select(torch.tensor([row]))
    outputs = torch.from_numpy(np.random.default_rng(1).normal(size=(1, own.count)).astype(np.float32))
    after = deformed(before, outputs, facts, own)
    said = outputs[0].double().numpy()
    starts, gains = own.starts, facts.gains
    features, translation, turn, offsets = (said[starts[i] : starts[i + 1]] for i in range(4))
    assert np.allclose(after.features[0], before.features[0].numpy() + gains[0] * features, atol=1e-5)
    assert np.allclose(after.positions[0], before.positions[0].numpy() + gains[1] * translation, atol=1e-5)
    x, y, z = 0.5 * gains[2] * turn
    length = math.sqrt(1 + x * x + y * y + z * z)
    w, x, y, z = 1 / length, x / length, y / length, z / length
    matrix = np.array(
        [
            [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z],
        ]
    )
    for number in range(own.offset_count):
        moved = before.offsets[0, number].double().numpy() + gains[3] * offsets[3 * number : 3 * number + 3]
        assert np.allclose(after.offsets[0, number], matrix @ moved, atol=1e-5)
    assert torch.equal(after.scalings, before.scalings)
    assert torch.equal(after.masks, before.masks)


def test_only_anchors_that_make_gaussians_move() -> None:
    ground = ground_of(first_of(Act()))
    moved = ground.moved(ground.anchors, torch.ones((len(ground.rows), ground.rest.channels.count)))
    still = np.setdiff1d(np.arange(len(ground.anchors)), ground.rows)
    for name in ("positions", "features", "offsets"):
        differs = (getattr(moved, name) != getattr(ground.anchors, name)).reshape(len(moved), -1).any(dim=1).numpy()
        assert differs[ground.rows].all()
        assert not differs[still].any()


def test_made_up_p_frames_build_on_what_was_decoded() -> None:
    ground, random = ground_of(first_of(Act())), np.random.default_rng(3)
    whole = changes_of(ground, (), True, random)
    first = tuple(decoded_layer(layer, None, 8) for layer in whole.layers)
    layers = changes_of(ground, first, False, random).layers
    assert all(layer.factor == np.float32(0.875) for layer in layers)
    assert all(layer.low <= vector.min() for layer, vector in zip(layers, first, strict=True))
