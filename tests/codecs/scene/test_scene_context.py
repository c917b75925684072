# SPDX-License-Identifier: Apache-2.0
"""The probability model: float and integer twins agree, and the rate term is what the coder spends."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_samples import BLIND, FULL, PLAIN, part_of, random_model, sample

from lamina.anchors.coding.layer import above_of
from lamina.anchors.context.fixed import FixedContext, Question, active_values, quantize_layer, walk_layer
from lamina.anchors.context.layout import BASE_STEPS, STEP_RANGE, VALUE_BITS, layout_of, log2_step_table, step_table
from lamina.anchors.context.neighborhood import PHASES, family_of, layer_family, neighbors_of, phases_of
from lamina.anchors.fitting.context_model import ContextModel, add_step_noise, spread_steps
from lamina.anchors.fitting.fine_tuning import settle
from lamina.anchors.fitting.likelihood import gaussian_bits
from lamina.anchors.fitting.relations import known_of, relations_of
from lamina.anchors.missing import continued
from lamina.entropy.gaussian_tables import LOG2_SCALE_STEP, gaussian_scales, gaussian_tables
from lamina.entropy.rans import ideal_size_bytes

SHAPES = {"full": FULL, "plain": PLAIN, "blind": BLIND}


def test_step_tables_are_pinned() -> None:
    digest = hashlib.sha256(step_table().astype("<i8").tobytes() + log2_step_table().astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "96cd030e3d0428c9"
    assert step_table()[:, STEP_RANGE].tolist() == [round(base * (1 << VALUE_BITS)) for base in BASE_STEPS]
    assert np.abs(np.log2(step_table() / 2.0**VALUE_BITS) - log2_step_table() / 1024).max() < 0.01


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9])
def test_phases_cover_every_row_once_and_know_what_is_beside(count: int) -> None:
    done: set[int] = set()
    near = neighbors_of(count)
    for rows in phases_of(count, True):
        own = list(range(count))[rows]
        assert not done & set(own)
        assert {row for pair in near[own].tolist() for row in pair} <= done | {-1}
        done |= set(own)
    assert done == set(range(count))
    assert len(PHASES) == 3
    assert phases_of(count, False) == (slice(0, count, 1),)


def test_families_of_layers_are_those_of_all() -> None:
    made = sample()
    whole = family_of(made.layers, 2)
    first = 0
    for layer, cells in enumerate(made.layers):
        own = layer_family(
            cells, made.layers[layer - 1] if layer else cells[:0], continued(made.layers)[layer], layer, 2
        )
        rows = slice(first, first + len(cells))
        assert np.array_equal(whole.octants[rows], own.octants)
        assert np.array_equal(whole.positions[rows], own.positions)
        if layer:
            assert np.array_equal(whole.positions[whole.parents[rows]], own.parent_positions)
            assert ((cells >> 1) == made.layers[layer - 1][own.parents]).all()
        first += len(cells)


def questions_of(context: FixedContext, made, layers, layer: int) -> list[Question]:
    above = above_of(context.layout, layers[:layer])
    family = layer_family(
        made.layers[layer], above.cells, layers[layer].has_children, layer, made.facts.anchors.base_depth
    )
    asked: list[Question] = []

    def answer(question: Question) -> np.ndarray:
        asked.append(question)
        return layers[layer].symbols[question.rows, question.stage.columns]

    _, values = walk_layer(context, family, above.values, answer)
    assert np.array_equal(values, layers[layer].values)
    return asked


def rounded(model: ContextModel, context: FixedContext) -> ContextModel:
    """The float twin with the numbers that are sent."""
    found = random_model(model.layout, 0)
    nets = list(context.networks)
    adaptive = model.stepper is not None
    parameters = [found.main, *([found.stepper] if adaptive else []), *found.stagers]
    with torch.no_grad():
        for own, net in zip(parameters, [nets[0], *nets[2:]], strict=True):
            for parameter, tensor in zip(own.parameters(), net.to_mlp().parameters(), strict=True):
                parameter.copy_(tensor)
        found.skips.copy_(nets[1].to_mlp().weights[0])
        found.layer_steps.copy_(torch.from_numpy(context.layer_steps / 8.0).float())
        if found.signs is not None:
            found.signs.copy_(torch.from_numpy(context.hash_grid.signs.astype(np.float32)))
    return found


@pytest.mark.parametrize("name", SHAPES)
def test_both_twins_predict_the_same(name: str) -> None:
    """But where a scale is at the edge between two tables: what follows from it is another by up to a table."""
    made = sample(SHAPES[name])
    layers = part_of(made).layers
    model = rounded(made.model, made.context)
    values = torch.from_numpy(np.concatenate([layer.values for layer in layers]) / 2.0**VALUE_BITS).float()
    relations = relations_of(family_of(made.layers, made.facts.anchors.base_depth), len(layers))
    rows = torch.arange(len(values))
    known = known_of(values, relations, rows)
    asked = [questions_of(made.context, made, layers, layer) for layer in range(len(layers))]
    starts = np.cumsum([0, *(layer.count for layer in layers)])
    whole = {
        "means": np.zeros(values.shape),
        "steps": np.zeros((len(values), 3)),
        "tables": np.zeros(values.shape, int),
    }
    for start, questions in zip(starts, asked, strict=False):
        for question in questions:
            own = np.arange(start, len(values))[question.rows][: len(question.means)]
            whole["means"][own, question.stage.columns] = question.means / 2.0**VALUE_BITS
            whole["tables"][own, question.stage.columns] = question.tables
            whole["steps"][own, question.stage.group] = question.steps[:, 0] / 2.0**VALUE_BITS
    with torch.no_grad():
        octaves = np.log2(model.steps(known.parent, relations, rows).numpy() / whole["steps"])
        steps = torch.from_numpy(whole["steps"]).float()
        found = model.predict(values, steps, known, relations, rows)
    scales = gaussian_scales()
    width = scales[whole["tables"]] * spread_steps(steps, model.layout).numpy()
    means = values.numpy() - found.distances.numpy() * spread_steps(steps, model.layout).numpy()
    shifts = np.abs(means - whole["means"]) / width
    wanted = np.clip(found.log2_scales.numpy(), *np.log2(scales[[0, -1]]))
    tables = np.abs(wanted - np.log2(scales)[whole["tables"]]) * 1024 / LOG2_SCALE_STEP
    assert np.abs(octaves).max() < 1 / 8 + 0.005
    assert (np.abs(octaves) < 0.005).mean() > 0.98
    assert np.quantile(shifts, 0.95) < 0.02
    assert np.quantile(tables, 0.95) < 0.55
    if name == "plain":
        assert shifts.max() < 0.03
        assert tables.max() < 0.55


def test_quantised_values_are_within_half_a_step_where_they_are_sent() -> None:
    made = sample()
    layout = made.context.layout
    above = above_of(layout, ())
    family = layer_family(made.layers[0], above.cells, continued(made.layers)[0], 0, 2)
    targets = np.random.default_rng(3).normal(size=(len(family), layout.channels))
    masks = np.random.default_rng(4).integers(0, 2, (len(family), layout.offset_count)).astype(np.uint8)
    symbols, values = quantize_layer(made.context, family, above.values, targets, masks)
    active = active_values(masks, layout).astype(bool)
    assert not symbols[~active].any()
    steps = np.ones_like(targets)

    def answer(question: Question) -> np.ndarray:
        steps[question.rows, question.stage.columns] = question.steps
        return symbols[question.rows, question.stage.columns]

    walk_layer(made.context, family, above.values, answer)
    error = np.abs(values - targets * (1 << VALUE_BITS)) / steps
    assert error[active].max() <= 0.5 + 1e-6


def test_hostile_symbols_saturate() -> None:
    made = sample()
    above = above_of(made.context.layout, ())
    family = layer_family(made.layers[0], above.cells, continued(made.layers)[0], 0, 2)
    _, values = walk_layer(
        made.context, family, above.values, lambda question: np.full(question.tables.shape, -(1 << 29), np.int32)
    )
    assert np.abs(values).max() < 1 << 27


def test_rate_term_is_what_the_tables_charge() -> None:
    residuals = torch.arange(-3, 4).float()
    for index in (0, 10, 20, 34):
        scale = float(gaussian_scales()[index])
        bits = gaussian_bits(residuals, torch.full_like(residuals, math.log2(scale)))
        for symbol, expected in zip(residuals.int().tolist(), bits.tolist(), strict=True):
            charged = 8 * ideal_size_bytes(np.array([symbol]), np.array([index]), gaussian_tables())
            assert charged == pytest.approx(expected, abs=0.05) or (expected > 14 and charged > 13)


def test_rate_term_has_gradients_that_pull_the_right_way() -> None:
    residual = torch.tensor([4.0], requires_grad=True)
    scale = torch.tensor([0.0], requires_grad=True)
    gaussian_bits(residual, scale).sum().backward()
    assert residual.grad is not None
    assert scale.grad is not None
    assert residual.grad.item() > 0
    assert scale.grad.item() < 0
    far = torch.tensor([30.0], requires_grad=True)
    gaussian_bits(far, torch.tensor([-9.0])).sum().backward()
    assert far.grad is not None
    assert bool(torch.isfinite(far.grad).all())


def test_training_learns_what_parents_say() -> None:
    made = sample(PLAIN, points=150)
    layout = layout_of(made.facts.anchors)
    relations = relations_of(family_of(made.layers, 2), 3)
    generator = torch.Generator().manual_seed(0)
    rows = torch.arange(len(relations.layers))
    values = torch.randn(len(rows), layout.channels, generator=generator) * 4
    for layer in (1, 2):
        own = torch.nonzero(relations.layers == layer).reshape(-1)
        values[own] = values[relations.parents[own]] + 0.1 * torch.randn(len(own), layout.channels, generator=generator)
    masks = torch.ones(len(rows), layout.offset_count)
    spent = {}
    for uses_parent in (True, False):
        model = ContextModel(layout_of(sample(PLAIN if uses_parent else BLIND).facts.anchors), generator)
        model.initialize(values)
        optimizer = torch.optim.Adam(model.parameters(), 2e-2)
        for _ in range(40):
            known = known_of(values, relations, rows)
            steps = model.steps(known.parent, relations, rows).detach()
            noisy = add_step_noise(values, steps, model.layout, generator)
            bits = model.bits(noisy, steps, known_of(noisy, relations, rows), relations, rows).total(masks).mean()
            optimizer.zero_grad()
            bits.backward()
            optimizer.step()
        spent[uses_parent] = bits.item()
    assert spent[True] < 0.8 * spent[False]


@pytest.mark.parametrize("name", SHAPES)
def test_true_rounding_is_what_decoding_gives(name: str) -> None:
    made = sample(SHAPES[name], layer_count=1)
    layers = part_of(made).layers
    context = rounded(made.model, made.context)
    relations = relations_of(family_of(made.layers, made.facts.anchors.base_depth), 1)
    decoded = torch.from_numpy(layers[0].values / 2.0**VALUE_BITS).float()
    rows = torch.arange(len(decoded))
    known = known_of(decoded, relations, rows)
    steps = context.steps(known.parent, relations, rows).detach()
    wishes = (decoded + 0.2 * spread_steps(steps, context.layout)).requires_grad_()
    found, bits = context.quantized(wishes, steps, known, relations, rows)
    distance = ((found - decoded) / spread_steps(steps, context.layout)).detach().abs()
    assert float(distance.quantile(0.95)) < 0.1
    (found.sum() + bits.features.sum()).backward()
    assert wishes.grad is not None
    assert bool((wishes.grad != 0).any())


def test_settled_models_cost_less_and_freeze_to_what_was_trained() -> None:
    made = sample(replace(FULL, uses_hash_grid=False), points=150)
    layout = made.context.layout
    relations = relations_of(family_of(made.layers, 2), 3)
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(len(relations.layers), layout.channels, generator=generator)
    masks = torch.ones(len(values), layout.offset_count)
    model = ContextModel(layout, generator)
    model.initialize(values)
    before = settle(model, values, masks, relations, steps=0)
    layer_steps = model.layer_steps.detach().clone()
    after = settle(model, values, masks, relations, steps=40, weight_bits=5, generator=generator)
    assert after < before
    assert torch.equal(model.layer_steps, layer_steps)
    fixed = model.freeze()
    assert {bits for net in fixed.networks for bits in net.weight_bits} == {5}
    for own, net in zip(model.network(model.main).parameters(), fixed.networks[0].to_mlp().parameters(), strict=True):
        assert float((own - net).detach().abs().max()) < 1e-3
