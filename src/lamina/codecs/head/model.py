# SPDX-License-Identifier: Apache-2.0
"""What the head codec fits, sends and renders: a head in layers, and the integers that move it.

Parts are `HeadPart` (once) and `RunPart` (a run of frames); a model is `HeadModel`: one frame at one level, renderable
at any size as the clip's camera saw it, or from any camera.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int32, UInt8

from lamina.cameras.camera import Camera
from lamina.codec import Model, Size
from lamina.codecs.head.attributes import Gaussians, joined
from lamina.codecs.head.background import StillLayer, shown, still_of
from lamina.codecs.head.columns import (
    COLOR,
    FIXED,
    GAZE,
    LATTICE,
    OPACITY,
    PLACE,
    ROTATION,
    SIZE,
    SKIN,
    STEP_OF_COLUMN,
    TRANSLATION,
    TURN,
)
from lamina.codecs.head.person import template_of, unpack_person
from lamina.codecs.head.steps import MotionSteps, rotation_matrix, scale_factor
from lamina.codecs.head.syntax import EXPRESSIONS, HeadFacts

if TYPE_CHECKING:
    from torch import Tensor

    from lamina.codecs.head.networked.values import NetworkState
    from lamina.codecs.head.rig import Look, Pose, Rig

ORBIT_DEGREES = 20.0
"""To each side, of the cameras that a head offers: further round there is nothing that the clip showed."""
ORBIT_CAMERAS = 9
NEAR_CM = 1.0
GREY = 0.5
"""Behind the person where no picture was sent."""


@dataclass(frozen=True, eq=False)
class LayerState:
    """One layer of the head: what the decoder will have, exactly."""

    gaussians: Gaussians
    background: StillLayer
    tracker: bytes = b""
    """Who it is of; in the paper's method the mesh's shape follows from it."""
    network: NetworkState | None = None
    """Gaussians on the head in the paper's method."""


@dataclass(frozen=True, eq=False)
class HeadPart:
    """What is sent once."""

    facts: HeadFacts
    layers: tuple[LayerState, ...]


@dataclass(frozen=True, eq=False)
class RunPart:
    """A run of frames."""

    facts: HeadFacts
    group: int
    frame: int
    """The first."""
    values: Int32[np.ndarray, "t c"]
    """All columns of all frames."""
    scale: int
    """Of this run's steps, quarters of octaves."""
    quality_db: tuple[float | None, ...]
    """Of each level, mean over the run; None: not measured."""


