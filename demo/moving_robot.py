# SPDX-License-Identifier: Apache-2.0
"""The robot "PLAYBOT" moves: its Gaussians at rest and a moment enter, Gaussians of that moment leave.

It is one still cloud. Its parts are found by position: hands hover beside the body, the ground lies below, what
bends (neck, tail) turns the more the further from its joint. Lengths are world units, in the axes of the capture: x to
one side, y down, z to the robot's back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64

from lamina.data.splats import SplatCloud
from lamina.render.gaussians3d import Gaussians3D
from lamina.render.spherical_harmonics import evaluate

GROUND_TOP = -0.19
"""Nothing of the robot is below, and nothing of the ground above."""
NECK, SHOULDERS = -0.74, -0.62
"""Between these heights the head's turn fades to that of the body."""
TAIL_TOP, TAIL_END = -0.58, -0.2
"""Between these it swings the more."""
MIDDLE = (0.0, -0.55, 0.0)
"""About which all of it sways."""
PALM_HEIGHT, PALM_BESIDE, PALM_FORE = -0.56, 0.38, 0.0
"""Of the middle of the ball that a hand grows from."""
ROUND_S = 4.0
"""In which the robot looks around once."""
SIDEWAYS, DOWN, BACK = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
"""Axes of turns."""

LITTLE_SIZE = 0.32
"""Of the one that passes by, of the robot's."""
LITTLE_COMES_S, LITTLE_WAY_S = 0.2, 2.6
"""When it comes, and how long its way takes."""
LITTLE_DISTANCE = 0.72
"""From the robot's middle."""


@dataclass(frozen=True)
class Posed:
    """Where Gaussians are, and how they are turned since rest (quaternions w, x, y, z)."""

    cloud: SplatCloud
    """At rest."""
    positions: Float64[np.ndarray, "n 3"]
    turns: Float64[np.ndarray, "n 4"]
    size: float = 1.0

    def turned(
        self,
        pivot: tuple[float, float, float],
        axis: tuple[float, float, float],
        degrees: float,
        shares: Float64[np.ndarray, " n"],
    ) -> Posed:
        """Each turned by its share of an angle about an axis through a point."""
        half = np.radians(degrees) * shares / 2
        turn = np.concatenate([np.cos(half)[:, None], np.sin(half)[:, None] * np.array(axis)], axis=1)
        moved = _rotated(turn, self.positions - pivot) + pivot
        return Posed(self.cloud, moved, _product(turn, self.turns), self.size)

    def shifted(self, by: tuple[float, float, float], shares: Float64[np.ndarray, " n"]) -> Posed:
        """Each by its share."""
        return Posed(self.cloud, self.positions + shares[:, None] * np.array(by), self.turns, self.size)

    def scaled(self, size: float, pivot: tuple[float, float, float]) -> Posed:
        """Smaller or larger about a point."""
        return Posed(self.cloud, size * (self.positions - pivot) + pivot, self.turns, size * self.size)


def robot_of(cloud: SplatCloud) -> SplatCloud:
    """Without the ground."""
    return cloud.selected(cloud.means[:, 1] < GROUND_TOP)


def ground_of(cloud: SplatCloud) -> SplatCloud:
    """Without the robot."""
    return cloud.selected(cloud.means[:, 1] >= GROUND_TOP)


def moment(cloud: SplatCloud, time_s: float) -> list[Posed]:
    """All that is there at a time."""
    robot = robot_of(cloud)
    parts = [at_rest(ground_of(cloud)), robot_at(robot, time_s / ROUND_S)]
    if time_s >= LITTLE_COMES_S:
        parts.append(little_robot_at(robot, (time_s - LITTLE_COMES_S) / LITTLE_WAY_S))
    return parts


def at_rest(cloud: SplatCloud) -> Posed:
    """As it is in the file."""
    turns = np.zeros((len(cloud), 4))
    turns[:, 0] = 1.0
    return Posed(cloud, cloud.means.astype(np.float64), turns)


