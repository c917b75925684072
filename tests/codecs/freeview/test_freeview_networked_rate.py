# SPDX-License-Identifier: Apache-2.0
"""What latents and parameters cost: the learned prior, normal integers, and a frame's unit as bytes."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from networked_samples import Act, act_parts, act_units, ground_of

from lamina.codecs.freeview.coding import decode, decode_states
from lamina.codecs.freeview.facts import breakdown, inspect
from lamina.codecs.freeview.fit.networked_frame import LEAST_SPREAD, normal_bits
from lamina.codecs.freeview.networked.frame_coding import NetworkedChanges, pack_frame, unpack_frame
from lamina.codecs.freeview.networked.frames import after
from lamina.codecs.freeview.networked.networks import layer_sizes
from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.fitting.factorized_prior import COUNTS, FactorizedPrior
from lamina.units import STREAM_GROUP

ACTS = {
    "points": Act(),
    "16 bits": Act(network_bits=16, entropy=False),
    "floats": Act(network_bits=32, entropy=False),
    "8 bits raw": Act(entropy=False),
    "without ILA": Act(inner=False),
    "one scale": Act(scales=1),
    "triplane": Act(Representation.TRIPLANE, scales=1, frames=3),
    "hash grid": Act(Representation.HASH_GRID, scales=1, frames=3),
}


def fresh_prior(channels: int = 3) -> FactorizedPrior:
    return FactorizedPrior.fresh(channels, torch.Generator().manual_seed(4))


def column(values: range | list[float], channels: int = 3) -> torch.Tensor:
    return torch.tensor(list(values), dtype=torch.float32)[:, None].expand(-1, channels)


@cache
@torch.enable_grad()
def trained_prior() -> tuple[FactorizedPrior, np.ndarray, float]:
    """On integers about 3, rarely -4, and always 0, a channel each; and what they cost before."""
    random = np.random.default_rng(0)
    rare = np.where(random.random(2_000) < 0.02, -4.0, 0.0)
    samples = np.stack([np.rint(random.normal(3, 1.5, 2_000)), rare, np.zeros(2_000)], axis=1).astype(np.float32)
    prior, values = fresh_prior(), torch.from_numpy(samples)
    before = float(prior.bits(values).detach())
    adam = torch.optim.Adam(prior.parameters(), lr=0.05)
    noise = torch.Generator().manual_seed(1)
    for _ in range(300):
        adam.zero_grad()
        prior.bits(values + torch.rand(values.shape, generator=noise) - 0.5).backward()
        adam.step()
    return prior, samples, before


@torch.no_grad()
def test_probabilities_of_a_prior_sum_to_one() -> None:
    for prior in (fresh_prior(), trained_prior()[0]):
        shares = prior.probabilities(column(range(-400, 401)))
        assert (shares >= 0).all()
        assert torch.allclose(shares.sum(dim=0), torch.ones(3), atol=1e-4)


@torch.no_grad()
def test_its_distribution_rises() -> None:
    for prior in (fresh_prior(), trained_prior()[0]):
        logits = prior._logits(column([x / 4 for x in range(-200, 201)]).t()[:, None])[:, 0]
        assert (logits.diff(dim=1) > 0).all()


def test_bits_are_those_of_the_probabilities() -> None:
    prior, values = fresh_prior(), column([-2.0, 0.0, 0.25, 7.0])
    shares = prior.probabilities(values)
    expected = -sum(math.log2(share) for share in shares.flatten().tolist())
    assert float(prior.bits(values).detach()) == pytest.approx(expected, rel=1e-5)


@torch.no_grad()
def test_what_is_far_out_still_has_a_probability_and_a_price() -> None:
    prior = fresh_prior()
    assert (prior.probabilities(column([-20.0, 20.0])) > 0).all()
    assert math.isfinite(float(prior.bits(column([-1e6, 1e6]))))


def test_bits_fall_nearly_to_the_entropy_when_it_learns() -> None:
    prior, samples, before = trained_prior()
    entropy = 0.0
    for own in samples.T:
        counts = np.unique(own, return_counts=True)[1]
        entropy -= float((counts * np.log2(counts / len(own))).sum())
    found = float(prior.bits(torch.from_numpy(samples)).detach())
    assert found < 0.6 * before
    assert entropy < found < 1.2 * entropy + 300


def test_counts_of_tables_are_its_probabilities() -> None:
    prior, samples, _ = trained_prior()
    latents = (samples[:1_500].astype(np.int32), samples[1_500:].astype(np.int32))
    rows, lows = prior.counts(latents)
    assert lows == samples.min(axis=0).astype(int).tolist()
    for channel, (row, low) in enumerate(zip(rows, lows, strict=True)):
        assert row[-1] == 0
        assert len(row) - 1 == int(samples[:, channel].max()) - low + 1
        with torch.no_grad():
            shares = prior.probabilities(column(range(low, low + len(row) - 1)))[:, channel]
        assert row[:-1] == [max(1, round(float(share) * COUNTS)) for share in shares]
        assert min(row[:-1]) >= 1


def test_counts_of_no_latents_are_one_value() -> None:
    rows, lows = fresh_prior().counts((np.zeros((0, 3), np.int32),))
    assert lows == [0, 0, 0]
    assert all(len(row) == 2 and row[0] > 0 for row in rows)


def integrated(value: float, mean: float, spread: float) -> float:
    """The normal density over a unit interval, by the midpoint rule."""
    steps = 4_000
    total = 0.0
    for step in range(steps):
        at = value - 0.5 + (step + 0.5) / steps
        total += math.exp(-0.5 * ((at - mean) / spread) ** 2)
    return total / steps / (spread * math.sqrt(2 * math.pi))


def test_bits_of_normal_integers_are_those_of_integrals() -> None:
    values = [3.0, 4.0, 4.0, 5.0, 9.0, 1.0]
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    expected = -sum(math.log2(integrated(value, mean, spread)) for value in values)
    assert float(normal_bits(torch.tensor(values))) == pytest.approx(expected, rel=1e-4)


def test_bits_of_equal_integers_are_next_to_nothing_and_have_finite_slopes() -> None:
    values = torch.full((50,), 7.0, requires_grad=True)
    bits = normal_bits(values)
    bits.backward()
    expected = -50 * math.log2(integrated(7, 7, LEAST_SPREAD))
    assert float(bits.detach()) == pytest.approx(expected, abs=1e-3)
    assert values.grad is not None
    assert values.grad.isfinite().all()


def test_a_step_against_the_slope_of_normal_bits_makes_integers_cheaper() -> None:
    values = torch.from_numpy(np.random.default_rng(2).normal(100, 20, 400).astype(np.float32)).requires_grad_()
    before = normal_bits(values)
    before.backward()
    assert values.grad is not None
    with torch.no_grad():
        assert float(normal_bits(values - 5 * values.grad)) < float(before) - 1


@pytest.mark.parametrize("name", ACTS)
def test_units_return_what_was_put_in(name: str) -> None:
    first, parts, states = act_parts(ACTS[name])
    ground = ground_of(first)
    sizes, counts = layer_sizes(ground.sizes), [scale.count for scale in ground.scales]
    kinds = set()
    for part, state in zip(parts, states, strict=True):
        payload = pack_frame(ground.facts, part.changes)
        found = unpack_frame(ground.facts, payload, sizes, counts, part.frame > 1)
        kinds.add((found.is_rest, NetworkedHead.unpack(payload)[0].has_reference))
        for one, other in zip(part.changes.layers, found.layers, strict=True):
            assert np.array_equal(one.values, other.values)
            assert (one.low, one.high, one.factor) == (other.low, other.high, other.factor)
        assert [own.tolist() for own in found.floats] == [own.tolist() for own in part.changes.floats]
        assert [own.tolist() for own in found.latents] == [own.tolist() for own in part.changes.latents]
        if part.changes.grid is not None:
            assert found.grid is not None
            assert np.array_equal(found.grid.signs, part.changes.grid.signs)
        assert state.changes is part.changes
    is_float = ACTS[name].network_bits == 32
    assert kinds == ({(True, False), (False, False)} | (set() if is_float else {(False, True)}))


@pytest.mark.parametrize("name", ACTS)
def test_decoders_have_what_the_encoder_had(name: str) -> None:
    units, states = act_units(ACTS[name]), act_parts(ACTS[name])[2]
    models = list(decode(units))
    assert [model.frame for model in models] == list(range(ACTS[name].frames))
    for model, state in zip(models, states, strict=True):
        for own in ("positions", "features", "offsets"):
            assert torch.equal(getattr(model.anchors, own), getattr(state.anchors, own))
    assert not torch.equal(models[-1].anchors.positions, models[-2].anchors.positions)
    found = [state for _, _, state in decode_states(units) if state is not None]
    for one, other in zip(found, states, strict=True):
        assert {key: value.tolist() for key, value in one.integers.items()} == {
            key: value.tolist() for key, value in other.integers.items()
        }


def test_a_frame_at_rest_is_a_few_bytes_and_forgets_all_motion() -> None:
    first, parts, states = act_parts(Act())
    ground = ground_of(first)
    assert len(pack_frame(ground.facts, parts[0].changes)) == 6
    assert torch.equal(states[0].anchors.positions, ground.anchors.positions)
    back = after(ground, states[-1], NetworkedChanges(is_rest=True))
    assert torch.equal(back.anchors.positions, ground.anchors.positions)
    assert [own.tolist() for own in back.vectors] == [own.tolist() for own in states[-1].vectors]


@pytest.mark.parametrize("name", ACTS)
def test_every_byte_of_every_unit_is_somebodys(name: str) -> None:
    units = act_units(ACTS[name])
    info, named = inspect(units[0].payload), set()
    assert info.level_count == 1
    said = {"triplane": "a tri-plane", "hash grid": "a hash grid", "one scale": "latents of 1 scales"}
    bits = ACTS[name].network_bits
    assert info.details["moved by"] == f"{said.get(name, 'latents of 3 scales')} and networks of {bits} bits"
    for unit in units:
        parts = breakdown(units[0].payload, unit)
        assert sum(parts.values()) == len(unit.payload)
        assert all(size >= 0 for size in parts.values())
        if unit.key.group != STREAM_GROUP:
            named |= {part for part, size in parts.items() if size}
    assert named >= {"headers", "networks", "latents"}
    assert ("tables" in named) == (name not in ("triplane", "hash grid"))


def test_integers_of_networks_cost_about_what_the_loss_said() -> None:
    first, parts, _ = act_parts(Act(hidden=60, channels=16, shape=Act().shape))
    facts = ground_of(first).facts
    layers = parts[1].changes.layers
    said = sum(float(normal_bits(torch.from_numpy(layer.values.astype(np.float32)))) for layer in layers)
    coded = 8 * len(NetworkedHead.unpack(pack_frame(facts, parts[1].changes))[0].networks)
    assert said < coded < 1.03 * said + 64
    raw = replace(facts, has_network_entropy=False)
    plain = 8 * len(NetworkedHead.unpack(pack_frame(raw, parts[1].changes))[0].networks)
    assert coded < 0.97 * plain
