# SPDX-License-Identifier: Apache-2.0
"""How anchors differ from rest: rotations, sums over scales and frames, gradients."""

import numpy as np
import pytest
import torch
from freeview_samples import STEPS, UNIT, first_part, rest_of, sparse, with_motion
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.codecs.freeview.model import FreeviewModel
from lamina.codecs.freeview.motion import (
    SUM_LIMIT,
    Channels,
    added,
    moved,
    rotations,
    sent_groups,
    step_row,
    total,
)

VECTORS = st.lists(st.floats(-40, 40, width=32), min_size=3, max_size=3)


@given(vector=VECTORS)
@settings(deadline=None)
def test_rotations_turn_around_the_vector_by_twice_the_arc_tangent_of_half_its_length(vector: list[float]) -> None:
    given_vector = torch.tensor([vector], dtype=torch.float64)
    (turn,) = rotations(given_vector)
    assert torch.allclose(turn @ turn.T, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert float(torch.linalg.det(turn)) == pytest.approx(1.0)
    assert torch.allclose(turn @ given_vector[0], given_vector[0], atol=1e-9)
    angle = 2 * np.arctan(np.linalg.norm(vector) / 2)
    assert float(turn.trace()) == pytest.approx(1 + 2 * np.cos(angle), abs=1e-9)


def test_small_rotations_are_right_handed() -> None:
    (turn,) = rotations(torch.tensor([[0.0, 0.0, 0.02]]))
    assert torch.allclose(turn @ torch.tensor([1.0, 0.0, 0.0]), torch.tensor([1.0, 0.02, 0.0]), atol=3e-4)


def test_nothing_moves_by_zeros() -> None:
    rest = rest_of(first_part())
    anchors, channels = rest.level(2).anchors, rest.channels
    same = moved(anchors, torch.zeros(len(anchors), channels.count), channels)
    assert torch.equal(same.positions, anchors.positions)
    assert torch.equal(same.features, anchors.features)
    assert torch.allclose(same.offsets, anchors.offsets, atol=1e-6)


def test_offsets_turn_in_world_units() -> None:
    """A quarter turn of an anchor whose reach is not the same on all axes."""
    rest = rest_of(first_part())
    anchors, channels = rest.level(0).anchors, rest.channels
    differences = torch.zeros(len(anchors), channels.count)
    rotation = channels.starts[2]
    differences[:, rotation + 2] = 2.0  # half of it is 1: the tangent of half a quarter turn
    turned = moved(anchors, differences, channels)
    reach = anchors.scalings[:, None, :3]
    before, after = anchors.offsets * reach, turned.offsets * reach
    assert torch.allclose(after[..., 0], -before[..., 1], atol=1e-5)
    assert torch.allclose(after[..., 1], before[..., 0], atol=1e-5)
    assert torch.allclose(after[..., 2], before[..., 2], atol=1e-5)
    assert torch.equal(turned.scalings, anchors.scalings)


def test_each_group_of_columns_changes_its_own() -> None:
    rest = rest_of(first_part())
    anchors, channels = rest.level(1).anchors, rest.channels
    row = step_row(rest.facts.motion, channels)
    assert len(row) == channels.count == sum(channels.widths) == channels.starts[-1]
    for group, (first, end) in enumerate(zip(channels.starts, channels.starts[1:], strict=False)):
        ones = torch.zeros(len(anchors), channels.count)
        ones[:, first:end] = 1.0
        found = moved(anchors, ones * row, channels)
        changed = (
            not torch.equal(found.features, anchors.features),
            not torch.equal(found.positions, anchors.positions),
            not torch.allclose(found.offsets, anchors.offsets, atol=1e-6),
        )
        assert (
            changed == ((True, False, False), (False, True, False), (False, False, True), (False, False, True))[group]
        )
    one = torch.zeros(len(anchors), channels.count)
    one[:, channels.starts[1]] = 1.0
    shift = moved(anchors, one * row, channels).positions - anchors.positions
    assert torch.allclose(shift[:, 0], torch.tensor(STEPS[1] * UNIT), atol=1e-5)


@given(seed=st.integers(0, 99), split=st.integers(0, 3))
@settings(deadline=None, max_examples=20)
def test_sums_over_frames_do_not_depend_on_how_they_are_split(seed: int, split: int) -> None:
    random = np.random.default_rng(seed)
    steps = [sparse(9, 7, random, 0.7) for _ in range(4)]
    one_by_one = np.zeros((9, 7), np.int32)
    for step in steps:
        one_by_one = added(one_by_one, step)
    at_once = added(
        added(np.zeros((9, 7), np.int32), sum(steps[:split], np.zeros((9, 7), np.int32))), sum(steps[split:])
    )
    assert (one_by_one == at_once).all()


def test_sums_saturate() -> None:
    nearly = np.array([[SUM_LIMIT - 1, 1 - SUM_LIMIT]], np.int32)
    assert added(nearly, np.array([[2 * SUM_LIMIT, -2 * SUM_LIMIT]], np.int32)).tolist() == [[SUM_LIMIT, -SUM_LIMIT]]


def test_sums_over_scales_are_those_of_the_cells_of_each_anchor() -> None:
    rest, random = rest_of(first_part()), np.random.default_rng(2)
    hierarchy = rest.hierarchy(2)
    sums = [sparse(scale.count, rest.channels.count, random, 0.5) for scale in hierarchy.scales]
    found = total(sums, hierarchy.members)
    for anchor in range(0, len(found), 7):
        expected = sum(own[rows[anchor]] for own, rows in zip(sums, hierarchy.members, strict=True))
        assert (found[anchor] == expected).all()


def test_a_level_shows_what_the_whole_shows_without_upper_scales_and_layers() -> None:
    rest, random = rest_of(first_part()), np.random.default_rng(3)
    sums = [sparse(scale.count, rest.channels.count, random, 0.5) for scale in rest.hierarchy(2).scales]
    for level in (0, 1):
        lower = FreeviewModel(rest, 0, level, tuple(sums[: level + 1])).anchors
        nothing = [np.zeros_like(own) for own in sums[level + 1 :]]
        whole = FreeviewModel(rest, 0, 2, (*sums[: level + 1], *nothing)).anchors
        count = len(lower)
        assert 0 < count < len(whole)
        assert torch.equal(lower.positions, whole.positions[:count])
        assert torch.equal(lower.features, whole.features[:count])
        assert torch.equal(lower.offsets, whole.offsets[:count])


def test_scales_carry_what_the_facts_say() -> None:
    first = first_part()
    for features in (False, True):
        for offsets in (False, True):
            own = with_motion(first, has_coarse_features=features, has_coarse_offsets=offsets)
            motion = own.facts.motion
            assert sent_groups(motion, 0) == sent_groups(motion, 1) == (features, True, True, offsets)
            assert sent_groups(motion, 2) == (True, True, True, True)
            ranges = rest_of(own).column_ranges(0).reshape(-1, 2)
            assert [end > start for start, end in ranges] == [features, True, True, offsets]


def test_what_moves_has_right_gradients() -> None:
    rest = rest_of(first_part())
    anchors, channels = rest.level(0).anchors.select(torch.arange(4)), Channels(6, 3)
    weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    differences = (0.1 * torch.randn(4, channels.count, generator=torch.Generator().manual_seed(1))).requires_grad_()

    def loss(values: torch.Tensor) -> torch.Tensor:
        found = moved(anchors, values, channels)
        return (found.offsets.sum(dim=1) * weights).sum() + (found.positions * weights).sum()

    (gradient,) = torch.autograd.grad(loss(differences), [differences])
    step = torch.zeros_like(differences)
    step[2, channels.starts[2] + 1] = 1e-2
    slope = (loss(differences + step) - loss(differences - step)).item() / 2e-2
    assert float(gradient[2, channels.starts[2] + 1]) == pytest.approx(slope, rel=2e-2, abs=1e-3)