@dataclass(frozen=True, eq=False)
class Head:
    """The head as far as its layers have come; what rendering needs is made when it is asked for, once."""

    facts: HeadFacts
    layers: tuple[LayerState, ...]
    _kept: dict[object, Any] = field(default_factory=dict, repr=False)

    @property
    def level(self) -> int:
        """Reached by the layers that have come."""
        return len(self.layers) - 1

    def at(self, level: int) -> Head:
        """Of layers 0...level."""
        if level == self.level:
            return self
        return self._once(("level", level), lambda: Head(self.facts, self.layers[: level + 1]))

    @property
    def gaussians(self) -> Gaussians:
        """Integers of all layers."""
        return self._once("gaussians", lambda: joined(tuple(layer.gaussians for layer in self.layers)))

    @property
    def steps(self) -> np.ndarray:
        """Of a frame's columns."""
        return self._once("steps", lambda: self._steps())

    @property
    def rig(self) -> Rig:
        """What moves it."""
        return self._once("rig", self._rig)

    @property
    def look(self) -> Look:
        """Its Gaussians' own values."""
        return self._once("look", self._look)

    @property
    def still(self) -> Model | None:
        """The picture behind the person."""
        return self._once("still", lambda: still_of(self.background))

    @property
    def background(self) -> tuple[StillLayer, ...]:
        """Its layers."""
        return tuple(layer.background for layer in self.layers)

    def behind(self, width: int, height: int) -> Tensor:
        """What is behind the person, (h, w, 3), 0...1."""
        import torch

        def make() -> Tensor:
            model = self.still
            if model is None:
                return torch.full((height, width, 3), GREY)
            return torch.from_numpy(shown(self.background, model, width, height).astype(np.float32) / 255)

        key = ("behind", width, height)
        if key not in self._kept and len([one for one in self._kept if isinstance(one, tuple)]) > 8:
            self._kept.clear()
        return self._once(key, make)

    def _once(self, key: object, make: Any) -> Any:
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def _steps(self) -> np.ndarray:
        if self.facts.network is not None:
            return np.array(self.facts.network.steps, np.float32)
        return MotionSteps(*self.facts.motion_steps).row(self.facts.torso, self.facts.dimensions)

    @property
    def torso(self) -> Tensor:
        """What each component of the torso moves its nodes by, cm."""
        import torch

        def make() -> Tensor:
            return torch.from_numpy(torso_basis_of(self.facts).astype(np.float32))

        return self._once("torso", make)

    def _rig(self) -> Rig:
        from lamina.codecs.head.rig import rig_of
        from lamina.data.faces.template import face_template

        mean, basis = expressions_of(self.facts)
        template, count = face_template(), len(self.gaussians.mesh)
        if self.facts.network is not None:
            template, count = template_of(unpack_person(self.layers[0].tracker)), self.facts.mesh_counts[0]
        return rig_of(template, count, mean, basis, rest_of(self.facts))

    def _look(self) -> Look:
        look = look_of(self.facts, self.gaussians)
        state = self.layers[0].network
        if self.facts.network is None or state is None:
            return look
        from lamina.codecs.head.networked.decoded import network_look

        return replace(look, network=network_look(self.facts.network, state))


def expressions_of(facts: HeadFacts) -> tuple[Float64[np.ndarray, " e"], Float64[np.ndarray, "k e"]]:
    """The mean expression, and what each component adds."""
    basis = np.array(facts.basis, np.float64).reshape(facts.dimensions, EXPRESSIONS) / 512
    return np.array(facts.mean, np.float64) / 512, basis * np.array(facts.basis_scales)[:, None]


def torso_basis_of(facts: HeadFacts) -> Float64[np.ndarray, "m n"]:
    """What each component of the torso moves the nodes by, cm."""
    basis = np.array(facts.torso_basis, np.float64).reshape(facts.torso, -1) / 512
    return basis * np.array(facts.torso_scales)[:, None]


def rest_of(facts: HeadFacts) -> Any:
    """How the head is where all columns are 0."""
    import torch

    from lamina.codecs.head.rig import Rest

    def tensor(values: Any) -> Tensor:
        return torch.tensor(np.asarray(values, np.float64), dtype=torch.float32)

    rest = np.array(facts.rest, np.float64)
    return Rest(
        tensor(rotation_matrix(rest[:3])),
        tensor(rest[3:]),
        tensor(facts.eyes).reshape(2, 3),
        tensor([facts.focal_px / facts.width, facts.focal_px / facts.height]),
    )


def look_of(facts: HeadFacts, gaussians: Gaussians) -> Look:
    """What integers mean."""
    import torch

    from lamina.codecs.head.rig import Look

    steps = np.array([facts.steps[which] for which in STEP_OF_COLUMN], np.float32)
    mesh = gaussians.mesh.astype(np.float32) * steps[: gaussians.mesh.shape[1]]
    free = gaussians.free.astype(np.float32) * steps
    own = torch.from_numpy(np.concatenate([mesh, free[:, : mesh.shape[1]]]))
    return Look(
        own[:, PLACE],
        own[:, TURN],
        own[:, SIZE] + facts.base_size,
        own[:, OPACITY],
        own[:, COLOR],
        torch.from_numpy(free[:, SKIN].copy()),
    )


def pose_of(head: Head, values: Int32[np.ndarray, " c"], scale: int) -> Pose:
    """What a frame's integers mean."""
    import torch

    reals = torch.from_numpy(values.astype(np.float32) * head.steps * np.float32(scale_factor(scale)))
    return pose_from_reals(reals, head.rig.rest, head.torso)


