# SPDX-License-Identifier: Apache-2.0
"""By how much Gaussians look wider than is allowed: value and slopes worked out by hand."""

import numpy as np
import pytest
import torch

from lamina.anchors.fitting.losses import LEAST_DISTANCE, width_excess
from lamina.render.gaussians3d import Gaussians3D

VIEWPOINT = np.array([1.0, 0.0, 0.0])


def gaussians(means: list[list[float]], scales: list[list[float]]) -> Gaussians3D:
    count = len(means)
    turns = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(count, -1)
    own = [torch.tensor(values, requires_grad=True) for values in (means, scales)]
    return Gaussians3D(own[0], turns, own[1], torch.ones(count), torch.zeros(count, 3))


def test_what_is_over_is_added_up_and_what_is_under_counts_nothing() -> None:
    # At distance 2, the widest .6: .3 rad, .1 over. At 4, .4: .1 rad, under. At 5, 3: .6 rad, .4 over.
    found = gaussians(
        [[3.0, 0.0, 0.0], [1.0, 4.0, 0.0], [1.0, 3.0, 4.0]], [[0.1, 0.6, 0.2], [0.4, 0.4, 0.1], [0.5, 1.0, 3.0]]
    )
    excess = width_excess(found, VIEWPOINT, 0.2)
    assert float(excess.detach()) == pytest.approx(0.1 + 0.4, rel=1e-6)
    excess.backward()
    # d/dscale = 1 / distance of the widest axis; d/dmean = -scale / distance**2 along the way from the viewpoint.
    assert found.scales.grad is not None
    assert found.means.grad is not None
    assert torch.allclose(found.scales.grad, torch.tensor([[0, 0.5, 0], [0, 0, 0], [0, 0, 0.2]]))
    direction = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0.6, 0.8]])
    assert torch.allclose(found.means.grad, -torch.tensor([[0.6 / 4], [0], [3 / 25]]) * direction, atol=1e-7)


def test_just_what_is_allowed_costs_nothing() -> None:
    found = gaussians([[3.0, 0.0, 0.0]], [[0.5, 0.25, 0.125]])
    assert float(width_excess(found, VIEWPOINT, 0.25).detach()) == 0.0
    assert float(width_excess(found, VIEWPOINT, 0.125).detach()) == 0.125


def test_what_stands_where_one_looks_from_costs_much_but_not_infinity() -> None:
    found = gaussians([[1.0, 0.0, 0.0]], [[1e-3, 1e-3, 1e-3]])
    excess = width_excess(found, VIEWPOINT, 0.2)
    excess.backward()
    assert float(excess.detach()) == pytest.approx(1e-3 / LEAST_DISTANCE - 0.2)
    assert found.means.grad is not None
    assert found.means.grad.isfinite().all()


def test_no_gaussians_cost_nothing() -> None:
    nothing = Gaussians3D(*(torch.zeros(shape) for shape in ((0, 3), (0, 4), (0, 3), (0,), (0, 3))))
    assert float(width_excess(nothing, VIEWPOINT, 0.2)) == 0.0
