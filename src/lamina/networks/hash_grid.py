# SPDX-License-Identifier: Apache-2.0
"""Binary hash grids: lattice positions enter, features leave, as reals with gradients or as exact integers.

    grid = init_hash_grid(HashGridSpec(), generator)      training: real parameters, their signs are used
    features = grid(positions)                            "n width", each within -1...1
    fixed = grid.freeze()                                 coding: signs only
    integers = fixed(positions)                           the same features, rounded to units of 2**-10

Positions are integers in units of 2**-20 of the box. A level's feature is the mean of its nodes' signs, weighted by
nearness; weights are integers in both paths, so reals and integers agree within half a unit of 2**-10.

Source: HAC (Chen et al., ECCV 2024), sec. 3.2 and utils/encodings.py of its repository.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Int8, Int32
from torch import Tensor
from torch.autograd.function import once_differentiable

from lamina.networks.constants import AXIS_Z, FIRST, FRACTION_BITS, MASK, NODES, POSITION_BITS, PRIMES, SUM_BITS
from lamina.networks.fixed_point import ACTIVATION_BITS
from lamina.networks.hash_kernels import LANES, mark_entries, spread_gradient, sum_signs
from lamina.networks.hash_layout import HashGridSpec
from lamina.quantize.training import straight_through

INITIAL_BOUND = 1e-4
"""Parameters start uniform in +- this (HAC)."""
ROWS_AT_ONCE = 1 << 13
"""Positions of one call of a kernel, shared out among threads."""


@dataclass(frozen=True, eq=False)
class HashGrid:
    """A grid being trained.

    Raises:
        ValueError: parameters are not one row an entry.
    """

    spec: HashGridSpec
    parameters: Float[Tensor, "entries features"]
    """Their signs are used, +1 from 0 on."""

    def __post_init__(self) -> None:
        _check_shape(self.spec, tuple(self.parameters.shape))

    def __call__(self, positions: Int[Tensor, "n 3"]) -> Float[Tensor, "n width"]:
        """Features; the gradient reaches parameters within -1...1. All 0 outside the box."""
        if self.parameters.device.type == "cpu":
            return _SignSums.apply(self.parameters, positions, self.spec)
        return features_reference(self.spec, straight_through_sign(self.parameters), positions)

    def freeze(self, positions: Int[Tensor, "n 3"] | None = None) -> FixedHashGrid:
        """The signs; where `positions` are all that will ever be asked, entries that none uses are +1, for coding."""
        signs = _signs_of(self.parameters)
        if positions is not None:
            is_used = np.zeros(self.spec.entry_count, np.bool_)
            lattice, inside = _lattice(positions.cpu().numpy())
            mark_entries(np.ascontiguousarray(lattice[:, inside]), self.spec.table, is_used)
            signs[~is_used] = 1
        return FixedHashGrid(self.spec, signs)


@dataclass(frozen=True, eq=False)
class FixedHashGrid:
    """A grid as it is sent; checks itself.

    Raises:
        ValueError: signs are not -1 or +1, one row an entry.
    """

    spec: HashGridSpec
    signs: Int8[np.ndarray, "entries features"]

    def __post_init__(self) -> None:
        _check_shape(self.spec, self.signs.shape)
        if self.signs.dtype != np.int8 or not (np.abs(self.signs) == 1).all():
            raise ValueError(f"signs of {self.signs.dtype}; expected int8, each -1 or +1")

    def __call__(self, positions: Int[np.ndarray, "n 3"]) -> Int32[np.ndarray, "n width"]:
        """Features in units of 2**-10, the nearest integers (halves up). All 0 outside the box."""
        sums = _sum_all(positions, self.spec, self.signs)
        shift = SUM_BITS - ACTIVATION_BITS
        return (sums + (1 << shift >> 1)) >> shift


def init_hash_grid(
    spec: HashGridSpec, generator: torch.Generator | None = None, *, device: torch.device | str = "cpu"
) -> HashGrid:
    """A grid to train (`requires_grad`), parameters uniform in +-0.0001."""
    values = (torch.rand((spec.entry_count, spec.feature_count), generator=generator) * 2 - 1) * INITIAL_BOUND
    return HashGrid(spec, values.to(device).requires_grad_())


def cell_centres(indices: Int[np.ndarray, "n 3"], depth: int) -> Int32[np.ndarray, "n 3"]:
    """Positions of the centres of octree cells, 2**depth an axis of the box; exact.

    Raises:
        ValueError: the depth is outside 0...19.
    """
    if not 0 <= depth < POSITION_BITS:
        raise ValueError(f"depth {depth}; expected 0...{POSITION_BITS - 1}, or centres are no integers")
    return ((2 * indices.astype(np.int64) + 1) << (POSITION_BITS - 1 - depth)).astype(np.int32)


def straight_through_sign(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """+1 from 0 on, else -1; the gradient goes to values within -1...1 unchanged, to others it is 0 (HAC)."""
    return straight_through(torch.clamp(values, -1, 1), torch.where(values >= 0, 1.0, -1.0).to(values.dtype))


def sign_bits(parameters: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """What the signs cost at one probability for all, bits; differentiable through their number (HAC, Eq. 10)."""
    share = ((straight_through_sign(parameters) + 1) / 2).mean().clamp(1e-6, 1 - 1e-6)
    entropy = -(share * torch.log2(share) + (1 - share) * torch.log2(1 - share))
    return entropy * parameters.numel()


def features_reference(
    spec: HashGridSpec, signs: Float[Tensor, "entries features"], positions: Int[Tensor, "n 3"]
) -> Float[Tensor, "n width"]:
    """The readable twin of the kernels, on any device."""
    positions = positions.to(signs.device, torch.int64)
    inside = ((positions >= 0) & (positions <= 1 << POSITION_BITS)).all(dim=1, keepdim=True)
    outputs = []
    for row in spec.table.tolist():
        nodes, axes = row[NODES], [axis for axis in row[: AXIS_Z + 1] if axis >= 0]
        place = positions[:, axes] * (nodes - 2) + (1 << POSITION_BITS >> 1)
        place = place.clamp(1 << POSITION_BITS, (nodes - 2) << POSITION_BITS)
        node, fraction = place >> POSITION_BITS, (place >> (POSITION_BITS - FRACTION_BITS)) & ((1 << FRACTION_BITS) - 1)
        feature = signs.new_zeros((len(positions), spec.feature_count))
        for corner in range(1 << len(axes)):
            step = torch.tensor([corner >> axis & 1 for axis in range(len(axes))], device=signs.device)
            weight = torch.where(step == 1, fraction, (1 << FRACTION_BITS) - fraction).to(signs.dtype)
            weight = (weight / (1 << FRACTION_BITS)).prod(dim=1, keepdim=True)
            feature = feature + weight * signs[row[FIRST] + _entries(node + step, nodes, row[MASK])]
        outputs.append(feature)
    return torch.cat(outputs, dim=1) * inside


def _entries(at: Int[Tensor, "n axes"], nodes: int, mask: int) -> Int[Tensor, " n"]:
    """Entry, within its level, of the node at each place."""
    entries = torch.zeros_like(at[:, 0])
    for axis, prime in zip(range(at.shape[1]), PRIMES, strict=False):
        entries = entries ^ at[:, axis] * prime & mask if mask else entries + at[:, axis] * nodes**axis
    return entries


class _SignSums(torch.autograd.Function):
    """The kernels, and the gradient of `straight_through_sign`, as one operation."""

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, positions: Tensor, spec: HashGridSpec) -> Tensor:
        ctx.save_for_backward(parameters)
        ctx.kept = (positions.detach().numpy(), spec)
        sums = _sum_all(ctx.kept[0], spec, _signs_of(parameters))
        return torch.from_numpy(sums).to(parameters.dtype).mul_(2.0**-SUM_BITS)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        spec: HashGridSpec = ctx.kept[1]
        lattice, inside = _lattice(ctx.kept[0])
        shape = (len(inside), spec.level_count, spec.feature_count)
        gradients = np.zeros((*shape[:2], _padded(spec)), np.float32)
        gradients[:, :, : spec.feature_count] = grad_outputs[0].reshape(shape).numpy()
        gradients[~inside] = 0
        found = np.zeros((spec.entry_count, _padded(spec)), np.float32)
        _in_threads(
            lambda level: spread_gradient(lattice, spec.table, level, gradients, found), range(spec.level_count)
        )
        gradient = torch.from_numpy(found[:, : spec.feature_count]).to(grad_outputs[0].dtype)
        return gradient * (ctx.saved_tensors[0].abs() <= 1), None, None


def _signs_of(parameters: Tensor) -> Int8[np.ndarray, "entries features"]:
    return ((parameters.detach() >= 0).to(torch.int8) * 2 - 1).cpu().numpy()


def _sum_all(
    positions: Int[np.ndarray, "n 3"], spec: HashGridSpec, signs: Int8[np.ndarray, "entries features"]
) -> Int32[np.ndarray, "n width"]:
    lattice, inside = _lattice(positions)
    padded = np.zeros((len(signs), _padded(spec)), np.int8)
    padded[:, : spec.feature_count] = signs
    rows = len(inside)
    sums = np.empty((rows, spec.level_count, _padded(spec)), np.int32)
    _in_threads(
        lambda start: sum_signs(lattice, start, min(start + ROWS_AT_ONCE, rows), spec.table, padded, sums),
        range(0, rows, ROWS_AT_ONCE),
    )
    sums[~inside] = 0
    return sums[:, :, : spec.feature_count].reshape(rows, spec.width)


def _padded(spec: HashGridSpec) -> int:
    """Features of an entry as the kernels take them."""
    return -(-spec.feature_count // LANES) * LANES


def _in_threads(work: Callable[[int], object], parts: range) -> None:
    """Runs `work` on each part, on as many threads as torch was told to use."""
    threads = min(torch.get_num_threads(), len(parts))
    if threads <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))


def _lattice(positions: Int[np.ndarray, "n 3"]) -> tuple[Int32[np.ndarray, "3 n"], Bool[np.ndarray, " n"]]:
    """Positions by axis, moved into the box, and which were in it."""
    if positions.ndim != 2 or positions.shape[1] != 3 or not np.issubdtype(positions.dtype, np.integer):
        raise ValueError(f"positions {positions.dtype} {positions.shape}; expected integers (n, 3), 2**20 a box side")
    clipped = np.clip(positions, 0, 1 << POSITION_BITS)
    return np.ascontiguousarray(clipped.T, np.int32), (clipped == positions).all(axis=1)


def _check_shape(spec: HashGridSpec, shape: tuple[int, ...]) -> None:
    expected = (spec.entry_count, spec.feature_count)
    if tuple(shape) != expected:
        raise ValueError(f"shape {tuple(shape)}; expected {expected}, a row an entry")
