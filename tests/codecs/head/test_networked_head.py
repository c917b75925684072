# SPDX-License-Identifier: Apache-2.0
"""The paper's head: its codes, its arrays, what a network makes of Gaussians."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent))
from networked_head_samples import network_facts_of, networked_parts, state_of

from lamina.codec import Choices
from lamina.codecs.head import CODEC
from lamina.codecs.head.config import PRESETS, HeadConfig, NetworkConfig
from lamina.codecs.head.fit.networked_learning import prune
from lamina.codecs.head.fit.networked_quantizing import network_facts, with_bits
from lamina.codecs.head.model import Head
from lamina.codecs.head.networked.codes import LARGEST, code_bits, ends_well, folded, read_codes, unfolded, write_codes
from lamina.codecs.head.networked.decoded import network_look
from lamina.codecs.head.networked.indices import pack_indices, unpack_indices, within
from lamina.codecs.head.networked.look import encoded_places, moved, product, seen_colors
from lamina.codecs.head.networked.sections import pack_network, unpack_network
from lamina.codecs.head.networked.values import named_arrays
from lamina.errors import BitstreamError
from lamina.render.spherical_harmonics import basis

KINDS = ({}, {"is_quantized": False}, {"has_latents": False}, {"is_quantized": False, "has_latents": False})


@given(values=st.lists(st.integers(-1000, 1000), max_size=40), order=st.integers(0, 12), lead=st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_codes_come_back(values: list[int], order: int, lead: int) -> None:
    codes = folded(np.array(values, np.int64))
    size = lead + code_bits(codes, order)
    data = np.zeros(size // 8 + 1, np.uint8)
    assert write_codes(data, lead, codes, order) == size
    found = np.zeros(len(values), np.int64)
    assert read_codes(data, lead, found, order) == size
    assert unfolded(found).tolist() == values


def test_codes_have_the_lengths_of_the_paper() -> None:
    lengths = [code_bits(folded(np.array([value])), 0) for value in (0, 1, -1, 2, 3, -3, 4, 7, -8, 15, 64)]
    assert lengths == [1, 3, 3, 5, 5, 5, 7, 7, 9, 9, 15]


def test_codes_that_end_early_or_are_too_long_are_found() -> None:
    codes = np.array([5, LARGEST], np.int64)
    data = np.zeros((code_bits(codes, 0) + 7) // 8, np.uint8)
    end = write_codes(data, 0, codes, 0)
    assert ends_well(data.tobytes(), end)
    assert not ends_well(data.tobytes() + b"\0", end)
    assert read_codes(data[:-1], 0, np.zeros(2, np.int64), 0) == -1
    assert read_codes(np.zeros(9, np.uint8), 0, np.zeros(1, np.int64), 0) == -1


def test_parameters_cost_what_the_paper_says() -> None:
    facts = network_facts_of(networked_parts()[0].facts)
    columns = len(facts.zeros)
    still = np.zeros((100, columns), np.int32)
    assert len(pack_indices(facts, still)) == -(-columns * (8 + 99) // 8)
    np.testing.assert_array_equal(unpack_indices(facts, 100, pack_indices(facts, still)), still)


def test_parameters_out_of_their_range_are_refused() -> None:
    facts = network_facts_of(networked_parts()[0].facts)
    far = np.full((2, len(facts.zeros)), 300, np.int64)
    with pytest.raises(ValueError, match=r"0\.\.\.255"):
        pack_indices(facts, far.astype(np.int32))
    held = within(facts, far)
    assert (held + np.array(facts.zeros) == 255).all()
    data = bytearray(pack_indices(facts, held))
    with pytest.raises(BitstreamError):
        unpack_indices(facts, 3, bytes(data))


@pytest.mark.parametrize("changes", KINDS, ids=str)
@pytest.mark.parametrize("deflated", [False, True])
def test_arrays_come_back(changes: dict, deflated: bool) -> None:
    facts = network_facts_of(networked_parts()[0].facts, **changes)
    state = state_of(facts, 30, 5, deflated=deflated)
    found = unpack_network(facts, pack_network(facts, state), 30, 5)
    assert found.is_deflated == deflated
    own = named_arrays(state)
    assert own.keys() == named_arrays(found).keys()
    for name, array in named_arrays(found).items():
        np.testing.assert_array_equal(array, own[name])


def test_each_mechanism_makes_it_smaller() -> None:
    plain = networked_parts()[0].facts
    sizes = []
    floats = {"is_quantized": False}
    for changes, deflated in (({**floats, "has_latents": False}, False), (floats, False), ({}, False), ({}, True)):
        facts = network_facts_of(plain, **changes)
        head = pack_network(facts, state_of(facts, 400, 5, deflated=deflated))
        sizes.append((len(head.attributes), len(head.network)))
    attributes, networks = zip(*sizes, strict=True)
    assert attributes[0] == 4 * 56 * 400
    assert attributes[1] == (24 + 6) * 400 + 4 * 112
    assert attributes[2] < 0.65 * attributes[1]
    assert networks[0] == networks[1] == 2 * networks[2]
    assert networks[3] <= networks[2] + 16


def plain_moved(look, components: list[float]) -> list[list[float]]:
    """The network's ten outputs of each Gaussian, one number after another."""
    rows = []
    for encoded in look.encoded.tolist():
        values = [*encoded, *(component / 0.2 for component in components)]
        for layer, (weight, bias) in enumerate(zip(look.network.weights, look.network.biases, strict=True)):
            values = [
                sum(w * v for w, v in zip(row, values, strict=True)) + b for row, b in zip(weight, bias, strict=True)
            ]
            values = [max(float(v), 0.0) if layer < len(look.network.weights) - 1 else float(v) for v in values]
        rows.append(values)
    return rows


