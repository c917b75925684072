# SPDX-License-Identifier: Apache-2.0
"""The volume codec's configuration: of the lattice, of key frames, of those between, of groups; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from lamina.codec import Choices, preset_of
from lamina.codecs.volume.syntax import MAX_EXTRA, MAX_HIDDEN
from lamina.grids.lattice import MAX_LEVELS


@dataclass(frozen=True)
class StepConfig:
    """What an integer is worth, at the finest level."""

    density: float = 1.0
    """Before the activation; 1.0 at the finest level, as the others from the volume prototype."""
    luma: float = 0.06
    """Of 0...1."""
    color: float = 0.09
    """Of Co and Cg."""
    extra: float = 0.06
    """Of channels that only the network reads."""
    growth: float = 1.4
    """A level's steps by those of the level above: what is coarse is seen at all levels."""
    vector: float = 0.25
    """Of vectors, in finest voxels: a multiple of 1/16."""


@dataclass(frozen=True)
class KeyConfig:
    """How a key frame is fitted: level after level, then all of it in whole steps."""

    level_steps: tuple[int, ...] = (60, 80, 120, 150)
    """Of each level before it is joined by the next; the last number is that of all finer ones."""
    whole_steps: int = 400
    """With values rounded to whole steps and their bits counted."""
    top_steps: int = 60
    """The same, with the finest level's values alone."""
    density_rate: float = 0.15
    """Of Adam at first."""
    color_rate: float = 0.05
    """Of all other channels."""
    network_rate: float = 2e-3
    """Of the network that shades."""
    gain_rate: float = 2e-3
    """Of the logarithms of the cameras' gains."""
    rate_share: float = 0.5
    """Of lambda: what is sent in a key frame serves its whole group."""
    seen: float = 0.06
    """Of a ray's light, what a vertex must have had at some sample, or it is left out. A sixth of it keeps seven times
    as many (volume prototype)."""


@dataclass(frozen=True)
class PredictedConfig:
    """How frames between are fitted."""

    motion_steps: tuple[int, ...] = (40, 60, 40)
    """Of vectors, looking at levels 0, 1, 2, ..."""
    motion_rate: float = 0.6
    """Finest voxels, of the first steps."""
    smoothness: float = 1.0
    """Of vectors: what a difference of a finest voxel from the mean around weighs beside the error's gradient. At 0
    frames between take half as many bytes more, and are 0.9 dB worse."""
    whole_steps: int = 260
    """With values rounded to whole steps and their bits counted."""
    top_steps: int = 60
    """The same, with the finest level's values alone."""
    density_rate: float = 0.075
    """Of Adam at first."""
    color_rate: float = 0.025
    """Of all other channels."""


@dataclass(frozen=True)
class PaperConfig:
    """HPC as its paper has it, part by part, each of which can be left out; docs/codecs/volume.md says what was open.

    Levels are trained progressively, with a loss at each (sec. 4.2); there is no motion, and nothing is left out of the
    box. q of Eq. 5 is one over the steps of `VolumeConfig.steps`, the same at all levels.
    """

    key_steps: int = 320
    """Of a key frame. 40,000 in the paper, on a GPU."""
    frame_steps: int = 160
    """Of a frame between."""
    activation_share: float = 1 / 16
    """Of all steps, from one level's entry to the next one's: 2,500 of 40,000 (sec. 5.1)."""
    lower_weight: float = 0.25
    """Of errors of levels below the finest: alpha (sec. 5.1)."""
    is_dense: bool = True
    """All cells of the box are active; otherwise those of the visual hull."""
    has_noise: bool = True
    """Integers are simulated by noise of their width (Eq. 8); otherwise they are rounded, straight through."""
    prior: Literal["factorized", "histogram"] = "factorized"
    """What estimates bits and gives tables (Eq. 9): a learned distribution a level, or what is counted."""
    is_table_by_channel: bool = False
    """A table a channel of a level instead of one a level."""
    does_freeze: bool = True
    """Towards the end levels stop, coarse ones first: as the text says; Algorithm 1, line 11, has it reversed."""
    absolute_weight: float = 1.0
    """Of the absolute values of what is added (Eq. 13), in lambdas: both are 1e-6 in the paper."""
    has_gains: bool = False
    """Gains of cameras are found, as in the other presets."""

    def __post_init__(self) -> None:
        if min(self.key_steps, self.frame_steps) < 1 or not 0 < self.activation_share <= 1:
            raise ValueError(
                f"paper.key_steps is {self.key_steps}, frame_steps {self.frame_steps}, activation_share "
                f"{self.activation_share}; expected at least 1, 1 and 0...1"
            )
        if min(self.lower_weight, self.absolute_weight) < 0:
            raise ValueError("paper.lower_weight and absolute_weight must not be below 0")


