# SPDX-License-Identifier: Apache-2.0
"""The motion that makes the frame before, moved, most like this one: Gauss-Newton on the field, then what pays of it.

In: a frame's target and the splats of the frame before. Out: a `Motion`, and the splats moved by it. Splats overlap
and cancel, so vectors are fitted to the picture that the moved splats make; blocks moved each on its own tear it apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from lamina.codecs.planar.lattice.coding import LayerContext
from lamina.codecs.planar.lattice.fit.canvas import Canvas, Splats, gradients, render_pixels
from lamina.codecs.planar.lattice.fit.motion_search import BLOCK_PX, estimate
from lamina.codecs.planar.lattice.motion import (
    COARSEST_NODES,
    GRADES,
    LONGEST_VECTOR,
    NODE_PX,
    VECTOR_UNITS,
    Motion,
    code_details,
    field_shape,
    motion_of,
    move_places,
)
from lamina.codecs.planar.lattice.splats import LatticeSplats, coded_area, to_parameters
from lamina.compiled import compiled
from lamina.entropy.walk import measured_bits, open_meter
from lamina.render.kernels.tile_pixels import from_tiles

SCHEDULE = ((4, 8), (2, 12), (1, 20))
"""(distance in nodes, passes at most): coarse motion first."""

STIFFNESS = 0.02
"""Pull of a node towards the mean of its neighbours, over the mean of the picture's own pull on nodes."""

DAMPING = 0.02
"""Added to the picture's pull on a node, over its mean: nodes in flat parts stay."""

LEAST_RATE = 0.1
"""Passes end when steps have been halved below this."""

LEAST_GAIN = 1e-3
"""Passes of a grade end when one has lowered the error by less than this share."""

DETAIL_BITS = 6.0
"""Typical cost of a node that differs, its magnitude apart."""


@dataclass(frozen=True)
class Scene:
    """What is aligned."""

    canvas: Canvas
    splats: LatticeSplats
    step: float
    pull: Float64[np.ndarray, "h w 3"]
    """Structure tensor xx, xy, yy of the target's pixels: what a shift of them costs."""


def make_scene(canvas: Canvas, splats: LatticeSplats, step: float) -> Scene:
    """Of a target and the splats of the frame before."""
    wanted = from_tiles(canvas.tiles, canvas.width, canvas.height)
    pull = np.zeros((*wanted.shape[:2], 3))
    if min(wanted.shape[:2]) > 1:
        down, across = np.gradient(wanted.astype(np.float64), axis=(0, 1))
        pull[:] = np.stack([across * across, across * down, down * down], axis=-1).sum(axis=2)
    return Scene(canvas, splats, step, pull)


def aligned(
    scene: Scene, size: tuple[int, int], before: LayerContext, worth_of_bit: float
) -> tuple[Motion, LatticeSplats] | None:
    """The motion that pays most, and the splats moved by it; None if none does.

    Args:
        size: (width, height) of the full picture.
        before: context of the base layer's frame before: its motion and counts.
    """
    still = squared_error(scene, scene.splats)
    best, best_cost = None, still
    field_before = None if before.motion is None else before.motion.field
    wanted = best_field(scene, first_fields(scene, size, field_before, worth_of_bit))
    for base in (None, field_before):
        if base is None and best is not None:
            continue
        rest = wanted if base is None else wanted - base / 16.0
        motion = motion_of(details_that_pay(scene, rest, worth_of_bit), base)
        if not motion.field.any():
            continue
        x, y = scene.splats.x.copy(), scene.splats.y.copy()
        move_places(x, y, motion.field, coded_area(*size))
        moved = replace(scene.splats, x=x, y=y)
        meter = open_meter()
        code_details(meter, before.update_contexts.copy(), 0, motion.details.copy(), motion.is_change)
        cost = squared_error(scene, moved) + worth_of_bit * measured_bits(meter)
        if cost < best_cost:
            best, best_cost = (motion, moved), cost
    return best


def squared_error(scene: Scene, splats: LatticeSplats) -> float:
    """Of the whole picture, all channels."""
    wanted = from_tiles(scene.canvas.tiles, scene.canvas.width, scene.canvas.height)
    rendered = render_pixels(scene.canvas, to_parameters(splats, scene.step))
    return float(np.square(wanted - rendered).sum(dtype=np.float64))