def test_the_network_moves_gaussians_as_written_plainly() -> None:
    part = networked_parts(gaussians=6)[0]
    look = network_look(part.facts.network, part.layers[0].network)
    components = [0.1, -0.3, 0.2, 0.0, 0.4]
    found, outputs = moved(look, torch.tensor(components)), np.tanh(plain_moved(look, components))
    np.testing.assert_allclose(found.places_cm, 10 * outputs[:, :3], atol=1e-5)
    np.testing.assert_allclose(found.log_sizes, look.log_sizes.numpy() + outputs[:, 7:], atol=1e-6)
    for own, turn, row in zip(look.rotations, found.rotations, outputs, strict=True):
        w, x, y, z = np.exp(row[3]), *row[4:7]
        right = np.array([[w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]])
        np.testing.assert_allclose(turn, right @ own.numpy(), atol=1e-6)


def test_places_are_encoded_as_in_nerf() -> None:
    found = encoded_places(torch.tensor([[10.0, -5.0, 0.0]]), 2)[0]
    scaled = np.array([1.0, -0.5, 0.0])
    wanted = np.concatenate([scaled, np.sin(scaled), np.cos(scaled), np.sin(2 * scaled), np.cos(2 * scaled)])
    np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_harmonics_color_by_direction() -> None:
    part = networked_parts(gaussians=5, is_quantized=False, has_latents=False)[0]
    look = network_look(part.facts.network, part.layers[0].network)
    directions = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    harmonics = basis(directions, 3)[:, 1:].numpy()
    rest = look.rest.numpy().reshape(5, 15, 3)
    wanted = look.colors.numpy() + np.einsum("nk,nkc->nc", harmonics, rest)
    np.testing.assert_allclose(seen_colors(look, directions), wanted, atol=1e-6)


def test_gradients_reach_the_network_and_expressions() -> None:
    part = networked_parts(gaussians=6)[0]
    look = network_look(part.facts.network, part.layers[0].network)
    weight = look.network.weights[0].double().requires_grad_()
    network = replace(look.network, weights=(weight, *(w.double() for w in look.network.weights[1:])),
                      biases=tuple(b.double() for b in look.network.biases))  # fmt: skip
    own = replace(look, network=network, encoded=look.encoded.double(), rotations=look.rotations.double(),
                  log_sizes=look.log_sizes.double())  # fmt: skip

    def shown(components: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
        changed = replace(own, network=replace(network, weights=(first, *network.weights[1:])))
        found = moved(changed, components)
        return torch.cat([found.places_cm, product(found.rotations, found.rotations), found.log_sizes], dim=1)

    components = torch.tensor([0.1, -0.3, 0.2, 0.05, 0.4], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(shown, (components, weight))


def test_the_preset_is_the_papers() -> None:
    config = PRESETS["paper"]
    network = config.network
    assert network is not None
    assert (config.level_count, config.motion.dimensions, config.motion.steps) == (1, 50, 0)
    assert (network.width, network.octaves, network.parameter_bits) == (256, 8, 10)
    assert CODEC.configure(Choices("paper")) == config


def test_heads_of_networks_reject_layers_and_absurd_sizes() -> None:
    with pytest.raises(ValueError, match="expected 1 for a head that a network moves"):
        replace(PRESETS["paper"], level_count=2)
    for wrong in ({"hidden_layers": 0}, {"width": 5000}, {"octaves": 11}, {"parameter_bits": 1}, {"pruned_share": 1.0}):
        with pytest.raises(ValueError, match="expected"):
            NetworkConfig(**wrong)


def test_ranges_hold_what_was_seen_and_zero() -> None:
    rows = np.array([[0.5, -1.0, 0.0], [1.5, -0.2, 0.0]], np.float32)
    config = replace(HeadConfig(level_count=1), network=NetworkConfig(parameter_bits=8))
    facts = network_facts(config, rows)
    for bits in (8, 10):
        own = with_bits(facts, bits)
        steps = np.array(own.steps)
        held = within(own, np.rint(rows / steps).astype(np.int64)) * steps
        np.testing.assert_allclose(held, rows, atol=float(steps.max()))
        assert own.parameter_bits == bits
    assert with_bits(facts, 10).steps[0] < facts.steps[0] / 3.9


def test_pruning_takes_the_smallest() -> None:
    tensors = {f"weight{n}": torch.randn(4, 5, generator=torch.Generator().manual_seed(n)) for n in range(3)}
    tensors |= {f"mask{n}": torch.ones(4, 5) for n in range(3)}
    prune(tensors, NetworkConfig(hidden_layers=2, pruned_share=0.25))
    assert tensors["mask2"].min() == 1
    zeros = [tensors[f"weight{n}"][tensors[f"mask{n}"] == 0].abs() for n in range(2)]
    kept = [tensors[f"weight{n}"][tensors[f"mask{n}"] == 1].abs() for n in range(2)]
    assert torch.cat(zeros).max() < torch.cat(kept).min()
    assert len(torch.cat(zeros)) == 10


def test_levels_and_counts_of_its_models() -> None:
    part = networked_parts()[0]
    head = Head(part.facts, part.layers)
    assert head.steps.tolist() == pytest.approx(part.facts.network.steps)
    assert len(head.rig) == 40
    assert head.look.network is not None
