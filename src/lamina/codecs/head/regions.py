# SPDX-License-Identifier: Apache-2.0
"""Which pixels of a frame are mouth, eyes, hair, torso: masks of what the model itself draws there.

Each Gaussian has a part; a pixel is of a part that gives more than half of it.

    mouth   teeth, gums, mouth's inside, and skin within `LIPS_REACH_CM` of the lips
    eyes    eyeballs, and skin within `EYES_REACH_CM` of the lids
    face    all other skin above the chin, and what lies on it
    hair    the rest above the chin, ears included
    torso   what is under the chin: neck, shoulders, clothes
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Int64

from lamina.data.faces.template import MODELS, Region, barycentric, face_template

if TYPE_CHECKING:
    from lamina.cameras.camera import Camera
    from lamina.codecs.head.model import HeadModel

REGIONS = ("mouth", "eyes", "face", "hair", "torso")
MOUTH, EYES, FACE, HAIR, TORSO = range(5)
LIPS_REACH_CM, EYES_REACH_CM = 0.8, 0.7
MOSTLY = 0.5
ON_SKIN_CM = 1.2
"""Beside the head by name only."""
SAMPLES = 2_000
"""Of the mean head's places, for distances to the skin."""
CHIN = 152
LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 13, 14, 78, 308)
LIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 362, 382, 381, 380, 374, 373, 390,
        249, 263, 466, 388, 387, 386, 385, 384, 398)  # fmt: skip
"""Landmarks of MediaPipe's face mesh."""


def regions_of(model: HeadModel, camera: Camera) -> Mapping[str, Bool[np.ndarray, "h w"]]:
    """Masks by name; a part that is not seen has no pixel."""
    import torch

    from lamina.codecs.head.model import pose_of
    from lamina.codecs.head.rig import posed
    from lamina.render.spatial import render_spatial

    head, look = model.head, model.head.look
    beside = look.places if look.network is not None else look.places[len(head.rig) :]
    parts = np.concatenate([mesh_parts()[: len(head.rig)], free_parts(beside.numpy())])
    shares = []
    for first in (0, 3):
        colors = torch.from_numpy((parts[:, None] == first + np.arange(3)).astype(np.float32))
        with torch.no_grad():
            pose = pose_of(head, model.values, model.scale)
            gaussians = posed(head.rig, look, pose, math.log(head.facts.spreads[model.level]))
        shares.append(render_spatial(replace(gaussians, colors=colors), camera).pixels.numpy())
    share = np.concatenate(shares, axis=2)
    return {name: share[:, :, number] > MOSTLY for number, name in enumerate(REGIONS)}


@cache
def mesh_parts() -> Int64[np.ndarray, " s"]:
    """The part of each place on the mean head."""
    template = face_template()
    regions = template.sample_regions
    parts = np.full(len(regions), HAIR, np.int64)
    parts[regions == Region.FACE] = FACE
    points = barycentric(template.vertices.astype(np.float64), template, len(regions))
    for number, marks, reach in ((MOUTH, LIPS, LIPS_REACH_CM), (EYES, LIDS, EYES_REACH_CM)):
        away = np.linalg.norm(points[:, None] - _landmarks(marks)[None], axis=2).min(axis=1)
        parts[(away < reach) & (regions == Region.FACE)] = number
    parts[points[:, 1] < _chin_cm()] = TORSO
    parts[np.isin(regions, (Region.TEETH, Region.MOUTH_SOCKET, Region.GUMS))] = MOUTH
    parts[np.isin(regions, (Region.LEFT_EYE, Region.RIGHT_EYE))] = EYES
    return parts


def free_parts(places: Float32[np.ndarray, "f 3"]) -> Int64[np.ndarray, " f"]:
    """The part of Gaussians beside the head, by where they are in its axes at rest, cm."""
    template = face_template()
    known = mesh_parts()[:SAMPLES]
    points = barycentric(template.vertices.astype(np.float64), template, SAMPLES).astype(np.float32)
    skin = points[known < HAIR]
    parts = np.full(len(places), HAIR, np.int64)
    for start in range(0, len(places), 1000):
        block = places[start : start + 1000]
        away2 = ((block[:, None] - skin[None]) ** 2).sum(axis=2).min(axis=1)
        parts[start : start + 1000][away2 < ON_SKIN_CM**2] = FACE
    parts[places[:, 1] < _chin_cm()] = TORSO
    return parts


def _chin_cm() -> float:
    """How high the chin is, in the head's axes; under it begins the neck."""
    return float(_landmarks((CHIN,))[0, 1])


def _landmarks(numbers: tuple[int, ...]) -> np.ndarray:
    """Where they are on the mean head, cm."""
    with np.load(MODELS / "identity.npz", allow_pickle=False) as stored:
        corners, weights = stored["landmark_corners"].astype(np.int64), stored["landmark_weights"].astype(np.float64)
    chosen = list(numbers)
    vertices = face_template().vertices.astype(np.float64)
    return np.einsum("lkc,lk->lc", vertices[corners[chosen]], weights[chosen])
