# SPDX-License-Identifier: Apache-2.0
"""What moves a head: expressions, poses and gaze enter, Gaussians in a camera's axes leave; differentiable.

    on the head   X = R (p(e) + M(e) d) + t      p: on the mean head under expression e; M: how its triangle turned
    beside it     X = w (R x + t) + (1 - w) (R0 x + t0) + bend(R0 x + t0); bend: between nodes of a lattice
    eyes          turned about their centres by the gaze

Gaussians are flat: two sizes and a turn in the surface. Rotations of triangles carry no gradients: what they add to
places of a few millimetres is small beside what places themselves add.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from lamina.codecs.head.columns import LATTICE
from lamina.codecs.head.networked.look import LARGEST, NetworkLook, moved, product, seen_colors
from lamina.data.faces.template import FaceTemplate, Region
from lamina.render.gaussians3d import Gaussians3D

THICKNESS = 0.2
"""Of a flat Gaussian, by the smaller of its sizes."""
NEAR_CM = 1.0
LARGEST_LOG_SIZE = 2.5
"""Logarithm of cm: no Gaussian is larger, whatever a stream says."""
SMALLEST_LOG_SIZE = -6.0


@dataclass(frozen=True, eq=False)
class Look:
    """Gaussians' own values, reals: those on the head first, then those beside it."""

    places: Float[Tensor, "n 3"]
    """On the head: off the mean head's surface, head's axes. Beside it: in the head's axes at rest. Cm."""
    turns: Float[Tensor, " n"]
    """In the surface, radians."""
    log_sizes: Float[Tensor, "n 2"]
    """Of cm."""
    opacities: Float[Tensor, " n"]
    """Logits."""
    colors: Float[Tensor, "n 3"]
    """SRGB-coded, about 0...1."""
    skins: Float[Tensor, " f"]
    """Of those beside the head: logits of how far they follow it."""
    network: NetworkLook | None = field(default=None, kw_only=True)
    """Those on the head in the paper's method; then all else here is of those beside it."""

    @classmethod
    def of(cls, values: Mapping[str, Tensor]) -> Look:
        """By the fields' names."""
        return cls(*(values[name] for name in ("places", "turns", "log_sizes", "opacities", "colors", "skins")))


@dataclass(frozen=True, eq=False)
class Pose:
    """One frame's motion, reals."""

    rotation: Float[Tensor, "3 3"]
    """Camera from head."""
    translation: Float[Tensor, "3"]
    """Cm."""
    gaze: Float[Tensor, "2"]
    """Yaw, pitch, radians."""
    nodes: Float[Tensor, "m 2"]
    """How far the torso's nodes are moved to the right and down, cm; row by row."""
    weights: Float[Tensor, " k"]
    """Of the rig's shapes."""


@dataclass(frozen=True, eq=False)
class Rest:
    """How the head is where nothing moves."""

    rotation: Float[Tensor, "3 3"]
    translation: Float[Tensor, "3"]
    eyes: Float[Tensor, "2 3"]
    """Centres, head's axes, cm."""
    focal: Float[Tensor, "2"]
    """By the picture's width and height."""


@dataclass(frozen=True, eq=False)
class Rig:
    """The first places of a template, and the shapes that move them."""

    base: Float[Tensor, "v 3"]
    """Vertices where all weights are 0."""
    shapes: Float[Tensor, "k w"]
    """What each weight adds, flattened."""
    corners: Int64[Tensor, "n 3"]
    shares: Float[Tensor, "n 3 1"]
    """Of the corners."""
    upright: Float[Tensor, "n 3 3"]
    """From the axes of a Gaussian in its surface to those of its triangle, both at neutral."""
    back: Float[Tensor, "n 3 3"]
    """From the head's axes to those of its triangle at neutral."""
    eye: Int64[Tensor, " n"]
    """0, or 1 and 2 for the left and right eye."""
    rest: Rest

    def __len__(self) -> int:
        return len(self.corners)


def rig_of(template: FaceTemplate, count: int, mean: np.ndarray, basis: np.ndarray, rest: Rest) -> Rig:
    """Of the first `count` places; `mean` (e,) and `basis` (k, e) are of expressions."""
    shapes = template.shapes.reshape(len(template.shapes), -1)
    base = template.vertices + (mean.astype(np.float32) @ shapes).reshape(-1, 3)
    corners = template.sample_corners[:count]
    used, inverse = np.unique(corners, return_inverse=True)
    moved = (basis.astype(np.float32) @ shapes).reshape(len(basis), -1, 3)[:, used]
    neutral = torch.from_numpy(template.vertices[corners])
    axes = triangle_axes(neutral)
    regions = template.sample_regions[:count]
    eye = np.where(regions == Region.LEFT_EYE, 1, np.where(regions == Region.RIGHT_EYE, 2, 0))
    return Rig(
        torch.from_numpy(base[used]),
        torch.from_numpy(np.ascontiguousarray(moved.reshape(len(basis), -1))),
        torch.from_numpy(inverse.reshape(-1, 3).astype(np.int64)),
        torch.from_numpy(template.sample_weights[:count].astype(np.float32) / 255)[..., None],
        axes.transpose(1, 2) @ surface_axes(axes[:, :, 2]),
        axes.transpose(1, 2).contiguous(),
        torch.from_numpy(eye.astype(np.int64)),
        rest,
    )


