# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest
import torch
from paper_samples import SHORT, picture

from lamina.codecs.planar.pgsvc.fit.adan import BETAS, EPSILON, Adan
from lamina.codecs.planar.pgsvc.fit.descent import Descent, Schedule, make_schedule
from lamina.codecs.planar.pgsvc.fit.key_frames import key_frames_of, trial_differences
from lamina.codecs.planar.pgsvc.fit.objective import joint_errors, level_psnr_db, make_targets
from lamina.codecs.planar.pgsvc.fit.pruning import Pruning, extra_counts, keep_heaviest, layer_counts
from lamina.codecs.planar.pgsvc.fit.training import Trained, fit_layers

COUNTS = (20, 20, 20)


def schedule(**changes) -> Schedule:
    return replace(make_schedule(SHORT, 10), **changes)


def fit(training: str, steps: int = 60, seed: int = 1) -> tuple[Trained, ...]:
    targets = make_targets(picture(), ((48, 40),) * 3)
    return fit_layers(targets, COUNTS, replace(SHORT, steps=steps), training, seed, lambda *state: None)  # pyright: ignore


def test_adan_follows_its_formula() -> None:
    generator = torch.Generator().manual_seed(4)
    gradients = [torch.randn(7, generator=generator) for _ in range(5)]
    optimizer = Adan(torch.zeros(7))
    parameters = torch.zeros(7, dtype=torch.float64)
    mean, change, square = (torch.zeros(7, dtype=torch.float64) for _ in range(3))
    previous = gradients[0].double()
    b1, b2, b3 = BETAS
    for t, gradient in enumerate(gradients, start=1):
        optimizer.step(gradient.clone(), 0.1)
        g = gradient.double()
        delta = g - previous
        mean = b1 * mean + (1 - b1) * g
        change = b2 * change + (1 - b2) * delta
        square = b3 * square + (1 - b3) * (g + b2 * delta) ** 2
        root = square.sqrt() / (1 - b3**t) ** 0.5 + EPSILON
        parameters = parameters - 0.1 * (mean / (1 - b1**t) + b2 * change / (1 - b2**t)) / root
        previous = g
    assert torch.allclose(optimizer.parameters.double(), parameters, atol=1e-5)


def test_adan_goes_on_from_its_state_and_drops_columns() -> None:
    optimizer = Adan(torch.randn(3, 6, generator=torch.Generator().manual_seed(1)))
    for _ in range(3):
        optimizer.step(torch.ones(3, 6), 0.1)
    copied = {name: value.clone() for name, value in optimizer.state().items()}
    again = Adan.from_state(copied, optimizer.age)
    kept = torch.tensor([True, False, True, True, False, True])
    for one in (optimizer, again):
        one.keep(kept)
        one.step(torch.full((3, 4), 0.5), 0.1)
    assert optimizer.parameters.shape == (3, 4)
    assert torch.equal(optimizer.parameters, again.parameters)


def test_lower_levels_come_in_cyclic_order_or_at_random() -> None:
    assert [schedule().lower_level(step, 3) for step in range(5)] == [0, 1, 0, 1, 0]
    drawn = [schedule(lower_levels="random").lower_level(step, 3) for step in range(200)]
    assert drawn == [schedule(lower_levels="random").lower_level(step, 3) for step in range(200)]
    assert 60 < sum(drawn) < 140
    assert schedule().lower_level(0, 1) == -1
    assert schedule(lower_levels="none").lower_level(0, 3) == -1


def test_learning_rate_halves() -> None:
    plan = schedule(learning_rate=1.0, halving_steps=4)
    assert [plan.rate_at(step) for step in (0, 3, 4, 8)] == [1.0, 1.0, 0.5, 0.25]


def test_descent_stops_when_the_joint_loss_stands_still() -> None:
    plan = schedule(steps=1000, stop_from=10, patience=5, change=1e-3)
    descent = Descent()
    for step in range(100):
        if descent.is_over(plan):
            break
        descent.note(step % 2, max(0.0, 1.0 - 0.1 * step), 0.5, plan.change)
        descent.step = step + 1
    assert descent.step == 16


def test_layer_counts_share_out_exactly_and_never_leave_a_layer_empty() -> None:
    assert layer_counts(5000, (1 / 3, 1 / 3, 1 / 3)) == (1667, 1667, 1666)
    assert layer_counts(3, (0.98, 0.01, 0.01)) == (1, 1, 1)
    assert sum(layer_counts(101, (0.15, 0.3, 0.55))) == 101
    assert extra_counts((10, 10, 10), (0.2, 0.4, 0.4)) == (2, 4, 4)


def test_layer_counts_rejects_fewer_splats_than_layers() -> None:
    with pytest.raises(ValueError, match="2 splats cannot fill 3 layers"):
        layer_counts(2, (1, 1, 1))


def test_pruning_removes_all_in_equal_parts() -> None:
    pruning = Pruning((7, 0, 3), until=40, interval=10)
    due = [step for step in range(100) if pruning.is_due(step)]
    assert due == [9, 19, 29, 39]
    assert [pruning.removed_by(step) for step in due] == [(1, 0, 0), (3, 0, 1), (5, 0, 2), (7, 0, 3)]


def test_keep_heaviest_keeps_by_magnitude_within_each_layer() -> None:
    weights = torch.tensor([0.1, -5.0, 0.2, 0.01, 0.02, -0.03])
    assert keep_heaviest(weights, (3, 3), (2, 1)).tolist() == [False, True, True, False, False, True]


@pytest.mark.parametrize("training", ["joint", "random", "sequential", "pruning"])
def test_layered_trainings_give_the_counts_asked_for_and_learn(training: str) -> None:
    (trained,) = fit(training)
    (target,) = make_targets(picture(), ((48, 40),))
    assert trained.counts == COUNTS
    assert trained.raw.shape == (8, 60)
    assert level_psnr_db(trained.raw, target) > 15.0


def test_monolithic_training_gives_a_model_a_level() -> None:
    assert [model.raw.shape[1] for model in fit("monolithic", steps=25)] == [20, 40, 60]


def test_joint_training_serves_lower_levels_that_pruning_leaves_with_holes() -> None:
    targets = make_targets(picture(), ((48, 40),) * 3)
    errors = {
        training: joint_errors(fit(training, steps=300)[0].raw, targets, COUNTS, 0) for training in ("joint", "pruning")
    }
    assert errors["joint"].lower < 0.5 * errors["pruning"].lower


def test_training_is_reproducible() -> None:
    assert torch.equal(fit("joint", steps=30)[0].raw, fit("joint", steps=30)[0].raw)
    assert not torch.equal(fit("joint", steps=30)[0].raw, fit("joint", steps=30, seed=2)[0].raw)


def test_key_frames_are_found_where_prediction_fails() -> None:
    differences = np.full(40, 0.01) + 0.001 * np.sin(np.arange(40))
    differences[0], differences[17] = 0.0, 0.5
    assert key_frames_of(differences) == (0, 17)
    assert key_frames_of(np.zeros(5)) == (0,)


def test_trial_fits_see_a_cut() -> None:
    other = 255 - picture()[::-1]
    clip = [picture(shift=k) for k in range(4)] + [np.roll(other, k, axis=1) for k in range(3)]
    seen: list[float] = []
    differences = trial_differences(clip, SHORT, 1, lambda done, error: seen.append(done))
    assert int(np.argmax(differences)) == 4
    assert differences[0] == 0.0
    assert seen == sorted(seen)
    assert 6.9 < seen[-1] < 7.0
