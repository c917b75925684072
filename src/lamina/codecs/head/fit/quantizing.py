# SPDX-License-Identifier: Apache-2.0
"""A learnt head enters; its integers leave: what a decoder will have, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int32, Int64

from lamina.codecs.head.attributes import Gaussians
from lamina.codecs.head.background import StillLayer
from lamina.codecs.head.columns import (
    COLOR,
    FREE_COLUMNS,
    MESH_COLUMNS,
    OPACITY,
    PLACE,
    SIZE,
    SKIN,
    STEP_OF_COLUMN,
    TURN,
    VALUE_LIMIT,
)
from lamina.codecs.head.config import HeadConfig
from lamina.codecs.head.fit.examples import Examples
from lamina.codecs.head.fit.grid import gaussian_steps
from lamina.codecs.head.fit.learning import Learnt
from lamina.codecs.head.fit.networked_quantizing import network_facts
from lamina.codecs.head.model import HeadPart, LayerState
from lamina.codecs.head.rig import LARGEST_LOG_SIZE, SMALLEST_LOG_SIZE, Look, spread_of
from lamina.codecs.head.steps import MotionSteps
from lamina.codecs.head.syntax import VERSION, HeadFacts
from lamina.data import Clip
from lamina.data.faces.alignment import vector_of
from lamina.data.faces.template import face_template

OPACITY_LIMIT = 6.0
"""Logits beyond are as good as this."""
SKIN_LIMIT = 4.0
CURVE_BITS = 10
"""Of an axis of the curve along which Gaussians beside the head are sent."""


@dataclass(frozen=True, eq=False)
class Sent:
    """What is sent beside Gaussians."""

    activity: tuple[int, ...]
    background: tuple[StillLayer, ...]
    tracker: bytes


def head_part(clip: Clip, examples: Examples, learnt: Learnt, sent: Sent, config: HeadConfig) -> HeadPart:
    """All that is sent once."""
    look = learnt.look
    mesh_total, free_total = len(learnt.rig), len(look.skins)
    mesh_ends, free_ends = config.layer_ends(mesh_total), config.layer_ends(free_total)
    base_size = learnt.base_size
    steps = gaussian_steps(config)
    values = integers_of(look, steps, base_size)
    on_head = mesh_total if learnt.network is None else 0
    mesh, free = values[:on_head, :MESH_COLUMNS], values[on_head:]
    layers: list[LayerState] = []
    for number in range(config.level_count):
        own_mesh = mesh[mesh_ends[number - 1] if number else 0 : mesh_ends[number]]
        own_free = free[free_ends[number - 1] if number else 0 : free_ends[number]]
        own_free = own_free[np.argsort(curve_of(own_free[:, PLACE]), kind="stable")]
        tracker = sent.tracker if number == 0 else b""
        layers.append(
            LayerState(Gaussians(own_mesh.copy(), own_free), sent.background[number], tracker, learnt.network)
        )
    totals = [mesh_ends[level] + free_ends[level] for level in range(config.level_count)]
    facts = _facts(clip, examples, learnt, sent, config)
    facts = HeadFacts(
        **facts,
        mesh_counts=tuple(int(value) for value in np.diff([0, *mesh_ends])),
        free_counts=tuple(int(value) for value in np.diff([0, *free_ends])),
        spreads=tuple(_single(spread_of(total, totals[-1])) for total in totals),
        steps=steps,
        base_size=base_size,
        network=network_facts(config, learnt.rows) if config.network is not None else None,
    )
    return HeadPart(facts, tuple(layers))


def _facts(clip: Clip, examples: Examples, learnt: Learnt, sent: Sent, config: HeadConfig) -> dict[str, Any]:
    """Fields of the header that are not of Gaussians."""
    rest = learnt.rig.rest
    pose = [*vector_of(examples.rest.rotation), *examples.rest.translation]
    return {
        "version": VERSION,
        "has_extensions": False,
        "has_network": config.network is not None,
        "width": clip.width,
        "height": clip.height,
        "rate_numerator": clip.frames_per_second.numerator,
        "rate_denominator": clip.frames_per_second.denominator,
        "template": face_template().digest,
        "focal_px": _single(examples.pinhole.focal),
        "eyes": tuple(float(value) for value in rest.eyes.ravel()),
        "rest": tuple(_single(value) for value in pose),
        "motion_steps": tuple(_single(config.motion.scale * value) for value in vars(motion_steps(config)).values()),
        "torso_scales": learnt.torso.scales,
        "torso_basis": learnt.torso.basis,
        "mean": learnt.components.mean,
        "basis_scales": learnt.components.scales,
        "basis": learnt.components.basis,
        "activity": sent.activity,
    }


def motion_steps(config: HeadConfig) -> MotionSteps:
    """What 1 is of each group of a frame's columns, before the scale."""
    motion = config.motion
    return MotionSteps(
        motion.rotation_step, motion.translation_step_cm, motion.gaze_step, motion.torso_step_cm,
        motion.component_step_cm,
    )  # fmt: skip


def _single(value: float) -> float:
    """As a stream holds it."""
    return float(np.float32(value))


def integers_of(look: Look, steps: tuple[float, ...], base_size: float) -> Int32[np.ndarray, "n 11"]:
    """Nearest integers, after what looks the same was brought to one spelling: turns within a half circle."""
    count = len(look.places)
    reals = np.zeros((count, FREE_COLUMNS), np.float64)
    sizes = look.log_sizes.numpy().astype(np.float64).clip(SMALLEST_LOG_SIZE, LARGEST_LOG_SIZE)
    turns = look.turns.numpy().astype(np.float64)
    # The longer axis is the first: turning by a quarter swaps them.
    is_second = sizes[:, 1] > sizes[:, 0]
    sizes[is_second] = sizes[is_second, ::-1]
    turns = np.where(is_second, turns + np.pi / 2, turns)
    turns = (turns + np.pi / 2) % np.pi - np.pi / 2
    # What is round when it is sent looks the same however it is turned.
    sent = np.rint((sizes - base_size) / steps[2])
    turns = np.where(sent[:, 0] == sent[:, 1], 0.0, turns)
    reals[:, PLACE] = look.places.numpy()
    reals[:, TURN] = turns
    reals[:, SIZE] = sizes - base_size
    reals[:, OPACITY] = look.opacities.numpy().clip(-OPACITY_LIMIT, OPACITY_LIMIT)
    reals[:, COLOR] = look.colors.numpy()
    reals[count - len(look.skins) :, SKIN] = look.skins.numpy().clip(-SKIN_LIMIT, SKIN_LIMIT)
    scaled = reals / np.array([steps[which] for which in STEP_OF_COLUMN])
    return np.rint(scaled).clip(-VALUE_LIMIT, VALUE_LIMIT).astype(np.int32)


def curve_of(places: Int32[np.ndarray, "n 3"]) -> Int64[np.ndarray, " n"]:
    """Along a curve that keeps neighbours together (Morton)."""
    low = places.min(axis=0, initial=0)
    span = int((places - low).max(initial=1)) + 1
    cells = (places - low).astype(np.int64) * (1 << CURVE_BITS) // span
    code = np.zeros(len(places), np.int64)
    for bit in range(CURVE_BITS):
        for axis in range(3):
            code |= ((cells[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