@dataclass(frozen=True)
class VolumeConfig:
    """Configuration of one encode."""

    level_count: int = 4
    """Levels of resolution, each twice as fine as the one above."""
    rate_weight: float = 0.006
    """Lambda: squared error (of 0...1, summed over the pixels of all training views) that a bit is worth."""
    bits_per_second: float | None = None
    """Instead of a lambda that stays. None: no rate is asked for."""
    size_bytes: int | None = None
    """Instead of both: of the whole file. None: no size is asked for."""
    group_frames: int = 10
    """Frames of a group: a key frame, and those that build on it. Over 20 (HPC, sec. 5.1) what vectors blur adds up:
    the finest level loses 3 dB from first to last. The first ten of each, which cost 4 % more bytes a frame, are 1 dB
    better (basketball, frames 0-59)."""
    seed: int = 1
    """Of everything random."""
    background: Literal["black", "white"] = "black"
    """Behind what is coded, where a viewer says no other."""
    box: tuple[float, float, float, float, float, float] | None = None
    """Smallest and largest corner, x y z x y z in world units; None: around what the masks of all frames hold."""
    voxel: float | None = None
    """Of the finest level, world units; None: `voxel_px` pixels of the views."""
    voxel_px: float = 1.45
    """The same in pixels, in the middle of the box."""
    hidden: int = 32
    """Hidden units of the network that shades; 0: none, for players without networks."""
    extra_channels: int = 0
    """Beside density and three of colour. One more costs 5 of 24 kB and brings 0.1 dB (volume prototype)."""
    rays: int = 4096
    """A step."""
    lower_share: float = 0.5
    """Of these, looked at once more at a random lower level, to the end: otherwise lower levels drift."""
    lower_weight: float = 1.0
    """Of their error. With 0.25 (HPC, sec. 5.1, alpha) frames between take a quarter fewer bytes, and the level next to
    the coarsest is 2 dB worse after two of them."""
    steps: StepConfig = field(default_factory=StepConfig)
    """What integers are worth."""
    key: KeyConfig = field(default_factory=KeyConfig)
    """Key frames."""
    predicted: PredictedConfig = field(default_factory=PredictedConfig)
    """Frames between."""
    paper: PaperConfig | None = None
    """In place of both, HPC's training and coding."""

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= MAX_LEVELS:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{MAX_LEVELS}")
        if self.group_frames < 1 or self.rays < 16:
            raise ValueError(f"group_frames is {self.group_frames}, rays {self.rays}; expected at least 1 and 16")
        if not 0 <= self.hidden <= MAX_HIDDEN or not 0 <= self.extra_channels <= MAX_EXTRA:
            raise ValueError(
                f"hidden is {self.hidden}, extra_channels {self.extra_channels}; expected 0...{MAX_HIDDEN} and "
                f"0...{MAX_EXTRA}"
            )
        if self.box is not None and not all(low < high for low, high in zip(self.box[:3], self.box[3:], strict=True)):
            raise ValueError(f"box is {self.box}; expected x y z of the smallest corner, then of the largest")
        if self.size_bytes is not None and self.bits_per_second is not None:
            raise ValueError("one target at a time, got size_bytes and bits_per_second")
        for name in ("rate_weight", "bits_per_second", "size_bytes", "voxel", "voxel_px"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not self.key.level_steps or min(self.key.level_steps) < 1:
            raise ValueError(f"key.level_steps is {self.key.level_steps}, expected at least one, each at least 1")

    def group_of(self, frame: int) -> int:
        """Number of a frame's group."""
        return frame // self.group_frames

    def is_key(self, frame: int) -> bool:
        """Whether a frame begins a group."""
        return frame % self.group_frames == 0


def configure(choices: Choices) -> VolumeConfig:
    """A preset with what a user chose.

    Raises:
        ValueError: no such preset, or a value out of range.
    """
    config = preset_of(PRESETS, choices.preset)
    if choices.level_count is not None:
        config = replace(config, level_count=choices.level_count)
    target = choices.target
    if target is None:
        return config
    if target.kind == "bits_per_second":
        return replace(config, bits_per_second=target.value)
    if target.kind == "size_bytes":
        return replace(config, size_bytes=round(target.value))
    return replace(config, rate_weight=target.value)


def _fast() -> VolumeConfig:
    key = KeyConfig(level_steps=(40, 50, 70, 90), whole_steps=80, top_steps=40)
    predicted = PredictedConfig(motion_steps=(30, 40, 20), whole_steps=90, top_steps=30)
    return replace(VolumeConfig(), rate_weight=0.012, key=key, predicted=predicted)


def _paper() -> VolumeConfig:
    steps = replace(StepConfig(), growth=1.0)
    return replace(
        VolumeConfig(), steps=steps, voxel_px=PAPER_VOXEL_PX, group_frames=PAPER_GROUP_FRAMES, paper=PaperConfig()
    )


PAPER_GROUP_FRAMES = 20
"""HPC, sec. 5.1."""

PAPER_VOXEL_PX = 1.6
"""All vertices of the basketball's box are 2^21 then, as many as a level may have."""

PRESETS: Mapping[str, VolumeConfig] = MappingProxyType({"default": VolumeConfig(), "fast": _fast(), "paper": _paper()})
