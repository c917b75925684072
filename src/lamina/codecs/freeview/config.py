# SPDX-License-Identifier: Apache-2.0
"""The freeview codec's configuration: of the first frame, of motion, of groups; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lamina.anchors.config import AnchorConfig, AnchorFitConfig, Device, ScheduleConfig
from lamina.codec import Choices, preset_of

LEVELS_AT_MOST = 8


STEP_LEAST, STEP_MOST = 1e-9, 1e9
"""Of what a difference of 1 is: what a header can say."""


def check_range(part: str, config: object, names: Sequence[str], least: float, most: float) -> None:
    """Fields of a part of the configuration lie in a range.

    Raises:
        ValueError: one does not.
    """
    for name in names:
        if not least <= getattr(config, name) <= most:
            raise ValueError(f"{part}.{name} is {getattr(config, name)}, expected {least}...{most}")


@dataclass(frozen=True)
class MotionConfig:
    """How anchors may differ from rest, and how differences are found."""

    iterations: int = 150
    """Steps a frame, each on one view. HPC: 500, which find no more (freeview prototype)."""
    ratio: float = 0.4
    """Cells of a scale by those of the next finer one, about (HPC, sec. VI-A)."""
    feature_step: float = 0.25
    """What a difference of 1 is of features; differences are integers."""
    translation_step: float = 0.0625
    """Of positions, in median reaches of an anchor."""
    rotation_step: float = 0.025
    """Of rotations, radians."""
    offset_step: float = 0.1
    """Of offsets, in units of the anchor's reach."""
    coarse_features: bool = True
    """Cells above anchors carry features too."""
    coarse_offsets: bool = False
    """And offsets."""
    feature_rate: float = 0.0125
    """Of Adam at the start of a frame; rates fall to `final_rate` of that."""
    translation_rate: float = 0.05
    """In median reaches of an anchor. What moves must get there: a quarter of it costs 2 dB where things move."""
    rotation_rate: float = 0.01
    """Radians."""
    offset_rate: float = 0.005
    """In units of the anchor's reach."""
    final_rate: float = 0.05
    """Of the first rates, what the last iteration has."""
    changed: float = 0.04
    """Difference of a pixel from the frame before, 0...1, over which something may have moved there."""
    active_share: float = 0.25
    """Of what an anchor paints, so much must have changed, or it stays as it is; 0: all may differ."""
    lower_share: float = 0.25
    """Of a frame's iterations that look at a lower level, each in turn."""

    def __post_init__(self) -> None:
        steps = ("feature_step", "translation_step", "rotation_step", "offset_step")
        rates = ("feature_rate", "translation_rate", "rotation_rate", "offset_rate")
        shares = ("final_rate", "changed", "active_share", "lower_share")
        check_range("motion", self, ("iterations",), 1, 1_000_000)
        check_range("motion", self, ("ratio",), 0.001, 1)
        check_range("motion", self, steps, STEP_LEAST, STEP_MOST)
        check_range("motion", self, rates, 0, 1e9)
        check_range("motion", self, shares, 0, 1)


@dataclass(frozen=True)
class BirthConfig:
    """When anchors are born after the first frame, and leave."""

    enabled: bool = True
    """Off: what is not there at first never comes."""
    error: float = 0.04
    """Mean absolute error of a pixel, 0...1, over which something new may be there."""
    least_share: float = 0.9
    """Of the views that see a place, so many must miss something there."""
    cube_cells: int = 64
    """Of the cube in which something new is looked for, an axis."""
    least_cells: int = 6
    """Places that must be new, or nothing is born."""
    most: int = 600
    """Born in a frame."""
    iterations: int = 100
    """Steps in which those that are born learn what they show, each on one view."""
    pays_within: int = 8
    """Frames in which what they gain must be worth their bits."""
    departures_every: int = 5
    """Frames from one look for guests that show nothing to the next."""

    def __post_init__(self) -> None:
        check_range("births", self, ("error", "least_share"), 0, 1)
        check_range("births", self, ("cube_cells",), 1, 256)
        check_range("births", self, ("least_cells", "most", "departures_every"), 1, 1_000_000)
        check_range("births", self, ("iterations", "pays_within"), 0, 1_000_000)


@dataclass(frozen=True)
class FreeviewConfig:
    """Configuration of one encode."""

    level_count: int = 3
    """Levels of quality: scales of motion, and layers of the first frame."""
    rate_weight: float = 0.003
    """Lambda of the frames after the first: what a bit costs, by the pixels of a view."""
    bits_per_second: float | None = None
    """Of the frames after the first, instead of a lambda. None: no rate is asked for."""
    group_frames: int = 10
    """Frames of a group: the piece that can be fetched alone."""
    join_groups: int = 3
    """A viewer can join at every so many groups; 0: at the first only."""
    seed: int = 1
    """Of everything random."""
    device: Device = "auto"
    """Where the first frame is fitted; `auto`: CUDA where it and gsplat are."""
    first: AnchorFitConfig = field(
        default_factory=lambda: AnchorFitConfig(
            rate_weight=0.0035,
            anchors=AnchorConfig(first=1_500, limit=13_000, near_share=0.25),
            schedule=ScheduleConfig(steps=4_000, tune_steps=200),
        )
    )
    """The first frame; its levels, seed and device are those above."""
    motion: MotionConfig = field(default_factory=MotionConfig)
    """The frames after it."""
    births: BirthConfig = field(default_factory=BirthConfig)
    """What comes later."""

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= LEVELS_AT_MOST:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{LEVELS_AT_MOST}")
        if self.group_frames < 1:
            raise ValueError(f"group_frames is {self.group_frames}, expected at least 1")
        if self.join_groups < 0:
            raise ValueError(f"join_groups is {self.join_groups}, expected at least 0")
        for name in ("rate_weight", "bits_per_second"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")

    @property
    def first_frame(self) -> AnchorFitConfig:
        """How the first frame is fitted."""
        return replace(self.first, level_count=self.level_count, seed=self.seed, device=self.device)

    def group_of(self, frame: int) -> int:
        """Number of a frame's group."""
        return frame // self.group_frames

    def joins(self, group: int) -> bool:
        """Whether a viewer can join at this group."""
        return group == 0 or (self.join_groups > 0 and group % self.join_groups == 0)

    def is_join(self, frame: int) -> bool:
        """Whether a viewer can join at this frame: the first of a group that allows it."""
        return frame % self.group_frames == 0 and self.joins(self.group_of(frame))


def configure(choices: Choices) -> FreeviewConfig:
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
    return replace(config, rate_weight=target.value)


def _fast() -> FreeviewConfig:
    default = FreeviewConfig()
    first = replace(default.first, schedule=ScheduleConfig(steps=1_500, tune_steps=100))
    return replace(default, first=first, motion=MotionConfig(iterations=40))


PRESETS: Mapping[str, FreeviewConfig] = MappingProxyType({"default": FreeviewConfig(), "fast": _fast()})