def pose_from_reals(reals: Float[Tensor, " c"], rest: Any, torso: Float[Tensor, "m n"]) -> Pose:
    """A frame's columns, in their units; differentiable."""
    from lamina.codecs.head.rig import Pose, rotation_of

    last = FIXED + len(torso)
    return Pose(
        rotation_of(reals[ROTATION]) @ rest.rotation,
        rest.translation + reals[TRANSLATION],
        reals[GAZE],
        (reals[FIXED:last] @ torso).reshape(LATTICE[0] * LATTICE[1], 2),
        reals[last:],
    )


@dataclass(frozen=True, eq=False)
class HeadModel:
    """One frame at one level."""

    head: Head
    """Of layers 0...level."""
    frame: int
    values: Int32[np.ndarray, " c"]
    """All columns; those of layers above are 0."""
    scale: int
    """Of their steps, quarters of octaves."""
    background: tuple[int, int, int] | UInt8[np.ndarray, "h w 3"] | None = None
    """What stands behind the person instead of the picture that was sent: a color, or pixels of the view's size."""

    def over(self, background: tuple[int, int, int] | UInt8[np.ndarray, "h w 3"]) -> HeadModel:
        """The same person before something else."""
        return replace(self, background=background)

    @property
    def level(self) -> int:
        """Reached by layers 0...level together."""
        return self.head.level

    @property
    def view(self) -> Size:
        """As the clip was."""
        return Size(self.head.facts.width, self.head.facts.height)

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """An arc about the head, as far round as it can be seen from; the one in the middle is the clip's own."""
        own, focus = camera_of(self.head.facts), np.array(self.head.facts.rest[3:], np.float64)
        cameras = []
        for turn in np.linspace(-ORBIT_DEGREES, ORBIT_DEGREES, ORBIT_CAMERAS):
            motion = np.eye(4)
            motion[:3, :3] = rotation_matrix(np.array([0.0, math.radians(float(turn)), 0.0]))
            motion[:3, 3] = focus - motion[:3, :3] @ focus
            cameras.append(replace(own, camera_from_world=motion))
        return tuple(cameras)

    def regions(self, view: Size | Camera) -> Mapping[str, Bool[np.ndarray, "h w"]]:
        """Which pixels of a view are mouth, eyes, face, hair and torso (`head.regions`)."""
        from lamina.codecs.head.regions import regions_of

        return regions_of(self, view if isinstance(view, Camera) else _camera_for(self, view))

    @property
    def counts(self) -> Mapping[str, int]:
        """Gaussians."""
        own = self.head.gaussians.mesh if self.head.facts.network is None else range(self.head.facts.mesh_counts[0])
        return {"Gaussians": len(own) + len(self.head.gaussians.free)}


def camera_of(facts: HeadFacts) -> Camera:
    """The clip's own."""
    return Camera(
        np.eye(4), facts.focal_px, facts.focal_px, facts.width / 2, facts.height / 2, facts.width, facts.height
    )


def render(model: HeadModel, view: Size | Camera | None = None) -> Float[Tensor, "h w 3"]:
    """What the clip's camera saw, at any size, or what another camera sees: sRGB-coded, not clamped.

    The picture behind the person stands still, wherever the camera is.
    """
    import torch

    from lamina.codecs.head.rig import posed
    from lamina.render.spatial import render_spatial

    camera = view if isinstance(view, Camera) else _camera_for(model, view)
    facts = model.head.facts
    look = model.head.look
    with torch.no_grad():
        gaussians = posed(
            model.head.rig, look, pose_of(model.head, model.values, model.scale), math.log(facts.spreads[model.level])
        )
    image = render_spatial(gaussians, camera)
    if model.background is None:
        behind = model.head.behind(camera.width, camera.height)
    else:
        behind = torch.from_numpy(np.asarray(model.background, np.float32) / np.float32(255))
    return image.pixels + (1 - image.alpha)[..., None] * behind


def _camera_for(model: HeadModel, view: Size | None) -> Camera:
    own = camera_of(model.head.facts)
    view = view or Size()
    return own.resized(view.width or own.width, view.height or own.height)
