# SPDX-License-Identifier: Apache-2.0
"""The head codec's configuration: the head, its learning, what is sent a frame; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from lamina.codec import Choices, preset_of

LEVELS_AT_MOST = 4


@dataclass(frozen=True)
class ShapeConfig:
    """What a head is made of, and how finely it is sent."""

    mesh_gaussians: int = 9_000
    """On the face, head, eyes and in the mouth."""
    free_gaussians: int = 5_000
    """Of hair, neck, shoulders and clothes."""
    base_share: float = 0.2
    """Of them in the base layer; layers between are spaced evenly by ratio."""
    offset_step_cm: float = 0.03
    """Of places."""
    angle_step: float = 0.15
    """Of turns in the surface, radians."""
    size_step: float = 0.12
    """Of logarithms of sizes."""
    opacity_step: float = 0.5
    """Of logits of opacities."""
    color_step: float = 0.024
    """Of colors, 0...1."""
    background_bytes: int = 4_000
    """Of the picture behind the person where its longer side has 256 pixels; in proportion to that side elsewhere."""


@dataclass(frozen=True)
class LearnConfig:
    """How a head is learnt."""

    frames: int = 120
    """That are learnt from, evenly chosen."""
    steps: int = 6_000
    """Each on one frame."""
    side_px: int = 256
    """Longer side of what is compared, at most, in the first two thirds of the steps."""
    ssim_weight: float = 0.2
    """Of one minus SSIM in the loss, beside the absolute error (3DGS)."""
    lower_share: float = 0.15
    """Of the steps that look at a lower level."""


@dataclass(frozen=True)
class MotionConfig:
    """What is sent of each frame."""

    dimensions: int = 24
    """Principal components of the person's own expressions."""
    steps: int = 10
    """Of refinement through the renderer, a frame."""
    side_px: int = 256
    """Longer side of what is compared while a frame is refined, at most."""
    rotation_step: float = 0.002
    """Radians."""
    translation_step_cm: float = 0.02
    """Across; along the line of sight five times as much."""
    component_step_cm: float = 0.006
    """Of components: what moves the face's surface by so much (root mean square), cm."""
    gaze_step: float = 0.03
    """Radians."""
    torso_components: int = 8
    """Ways in which the torso moves."""
    torso_step_cm: float = 0.03
    """Of them: what moves the torso by so much (root mean square)."""
    scale: float = 1.0
    """All steps are multiplied by it, those of a head that is taken over too: the rate's knob."""


@dataclass(frozen=True)
class HeadConfig:
    """Configuration of one encode."""

    level_count: int = 2
    """Levels: layers of the head, and of what is sent a frame."""
    bits_per_second: float | None = None
    """Of the frames, without the head. None: as the steps have it."""
    group_frames: int = 100
    """Frames of a run, which decodes alone: the piece that can be fetched."""
    learn: tuple[int, int | None] | None = None
    """Frames to learn the head from, A:B. None: all."""
    model: Path | None = None
    """A file with the same person's head, which is taken over instead of learning one."""
    model_only: bool = False
    """The head alone, and one frame to show it by."""
    seed: int = 1
    """Of everything random."""
    shape: ShapeConfig = field(default_factory=ShapeConfig)
    learning: LearnConfig = field(default_factory=LearnConfig)
    motion: MotionConfig = field(default_factory=MotionConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= LEVELS_AT_MOST:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{LEVELS_AT_MOST}")
        if not 1 <= self.group_frames <= 1024:
            raise ValueError(f"group_frames is {self.group_frames}, expected 1...1024")
        if not 4 <= self.motion.dimensions <= 53:
            raise ValueError(f"motion.dimensions is {self.motion.dimensions}, expected 4...53")
        if not 1 <= self.motion.torso_components <= 32:
            raise ValueError(f"motion.torso_components is {self.motion.torso_components}, expected 1...32")
        if not 100 <= self.shape.mesh_gaussians <= 16_384 or not 50 <= self.shape.free_gaussians <= 16_384:
            raise ValueError(
                f"shape has {self.shape.mesh_gaussians} and {self.shape.free_gaussians} Gaussians, expected "
                "100...16384 and 50...16384"
            )
        if self.bits_per_second is not None and self.bits_per_second <= 0:
            raise ValueError(f"bits_per_second must be above 0, got {self.bits_per_second}")

    def layer_ends(self, count: int) -> tuple[int, ...]:
        """Of so many Gaussians, how many each level has."""
        ratios = [
            self.shape.base_share ** (1 - level / max(self.level_count - 1, 1)) for level in range(self.level_count)
        ]
        ends = [max(1, round(count * ratio)) for ratio in ratios]
        ends[-1] = count
        return tuple(ends)


def configure(choices: Choices) -> HeadConfig:
    """A preset with what a user chose.

    Raises:
        ValueError: no such preset, or a value out of range.
    """
    config = preset_of(PRESETS, choices.preset)
    if choices.level_count is not None:
        config = replace(config, level_count=choices.level_count)
    if choices.target is not None:
        config = replace(config, bits_per_second=choices.target.value)
    return config


def _fast() -> HeadConfig:
    default = HeadConfig()
    return replace(
        default,
        shape=replace(default.shape, mesh_gaussians=5_000, free_gaussians=2_000),
        learning=replace(default.learning, frames=80, steps=1_500),
        motion=replace(default.motion, steps=4, side_px=192),
    )


PRESETS: Mapping[str, HeadConfig] = MappingProxyType({"default": HeadConfig(), "fast": _fast()})