def triangle_axes(corners: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3 3"]:
    """Columns: along the first edge, across it, the normal."""
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    x = torch.nn.functional.normalize(first, dim=1, eps=1e-12)
    normal = torch.nn.functional.normalize(torch.linalg.cross(first, second), dim=1, eps=1e-12)
    return torch.stack([x, torch.linalg.cross(normal, x), normal], dim=2)


def surface_axes(normals: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3 3"]:
    """Columns: the head's x along the surface (where the surface looks that way: its y), across, the normal."""
    x, y = torch.eye(3)[0].expand_as(normals), torch.eye(3)[1].expand_as(normals)
    ahead = torch.where(normals[:, :1].abs() < 0.9, x, y)
    along = torch.nn.functional.normalize(ahead - (ahead * normals).sum(1, keepdim=True) * normals, dim=1)
    return torch.stack([along, torch.linalg.cross(normals, along), normals], dim=2)


def posed(rig: Rig, look: Look, pose: Pose, size_offset: float = 0.0) -> Gaussians3D:
    """Everything in the camera's axes; `size_offset` is added to logarithms of sizes."""
    if look.network is not None:
        return _posed_by_network(rig, look, look.network, pose)
    count = len(rig)
    points, axes = _on_mesh(rig, pose)
    turned = (axes @ rig.back) @ look.places[:count, :, None]
    points, surface = _with_gaze(rig, pose, points + turned[:, :, 0], axes)
    mesh = points @ pose.rotation.T + pose.translation
    beside, facing = _beside(rig.rest, look.places[count:], look.skins, pose)
    rotations = turned_in_surface(torch.cat([quaternions(surface), facing]), look.turns)
    log_sizes = (look.log_sizes + size_offset).clamp(SMALLEST_LOG_SIZE, LARGEST_LOG_SIZE)
    sizes = torch.exp(log_sizes)
    sizes = torch.cat([sizes, THICKNESS * sizes.amin(dim=1, keepdim=True)], dim=1)
    return Gaussians3D(torch.cat([mesh, beside]), rotations, sizes, torch.sigmoid(look.opacities), look.colors)


def _on_mesh(rig: Rig, pose: Pose) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3 3"]]:
    """Places on the mesh under an expression, head's axes, and axes of their triangles."""
    vertices = rig.base + (pose.weights @ rig.shapes).reshape(-1, 3)
    corners = vertices[rig.corners]
    return (corners * rig.shares).sum(dim=1), triangle_axes(corners.detach())


def _with_gaze(
    rig: Rig, pose: Pose, points: Float[Tensor, "n 3"], axes: Float[Tensor, "n 3 3"]
) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3 3"]]:
    """Eyes turned; then the axes of all surfaces in the camera's."""
    gaze, centres = _gaze(rig, pose.gaze), torch.cat([torch.zeros(1, 3), rig.rest.eyes])[rig.eye]
    points = torch.where((rig.eye > 0)[:, None], _rotated(gaze, points - centres) + centres, points)
    return points, pose.rotation.detach() @ gaze.detach() @ axes @ rig.upright


def _posed_by_network(rig: Rig, look: Look, own: NetworkLook, pose: Pose) -> Gaussians3D:
    """The paper's head, with those beside it as ever."""
    points, axes = _on_mesh(rig, pose)
    change = moved(own, pose.weights)
    points, surface = _with_gaze(rig, pose, points + change.places_cm, axes)
    mesh = points @ pose.rotation.T + pose.translation
    colors = seen_colors(own, (mesh @ pose.rotation).detach())
    beside, facing = _beside(rig.rest, look.places, look.skins, pose)
    sizes = torch.exp(look.log_sizes.clamp(SMALLEST_LOG_SIZE, LARGEST_LOG_SIZE))
    sizes = torch.cat([sizes, THICKNESS * sizes.amin(dim=1, keepdim=True)], dim=1)
    return Gaussians3D(
        torch.cat([mesh, beside]),
        torch.cat([product(quaternions(surface), change.rotations), turned_in_surface(facing, look.turns)]),
        torch.cat([torch.exp(change.log_sizes.clamp(SMALLEST_LOG_SIZE, LARGEST_LOG_SIZE)), sizes]),
        torch.sigmoid(torch.cat([own.opacities, look.opacities])),
        torch.cat([colors.clamp(-LARGEST, LARGEST), look.colors]),
    )


def _rotated(matrices: Float[Tensor, "n 3 3"], vectors: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    return (matrices @ vectors[:, :, None])[:, :, 0]


def _gaze(rig: Rig, gaze: Float[Tensor, "2"]) -> Float[Tensor, "n 3 3"]:
    """Yaw about y, then pitch about x, of eyes; nothing elsewhere."""
    zero, one = torch.zeros(()), torch.ones(())
    (cy, cp), (sy, sp) = torch.cos(gaze), torch.sin(gaze)
    yaw = torch.stack([cy, zero, sy, zero, one, zero, -sy, zero, cy]).reshape(3, 3)
    pitch = torch.stack([one, zero, zero, zero, cp, -sp, zero, sp, cp]).reshape(3, 3)
    return torch.stack([torch.eye(3), yaw @ pitch])[(rig.eye > 0).long()]


def _beside(
    rest: Rest, places: Float[Tensor, "f 3"], skins: Float[Tensor, " f"], pose: Pose
) -> tuple[Float[Tensor, "f 3"], Float[Tensor, "f 4"]]:
    """Where Gaussians beside the head are, and how they are turned."""
    with_head = places @ pose.rotation.T + pose.translation
    at_rest = places @ rest.rotation.T + rest.translation
    corners, weights = lattice_weights(rest, at_rest.detach())
    bend = (pose.nodes[corners] * weights[:, :, None]).sum(dim=1)
    share = torch.sigmoid(skins)[:, None]
    facing = quaternions(torch.stack([rest.rotation, pose.rotation]).detach())[(skins.detach() > 0).long()]
    return share * with_head + (1 - share) * at_rest + torch.nn.functional.pad(bend, (0, 1)), facing


def lattice_weights(rest: Rest, points: Float[Tensor, "f 3"]) -> tuple[Int64[Tensor, "f 4"], Float[Tensor, "f 4"]]:
    """Of points in the camera's axes at rest: the four nodes around them in the picture, and their bilinear weights."""
    across, down = LATTICE
    places = points[:, :2] / points[:, 2:].clamp_min(NEAR_CM) * rest.focal + 0.5
    spans = torch.tensor([across - 1.0, down - 1.0])
    places = (places * spans).clamp_min(0).minimum(spans - 1e-4)
    low = places.floor()
    x, y = (places - low).unbind(dim=1)
    corner = (low[:, 1] * across + low[:, 0]).long()
    corners = torch.stack([corner, corner + 1, corner + across, corner + across + 1], dim=1)
    return corners, torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], dim=1)


def turned_in_surface(rotations: Float[Tensor, "n 4"], turns: Float[Tensor, " n"]) -> Float[Tensor, "n 4"]:
    """Rotations after a turn about their own z."""
    cosine, sine = torch.cos(turns / 2), torch.sin(turns / 2)
    w, x, y, z = rotations.unbind(dim=1)
    return torch.stack(
        [w * cosine - z * sine, x * cosine + y * sine, y * cosine - x * sine, w * sine + z * cosine], dim=1
    )


def quaternions(matrices: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 4"]:
    """Of rotations: of four forms that are equal, the one with the largest part. Not normalised."""
    m = matrices
    trace = m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2]
    a, b, c = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    d, e, f = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]
    largest = [1 + trace, *(1 + 2 * m[:, axis, axis] - trace for axis in range(3))]
    forms = torch.stack(
        [
            torch.stack([largest[0], a, b, c], dim=1),
            torch.stack([a, largest[1], d, e], dim=1),
            torch.stack([b, d, largest[2], f], dim=1),
            torch.stack([c, e, f, largest[3]], dim=1),
        ],
        dim=1,
    )
    chosen = torch.stack(largest, dim=1).argmax(dim=1)
    return forms[torch.arange(len(m)), chosen]


def rotation_of(vector: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """About a vector, by its length in radians; differentiable at 0 too."""
    angle2 = (vector * vector).sum() + 1e-12
    angle = angle2.sqrt()
    x, y, z = vector
    zero = torch.zeros(())
    across = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero]).reshape(3, 3)
    return torch.eye(3) + torch.sin(angle) / angle * across + (1 - torch.cos(angle)) / angle2 * across @ across


def spread_of(fewer: int, all_of_them: int) -> float:
    """What sizes are multiplied by so that fewer Gaussians cover the same."""
    return math.sqrt(all_of_them / max(fewer, 1))