def first_fields(
    scene: Scene, size: tuple[int, int], before: np.ndarray | None, worth_of_bit: float
) -> list[Float64[np.ndarray, "rows columns 2"]]:
    """Where to begin, in pixels: at rest, as blocks moved, as in the frame before."""
    canvas = scene.canvas
    shape = field_shape(*size)
    rendered = render_pixels(canvas, to_parameters(scene.splats, scene.step))
    wanted = from_tiles(canvas.tiles, canvas.width, canvas.height)
    now, then = (np.ascontiguousarray(picture[:, :, 0]) for picture in (wanted, rendered))
    blocks = estimate(now, then, worth_of_bit) / 4.0
    fields = [np.zeros((*shape, 2))]
    if blocks.any():
        near = [
            np.clip((NODE_PX * np.arange(count)[:, None] + np.array([-1, 0]) * BLOCK_PX // 2) // BLOCK_PX, 0, most - 1)
            for count, most in zip(shape, blocks.shape[:2], strict=True)
        ]
        across = blocks[:, near[1]].mean(axis=2)
        fields.append(across[near[0]].mean(axis=1))
    if before is not None:
        fields.append(before / 16.0)
    return fields


def best_field(scene: Scene, starts: list[np.ndarray]) -> Float64[np.ndarray, "rows columns 2"]:
    """The best of what Gauss-Newton makes of the starts."""
    found = [descended(scene, start) for start in starts]
    return min(found, key=lambda one: one[1])[0]


def descended(scene: Scene, field: np.ndarray) -> tuple[np.ndarray, float]:
    """Gauss-Newton from one start, coarse to fine; the field in pixels and its error."""
    parameters = to_parameters(scene.splats, scene.step)
    gradient, error = slope(scene, parameters, field)
    for stride, passes in SCHEDULE:
        stiff = node_pull(scene, field.shape[:2], stride)
        mean = float((stiff[..., 0] + stiff[..., 2]).mean())
        bend = STIFFNESS * mean
        stiff[..., 0] += bend + DAMPING * mean + 1e-12
        stiff[..., 2] += bend + DAMPING * mean + 1e-12
        rate = 1.0
        for _ in range(passes):
            push = np.zeros((*stiff.shape[:2], 2))
            spread(parameters[0], parameters[1], gradient, NODE_PX * stride, push)
            push += 2.0 * bend * bending(field[::stride, ::stride])
            step = np.clip(-0.5 * rate * solved(stiff, push), -float(stride), float(stride))
            tried = field + refined(step, stride)
            next_gradient, next_error = slope(scene, parameters, tried)
            if next_error > error:
                rate *= 0.5
                if rate < LEAST_RATE:
                    break
                continue
            gain = error - next_error
            field, gradient, error = tried, next_gradient, next_error
            if gain < LEAST_GAIN * error:
                break
    return field, error


def slope(scene: Scene, parameters: np.ndarray, field: np.ndarray) -> tuple[np.ndarray, float]:
    """Gradient of the squared error by positions, (n, 2), and the error, with splats moved along a field in pixels."""
    moved = parameters.copy()
    gather(parameters[0], parameters[1], field, moved)
    full, _, error = gradients(scene.canvas, Splats(moved), 0, (0.0, 1.0), (0.0, scene.step))
    return np.ascontiguousarray(full[:, :2]), error


def node_pull(scene: Scene, shape: tuple[int, int], stride: int) -> np.ndarray:
    """Structure tensors around the nodes of a grade: (rows, columns, 3)."""
    spacing = NODE_PX * stride
    high, wide = (
        hats((count - 1) // stride + 1, most, spacing) for count, most in zip(shape, scene.pull.shape[:2], strict=True)
    )
    return np.einsum("ry,yxk,cx->rck", high, scene.pull, wide, optimize=True)


def hats(nodes: int, pixels: int, spacing: int) -> np.ndarray:
    """(nodes, pixels) weights of linear interpolation."""
    distance = np.abs(np.arange(nodes)[:, None] - (np.arange(pixels) + 0.5) / spacing)
    return np.maximum(1.0 - distance, 0.0)


def bending(field: np.ndarray) -> np.ndarray:
    """How far each node is from the mean of its four neighbours."""
    edged = np.pad(field, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return field - 0.25 * (edged[:-2, 1:-1] + edged[2:, 1:-1] + edged[1:-1, :-2] + edged[1:-1, 2:])


def solved(stiff: np.ndarray, push: np.ndarray) -> np.ndarray:
    """2x2 systems of all nodes."""
    a, b, d = stiff[..., 0], stiff[..., 1], stiff[..., 2]
    found = np.stack([d * push[..., 0] - b * push[..., 1], a * push[..., 1] - b * push[..., 0]], axis=-1)
    return found / np.maximum(a * d - b * b, 1e-30)[..., None]


def refined(field: np.ndarray, stride: int) -> np.ndarray:
    """A field of a coarser grade at all nodes."""
    while stride > 1:
        rows, columns, _ = field.shape
        finer = np.zeros((2 * rows - 1, 2 * columns - 1, 2))
        finer[::2, ::2] = field
        finer[1::2, ::2] = 0.5 * (field[1:] + field[:-1])
        finer[:, 1::2] = 0.5 * (finer[:, :-1:2] + finer[:, 2::2])
        field, stride = finer, stride // 2
    return field


@compiled()
def gather(x, y, field, moved):
    """Adds the interpolated field (px) to rows 0 and 1 of `moved`."""
    for i in range(x.shape[0]):
        across, down = max(x[i] / NODE_PX, 0.0), max(y[i] / NODE_PX, 0.0)
        row, column = min(int(down), field.shape[0] - 2), min(int(across), field.shape[1] - 2)
        across, down = min(across - column, 1.0), min(down - row, 1.0)
        for axis in range(2):
            upper = field[row, column, axis] * (1.0 - across) + field[row, column + 1, axis] * across
            lower = field[row + 1, column, axis] * (1.0 - across) + field[row + 1, column + 1, axis] * across
            moved[axis, i] += upper * (1.0 - down) + lower * down


@compiled()
def spread(x, y, values, spacing, out):
    """Adds values at places to the nodes around them: the transpose of interpolation."""
    for i in range(x.shape[0]):
        across, down = max(x[i] / spacing, 0.0), max(y[i] / spacing, 0.0)
        row, column = min(int(down), out.shape[0] - 2), min(int(across), out.shape[1] - 2)
        across, down = min(across - column, 1.0), min(down - row, 1.0)
        for axis in range(2):
            out[row, column, axis] += values[i, axis] * (1.0 - across) * (1.0 - down)
            out[row, column + 1, axis] += values[i, axis] * across * (1.0 - down)
            out[row + 1, column, axis] += values[i, axis] * (1.0 - across) * down
            out[row + 1, column + 1, axis] += values[i, axis] * across * down


def details_that_pay(scene: Scene, field: np.ndarray, worth_of_bit: float) -> np.ndarray:
    """Details in 1/4 px, grade by grade: each node takes what its surroundings want beyond coarser grades, if it pays.

    What a detail gains is read off the structure tensors: the picture's error grows with the square of a wrong shift.
    """
    fine = node_pull(scene, field.shape[:2], 1)
    details = np.zeros(field.shape, np.int32)
    made = np.zeros(field.shape)
    for grade in range(GRADES):
        stride = COARSEST_NODES >> grade
        rest = field - made
        force = np.stack([
            fine[..., 0] * rest[..., 0] + fine[..., 1] * rest[..., 1],
            fine[..., 1] * rest[..., 0] + fine[..., 2] * rest[..., 1],
        ], axis=-1)  # fmt: skip
        high, wide = (hats_at_nodes(count, stride) for count in field.shape[:2])
        force, stiff = (np.einsum("rj,jik,ci->rck", high, one, wide, optimize=True) for one in (force, fine))
        stiff[..., 0] += 1e-9
        stiff[..., 2] += 1e-9
        count = np.rint(VECTOR_UNITS * solved(stiff, force))
        limit = LONGEST_VECTOR // VECTOR_UNITS
        count = np.clip(count, -limit, limit)
        shift = count / VECTOR_UNITS
        gain = 2.0 * (force * shift).sum(axis=-1) - (
            stiff[..., 0] * shift[..., 0] ** 2
            + 2.0 * stiff[..., 1] * shift[..., 0] * shift[..., 1]
            + stiff[..., 2] * shift[..., 1] ** 2
        )
        bits = DETAIL_BITS + 2.0 * np.log2(1.0 + np.abs(count)).sum(axis=-1)
        count[gain < worth_of_bit * bits] = 0.0
        if grade > 0:
            count[::2, ::2] = 0.0
            details[::stride, ::stride] += count.astype(np.int32)
        else:
            details[::stride, ::stride] = count.astype(np.int32)
        made += refined(count / VECTOR_UNITS, stride)
    return details


def hats_at_nodes(nodes: int, stride: int) -> np.ndarray:
    """(coarse, fine) weights of coarse nodes at fine ones."""
    coarse = (nodes - 1) // stride + 1
    return np.maximum(1.0 - np.abs(np.arange(coarse)[:, None] - np.arange(nodes) / stride), 0.0)
