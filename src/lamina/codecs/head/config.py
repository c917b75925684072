# SPDX-License-Identifier: Apache-2.0
"""The head codec's configuration: the head, its learning, what is sent a frame; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from lamina.codec import Choices, preset_of
from lamina.codecs.head.networked.syntax import MAX_HIDDEN_LAYERS, MAX_OCTAVES, MAX_PARAMETER_BITS, MAX_WIDTH

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
    coarse_steps: int = 2
    """Of refinement through the renderer, a frame, on the base layer alone: they cost a third."""
    steps: int = 2
    """Of refinement after them, on all layers."""
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
class NetworkConfig:
    """The paper's own head: a network moves Gaussians on it. What makes it small can be left out, piece by piece."""

    hidden_layers: int = 4
    """Of the network; FlashAvatar, which the paper builds on, has 6."""
    width: int = 256
    """Of each of them."""
    octaves: int = 8
    """Of sines and cosines of a place."""
    pruned_share: float = 0.2
    """Of weights, the smallest, that are 0 in the last part of the learning."""
    has_latents: bool = True
    """Harmonics above the first, rotations and opacities as latents of 1, 4 and 1 integers; else as floats."""
    is_quantized: bool = True
    """Colors and sizes as integers, entropy coded, the network in 16 bits; else floats of 32 bits."""
    is_deflated: bool = True
    """All of it deflated (LZ77)."""
    parameter_bits: int = 10
    """Of a column of a frame: the paper's 8 or 10."""
    color_step: float = 1 / 255
    """Of colors, 0...1."""
    size_step: float = 0.02
    """Of logarithms of sizes."""

    def __post_init__(self) -> None:
        if not 1 <= self.hidden_layers <= MAX_HIDDEN_LAYERS or not 1 <= self.width <= MAX_WIDTH:
            raise ValueError(
                f"network has {self.hidden_layers} hidden layers of {self.width}, expected 1...{MAX_HIDDEN_LAYERS} "
                f"of 1...{MAX_WIDTH}"
            )
        if not 0 <= self.octaves <= MAX_OCTAVES:
            raise ValueError(f"network.octaves is {self.octaves}, expected 0...{MAX_OCTAVES}")
        if not 2 <= self.parameter_bits <= MAX_PARAMETER_BITS:
            raise ValueError(f"network.parameter_bits is {self.parameter_bits}, expected 2...{MAX_PARAMETER_BITS}")
        if not 0 <= self.pruned_share < 1:
            raise ValueError(f"network.pruned_share is {self.pruned_share}, expected 0 to below 1")


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
    network: NetworkConfig | None = None
    """The paper's own head instead; None: no network."""

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
        if self.network is not None and self.level_count > 1:
            raise ValueError(f"level_count is {self.level_count}, expected 1 for a head that a network moves")
        if self.bits_per_second is not None and self.bits_per_second <= 0:
            raise ValueError(f"bits_per_second must be above 0, got {self.bits_per_second}")

    @property
    def refines_frames(self) -> bool:
        """Frames are fitted through the renderer; else they are sent as they are tracked."""
        return self.motion.steps > 0 or self.motion.coarse_steps > 0

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
        motion=replace(default.motion, steps=1, side_px=192),
    )


def _paper() -> HeadConfig:
    """The paper's head; beside it, for hair and shoulders, the Gaussians of all presets, which the paper does not have.

    It sends what is tracked: no frame is refined through the renderer, and the torso stands still. The paper's 150,000
    steps (FlashAvatar's) are for a graphics processor.
    """
    default = HeadConfig()
    return replace(
        default,
        level_count=1,
        shape=replace(default.shape, mesh_gaussians=13_453),
        learning=replace(default.learning, steps=3_000),
        motion=replace(default.motion, dimensions=50, steps=0, coarse_steps=0, torso_components=1),
        network=NetworkConfig(),
    )


PRESETS: Mapping[str, HeadConfig] = MappingProxyType({"default": HeadConfig(), "fast": _fast(), "paper": _paper()})