def robot_at(cloud: SplatCloud, time: float) -> Posed:
    """The robot looks around, waves with one hand, and sways, `time` of a round."""
    phase = 2 * math.pi * time
    posed = at_rest(cloud)
    height, every = posed.positions[:, 1], np.ones(len(cloud))
    hands = [hand(posed.positions, side) for side in (-1, 1)]
    body = (~(hands[0] | hands[1])).astype(np.float64)
    head, tail = body * _rising(-height, -SHOULDERS, -NECK), body * _rising(height, TAIL_TOP, TAIL_END)
    neck = (0.0, NECK, 0.0)
    posed = posed.turned(neck, DOWN, 24 * math.sin(phase), head)
    posed = posed.turned(neck, SIDEWAYS, 7 * math.sin(2 * phase), head)
    posed = posed.turned((0.0, TAIL_TOP, 0.0), BACK, 26 * math.sin(2 * phase - 0.8), tail)
    posed = posed.turned((0.0, TAIL_TOP, 0.0), SIDEWAYS, 14 * math.sin(phase + 0.5), tail)
    waving, calm = (own.astype(np.float64) for own in hands)
    wave = _rising(np.array(time), 0.0, 0.35) - _rising(np.array(time), 0.75, 1.0)
    palm = (-PALM_BESIDE, PALM_HEIGHT, PALM_FORE)
    posed = posed.turned(palm, BACK, 26 * math.sin(2.5 * phase), waving * wave)
    posed = posed.shifted((-0.12, -0.26, 0.0), waving * wave)
    posed = posed.turned((PALM_BESIDE, PALM_HEIGHT, PALM_FORE), DOWN, 30 * math.sin(phase), calm)
    posed = posed.shifted((0.05 * math.sin(phase), 0.05 * math.sin(2 * phase + 1), 0.0), calm)
    posed = posed.turned(MIDDLE, DOWN, 10 * math.sin(phase + 0.7), every)
    posed = posed.turned(MIDDLE, BACK, 4 * math.sin(2 * phase), every)
    return posed.shifted((0.0, 0.03 * math.sin(2 * phase), 0.0), every)


def little_robot_at(cloud: SplatCloud, time: float) -> Posed:
    """A small one comes down and passes by, `time` of its own way."""
    posed, every = at_rest(cloud).scaled(LITTLE_SIZE, MIDDLE), np.ones(len(cloud))
    angle = 200.0 + 70.0 * time
    down = float(_rising(np.array(time), 0.0, 0.7))
    posed = posed.turned(MIDDLE, BACK, 12 * math.sin(8 * time), every)
    posed = posed.shifted((0.0, 0.1 - 0.9 * (1 - down), LITTLE_DISTANCE), every)
    return posed.turned(MIDDLE, DOWN, angle, every)


def hand(positions: Float64[np.ndarray, "n 3"], side: int) -> Bool[np.ndarray, " n"]:
    """Gaussians of the hand on one side: -1 or 1. Fingers reach up beside the ears."""
    beside, height = side * positions[:, 0], positions[:, 1]
    return ((beside > 0.22) & (height > -0.705) | (beside > 0.36) & (height > -0.76)) & (height < -0.44)


def gaussians_of(parts: list[Posed], place: Float64[np.ndarray, "3"]) -> Gaussians3D:
    """What a camera at `place` sees of them: harmonics turn with what they belong to."""
    positions = np.concatenate([part.positions for part in parts])
    turns = np.concatenate([part.turns for part in parts])
    rotations = np.concatenate([part.cloud.rotations for part in parts]).astype(np.float64)
    scales = np.concatenate([part.cloud.scales * part.size for part in parts])
    back = turns * np.array([1.0, -1.0, -1.0, -1.0])
    directions = _rotated(back, positions - place)
    sh = torch.from_numpy(np.concatenate([part.cloud.sh for part in parts]))
    return Gaussians3D(
        _tensor(positions),
        _tensor(_product(turns, rotations)),
        _tensor(scales),
        _tensor(np.concatenate([part.cloud.opacities for part in parts])),
        evaluate(sh, _tensor(directions)),
    )


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))


def _rising(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, smooth between."""
    share = np.clip((values - low) / (high - low), 0.0, 1.0)
    return share * share * (3 - 2 * share)


def _rotated(turns: Float64[np.ndarray, "n 4"], vectors: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    w, axis = turns[:, :1], turns[:, 1:]
    across = 2 * np.cross(axis, vectors)
    return vectors + w * across + np.cross(axis, across)


def _product(left: Float64[np.ndarray, "n 4"], right: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n 4"]:
    """Of quaternions: the right turn first."""
    w1, x1, y1, z1 = left.T
    w2, x2, y2, z2 = right.T
    return np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        axis=1,
    )
