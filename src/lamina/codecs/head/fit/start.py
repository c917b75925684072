# SPDX-License-Identifier: Apache-2.0
"""Examples enter; a first head leaves: Gaussians on the person's mesh, and beside it where the mesh covers nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from torch import Tensor

from lamina.cameras.camera import Camera
from lamina.codecs.head.columns import NODE_VALUES
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.examples import Examples
from lamina.codecs.head.model import pose_from_reals
from lamina.codecs.head.rig import Look, Rest, Rig, posed, rig_of
from lamina.data.faces.identity import eyes_of, vertices_of
from lamina.data.faces.template import Region, barycentric, face_template
from lamina.render.spatial import render_spatial

COVERAGE = 0.6
"""Size of a Gaussian by the distance to its neighbours."""
FIRST_OPACITY = 1.4
"""Logit."""
BEHIND_CM = 2.0
"""How much further than the head's origin hair and shoulders are."""
COLOR_FRAMES = 5
SKIN_SLOPE, SKIN_LIMIT = 12.0, 3.0
"""What is above the chin follows the head, what is under it does not; logits by the picture's height."""
COVERED = 0.5
NODES = torch.eye(NODE_VALUES)
"""While a head is learnt the torso's components are its nodes."""


@dataclass(frozen=True, eq=False)
class FirstHead:
    """Where learning begins."""

    rig: Rig
    look: Look


def camera_for(examples: Examples, width: int, height: int) -> Camera:
    """The clip's, at a size."""
    frames = examples.frames
    full = Camera(
        np.eye(4),
        examples.pinhole.focal,
        examples.pinhole.focal,
        examples.pinhole.center_x,
        examples.pinhole.center_y,
        frames.shape[2],
        frames.shape[1],
    )
    return full.resized(width, height)


def first_head(examples: Examples, config: HeadConfig) -> FirstHead:
    """On the person's own mesh, as large as neighbours are apart, with colors of some frames."""
    template = face_template()
    count = config.shape.mesh_gaussians
    rest = _rest(examples)
    expressions = len(template.expression_names)
    rig = rig_of(template, count, np.zeros(expressions), np.eye(expressions), rest)
    own = vertices_of(examples.person, template)
    moved = barycentric(own - template.vertices, template, count)
    points = barycentric(own, template, count)
    sizes = np.log(COVERAGE * _distances(points))
    mesh = Look(
        torch.from_numpy(moved.astype(np.float32)),
        torch.zeros(count),
        torch.from_numpy(np.repeat(sizes[:, None], 2, axis=1).astype(np.float32)),
        torch.full((count,), FIRST_OPACITY),
        torch.full((count, 3), 0.5),
        torch.empty(0),
    )
    mesh = Look(mesh.places, mesh.turns, mesh.log_sizes, mesh.opacities, _colors(examples, rig, mesh), mesh.skins)
    free = _beside(examples, rig, mesh, config)
    both = [torch.cat([a, b]) for a, b in zip(_fields(mesh), _fields(free), strict=True)]
    return FirstHead(rig, Look(*both))


def _fields(look: Look) -> tuple[Tensor, ...]:
    return look.places, look.turns, look.log_sizes, look.opacities, look.colors, look.skins


def _rest(examples: Examples) -> Rest:
    translation = torch.from_numpy(examples.rest.translation.astype(np.float32))
    height, width = examples.frames.shape[1:3]
    focal = torch.tensor([examples.pinhole.focal / width, examples.pinhole.focal / height])
    eyes = torch.from_numpy(eyes_of(examples.person, face_template()).astype(np.float32))
    return Rest(torch.from_numpy(examples.rest.rotation.astype(np.float32)), translation, eyes, focal)


def _distances(points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, " n"]:
    """Mean distance to the three nearest."""
    own = torch.from_numpy(points.astype(np.float32))
    found = [torch.cdist(block, own).topk(4, largest=False).values[:, 1:].mean(dim=1) for block in own.split(1000)]
    return torch.cat(found).numpy().astype(np.float64).clip(1e-3)


def _colors(examples: Examples, rig: Rig, mesh: Look) -> Float[Tensor, "n 3"]:
    """The mean over some frames of what is seen where a Gaussian falls."""
    frames = examples.frames
    height, width = frames.shape[1:3]
    total = torch.zeros_like(mesh.colors)
    chosen = np.linspace(0, len(frames) - 1, COLOR_FRAMES).astype(int)
    for number in chosen:
        pose = pose_from_reals(torch.from_numpy(examples.rows[number]), rig.rest, NODES)
        seen = posed(rig, mesh, pose).means
        across = seen[:, :2] / seen[:, 2:] * examples.pinhole.focal
        grid = across / torch.tensor([width / 2, height / 2])
        picture = torch.from_numpy(frames[number].astype(np.float32) / 255).permute(2, 0, 1)[None]
        found = torch.nn.functional.grid_sample(
            picture, grid[None, :, None], align_corners=False, padding_mode="border"
        )
        total += found[0, :, :, 0].T
    return total / len(chosen)


def _beside(examples: Examples, rig: Rig, mesh: Look, config: HeadConfig) -> Look:
    """On pixels of the person that the mesh does not cover, in the frame at rest."""
    number, count = examples.rest_number, config.shape.free_gaussians
    height, width = examples.frames.shape[1:3]
    pose = pose_from_reals(torch.from_numpy(examples.rows[number]), rig.rest, NODES)
    hidden = torch.from_numpy(face_template().sample_regions[: len(rig)] > Region.HEAD_AND_NECK)
    opacities = torch.where(hidden, -20.0, mesh.opacities)
    solid = Look(mesh.places, mesh.turns, mesh.log_sizes, opacities, mesh.colors, mesh.skins)
    covered = render_spatial(posed(rig, solid, pose), camera_for(examples, width, height)).alpha.numpy()
    candidates = np.argwhere((examples.masks[number] > COVERED) & (covered < COVERED))
    if not len(candidates):
        candidates = np.argwhere(np.ones((height, width), bool))
    chance = np.random.default_rng(config.seed)
    chosen = candidates[chance.permutation(len(candidates))]
    chosen = np.concatenate([chosen] * -(-count // len(chosen)))[:count]
    pixels = chosen[:, ::-1] + 0.5 + chance.uniform(-0.5, 0.5, (count, 2))
    depth = float(examples.rest.translation[2]) + BEHIND_CM
    seen = np.concatenate(
        [(pixels - (width / 2, height / 2)) / examples.pinhole.focal * depth, np.full((count, 1), depth)], axis=1
    )
    places = (seen - examples.rest.translation) @ examples.rest.rotation
    area = len(candidates) * (depth / examples.pinhole.focal) ** 2
    size = math.log(COVERAGE * math.sqrt(area / count))
    chin = examples.rest.translation[1] + 6.0
    skin = np.clip((chin - seen[:, 1]) / 16.0 * SKIN_SLOPE, -SKIN_LIMIT, SKIN_LIMIT)
    rows, columns = chosen[:, 0], chosen[:, 1]
    return Look(
        _tensor(places),
        torch.zeros(count),
        torch.full((count, 2), size),
        torch.full((count,), FIRST_OPACITY),
        _tensor(examples.frames[number][rows, columns] / 255.0),
        _tensor(skin),
    )


def _tensor(values: np.ndarray) -> Float32[Tensor, "..."]:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
