# SPDX-License-Identifier: Apache-2.0
"""A face that nobody has: the mean head with painted skin, lips, brows, eyes and hair, that nods and talks.

No clip of a real person may be kept beside the code. This one is found and tracked by the same networks as real ones;
tests on real people are marked `data`.
"""

from fractions import Fraction
from functools import cache

import numpy as np
import torch

from lamina.cameras.camera import Camera
from lamina.codecs.head.columns import FIXED, NODE_VALUES
from lamina.codecs.head.model import pose_from_reals
from lamina.codecs.head.rig import Look, Rest, posed, rig_of
from lamina.data import Clip, clip_from_frames
from lamina.data.faces.alignment import EYES, LIPS, TURNED
from lamina.data.faces.identity import landmark_model
from lamina.data.faces.template import Region, barycentric, face_template
from lamina.render.spatial import render_spatial

SIDE_PX = 128
FOCAL_PX = 230.0
DISTANCE_CM = 60.0
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
SKIN, LIP, BROW, WHITE, IRIS, TOOTH, DARK, HAIR, CLOTH = (
    (0.85, 0.66, 0.56), (0.72, 0.32, 0.32), (0.25, 0.17, 0.12), (0.95, 0.95, 0.95), (0.12, 0.1, 0.1),
    (0.92, 0.9, 0.85), (0.2, 0.06, 0.06), (0.2, 0.13, 0.08), (0.15, 0.2, 0.4),
)  # fmt: skip


@cache
def drawn() -> tuple:
    """Rig and look."""
    template = face_template()
    count = len(template.sample_corners)
    expressions = len(template.expression_names)
    rest = Rest(
        torch.from_numpy(TURNED.astype(np.float32)),
        torch.tensor([0.0, 1.0, DISTANCE_CM]),
        torch.from_numpy(template.eye_centers),
        torch.full((2,), FOCAL_PX / SIDE_PX),
    )
    rig = rig_of(template, count, np.zeros(expressions), np.eye(expressions), rest)
    points = barycentric(template.vertices.astype(np.float64), template, count)
    colors, regions = np.tile(SKIN, (count, 1)), template.sample_regions
    for region, color in ((Region.TEETH, TOOTH), (Region.MOUTH_SOCKET, DARK), (Region.GUMS, DARK)):
        colors[regions == region] = color
    marks = landmark_model().neutral
    for marked, color, reach in ((LIPS, LIP, 0.35), (BROWS, BROW, 0.4), (EYES, BROW, 0.12)):
        away = np.linalg.norm(points[:, None] - marks[list(marked)][None], axis=2).min(axis=1)
        colors[(away < reach) & (regions == Region.FACE)] = color
    for number, region in enumerate((Region.LEFT_EYE, Region.RIGHT_EYE)):
        ahead = (points - template.eye_centers[number]) / template.eye_radii[number]
        is_iris = np.hypot(ahead[:, 0], ahead[:, 1]) < 0.42
        colors[regions == region] = WHITE
        colors[(regions == region) & is_iris] = IRIS
    normals = torch.linalg.inv(rig.back)[:, :, 2].numpy()
    light = np.clip(0.75 + 0.3 * normals[:, 2] + 0.15 * normals[:, 1], 0.3, 1.1)
    light[np.isin(regions, (Region.LEFT_EYE, Region.RIGHT_EYE))] = 1.0
    is_hair = (points[:, 1] > 10.5) | ((points[:, 1] > 4) & (points[:, 2] < 2) & (regions == Region.HEAD_AND_NECK))
    colors[is_hair & np.isin(regions, (Region.FACE, Region.HEAD_AND_NECK))] = HAIR
    chance = np.random.default_rng(3)
    cloth = np.stack([chance.uniform(-16, 16, 1500), chance.uniform(-26, -14, 1500), np.full(1500, 2.0)], axis=1)
    cloth = cloth[np.hypot(cloth[:, 0] / 16, (cloth[:, 1] + 26) / 11) < 1]
    stripes = np.where((cloth[:, :1] // 2) % 2 == 0, np.array([CLOTH]), np.array([CLOTH]) + 0.25)
    look = Look(
        torch.from_numpy(np.concatenate([np.zeros((count, 3)), cloth]).astype(np.float32)),
        torch.zeros(count + len(cloth)),
        torch.cat([torch.full((count, 2), -1.6), torch.full((len(cloth), 2), -0.4)]),
        torch.full((count + len(cloth),), 4.0),
        torch.from_numpy(np.concatenate([colors * light[:, None], stripes]).astype(np.float32)),
        torch.full((len(cloth),), -4.0),
    )
    return rig, look


def moment(frame: int) -> torch.Tensor:
    """Columns of a frame: the head turns and nods, the jaw opens, eyes blink, the torso sways."""
    names = face_template().expression_names
    reals = torch.zeros(FIXED + NODE_VALUES + len(names))
    reals[0], reals[1] = 0.08 * np.sin(frame / 3), 0.2 * np.sin(frame / 5)
    reals[3], reals[4] = 0.6 * np.sin(frame / 4), 0.3 * np.cos(frame / 4)
    reals[6] = 0.15 * np.sin(frame / 2)
    reals[FIXED : FIXED + NODE_VALUES : 2] = 0.4 * np.sin(frame / 4)
    expressions = reals[FIXED + NODE_VALUES :]
    expressions[names.index("jawOpen")] = 0.3 + 0.3 * np.sin(frame * 0.9)
    expressions[names.index("mouthPucker")] = 0.3 * max(np.sin(frame * 0.6), 0)
    expressions[names.index("browInnerUp_L")] = expressions[names.index("browInnerUp_R")] = 0.3 * (frame % 7 == 3)
    return reals


def behind(width: int, height: int) -> np.ndarray:
    """A wall with a stripe."""
    rows, columns = np.mgrid[0:height, 0:width]
    wall = np.stack([0.3 + 0.2 * columns / width, 0.5 - 0.1 * rows / height, 0.6 + 0 * rows], axis=2)
    wall[:, int(0.1 * width) : int(0.16 * width)] = (0.8, 0.75, 0.6)
    return wall.astype(np.float32)


def picture(frame: int, shift_px: float = 0.0) -> np.ndarray:
    """8 bits; `shift_px` moves the person to the right."""
    rig, look = drawn()
    camera = Camera(np.eye(4), FOCAL_PX, FOCAL_PX, SIDE_PX / 2 + shift_px, SIDE_PX / 2, SIDE_PX, SIDE_PX)
    image = render_spatial(posed(rig, look, pose_from_reals(moment(frame), rig.rest, torch.eye(NODE_VALUES))), camera)
    pixels = image.pixels.numpy() + (1 - image.alpha.numpy())[..., None] * behind(SIDE_PX, SIDE_PX)
    return np.clip(np.rint(255 * pixels), 0, 255).astype(np.uint8)


@cache
def frames(count: int) -> tuple[np.ndarray, ...]:
    """Pictures of so many frames."""
    return tuple(picture(frame) for frame in range(count))


def drawn_clip(count: int = 12) -> Clip:
    """The face, talking."""
    return clip_from_frames(list(frames(count)), Fraction(25))
