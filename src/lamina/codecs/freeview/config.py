# SPDX-License-Identifier: Apache-2.0
"""The freeview codec's configuration: of the first frame, of motion, of groups; presets. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from lamina.anchors.config import (
    AnchorConfig,
    AnchorFitConfig,
    ContextConfig,
    Device,
    GrowthConfig,
    LossConfig,
    ScheduleConfig,
)
from lamina.anchors.syntax import MAX_VALUES
from lamina.codec import Choices, preset_of
from lamina.codecs.freeview.networked.syntax import MAX_SCALES, MAX_SEARCHES

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
    iterations_each: float = 3.0
    """Steps for each that is born, where that is more: who enters is many, and looks coarse with fewer."""
    most_iterations: int = 400
    """Steps at most."""
    many: int = 40
    """Born in a layer, after which finer ones are born in the same frame: somebody enters."""
    every: int = 1
    """Frames from one look for something new to the next."""
    pays_within: int = 8
    """Frames in which what they gain must be worth their bits."""
    departures_every: int = 5
    """Frames from one look for guests that show nothing to the next."""

    def __post_init__(self) -> None:
        check_range("births", self, ("error", "least_share"), 0, 1)
        check_range("births", self, ("cube_cells",), 1, 256)
        check_range("births", self, ("least_cells", "most", "many", "every", "departures_every"), 1, 1_000_000)
        check_range("births", self, ("iterations", "most_iterations", "iterations_each", "pays_within"), 0, 1_000_000)


@dataclass(frozen=True)
class NetworkedConfig:
    """The paper's way to move anchors (HPC, arXiv 2602.00671); each mechanism is a switch."""

    representation: Literal["points", "triplane", "hash grid"] = "points"
    """What anchors are told by: latents on points, or what HPC compares them with (Table III)."""
    iterations: int = 500
    """Steps a frame (sec. VI-A)."""
    scale_count: int = 3
    """Scales of points; 1: nothing to aggregate across, without CLA."""
    ratio: float = 0.2
    """Points of a scale by those of the next finer one."""
    channels: int = 16
    """Of a point's latents."""
    inner_aggregation: bool = True
    """ILA. Off: heads get each point's own latents."""
    neighbors: int = 4
    """Points that ILA averages over."""
    hidden: int = 32
    """Hidden units of a head. The paper gives none; these make networks of its 42 kB with its 50 features."""
    network_bits: Literal[8, 16, 32] = 8
    """Of a parameter; 32: floats, without NNC."""
    network_entropy: bool = True
    """The integers of networks are entropy coded, and their bits are in the loss. Off: 8 bits only (M_0 of Table V)."""
    temporal_reference: bool = True
    """Networks differ from those of the frame before but in the first frame of each group (M_2). Off: M_1."""
    literal_objective: bool = False
    """Eq. 26 as printed: mean bits of latents plus mean bits of parameters. Off: all bits, by the pixels of a view."""
    feature_gain: float = 2.0
    """What an output of 1 is of features. The paper gives none; with 1 throughout 1.5 dB are lost (prototype)."""
    translation_gain: float = 4.0
    """Of positions, in median reaches of an anchor."""
    rotation_gain: float = 0.3
    """Of rotations, radians."""
    offset_gain: float = 2.0
    """Of offsets, in units of the reach."""
    latent_rate: float = 0.2
    """Of Adam at the start of a frame; all fall to `final_rate` of that."""
    network_rate: float = 0.01
    prior_rate: float = 0.02
    grid_rate: float = 0.02
    final_rate: float = 0.1

    def __post_init__(self) -> None:
        gains = ("feature_gain", "translation_gain", "rotation_gain", "offset_gain")
        check_range("networked", self, ("iterations",), 1, 1_000_000)
        for name, most in (("scale_count", MAX_SCALES), ("channels", 63), ("neighbors", 15), ("hidden", 1023)):
            check_range("networked", self, (name,), 1, most)
        check_range("networked", self, ("ratio",), 0.001, 0.999)
        check_range("networked", self, gains, STEP_LEAST, STEP_MOST)
        check_range("networked", self, ("latent_rate", "network_rate", "prior_rate", "grid_rate"), 0, 1e9)
        check_range("networked", self, ("final_rate",), 0, 1)

    @property
    def most_anchors(self) -> int:
        """That a decoder takes of such a stream: of `first.anchors.limit` no more."""
        widest = max(self.channels * max(self.neighbors, self.scale_count), self.hidden)
        return min(MAX_VALUES // widest, MAX_SEARCHES // (self.neighbors * self.scale_count))


@dataclass(frozen=True)
class FreeviewConfig:
    """Configuration of one encode."""

    level_count: int = 3
    """Levels of quality: scales of motion, and layers of the first frame."""
    rate_weight: float = 0.003
    """Lambda of the frames after the first: what a bit costs, by the pixels of a view."""
    bits_per_second: float | None = None
    """Of the frames after the first, instead of a lambda. None: no rate is asked for."""
    size_bytes: int | None = None
    """Of the whole file, instead of a lambda: what the first frame leaves of it is spent on the others."""
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
            anchors=AnchorConfig(first=700, limit=13_000, near_share=0.25),
            loss=LossConfig(width_excess=0.02),
            schedule=ScheduleConfig(steps=4_000, tune_steps=200),
        )
    )
    """The first frame; its levels, seed and device are those above."""
    motion: MotionConfig = field(default_factory=MotionConfig)
    """The frames after it."""
    births: BirthConfig = field(default_factory=BirthConfig)
    """What comes later."""
    networked: NetworkedConfig | None = None
    """The paper's frames in place of those two. None: ours."""

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= LEVELS_AT_MOST:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{LEVELS_AT_MOST}")
        if self.group_frames < 1:
            raise ValueError(f"group_frames is {self.group_frames}, expected at least 1")
        if self.join_groups < 0:
            raise ValueError(f"join_groups is {self.join_groups}, expected at least 0")
        if self.networked is not None and self.level_count > 1:
            raise ValueError(
                f"level_count is {self.level_count}, expected 1: frames of preset paper have one level; take preset "
                "default for more"
            )
        if self.size_bytes is not None and self.bits_per_second is not None:
            raise ValueError("one target at a time, got size_bytes and bits_per_second")
        if self.networked is not None and self.first.anchors.limit > self.networked.most_anchors:
            raise ValueError(
                f"first.anchors.limit is {self.first.anchors.limit}, expected at most {self.networked.most_anchors} "
                "with these channels, neighbors and scales"
            )
        for name in ("rate_weight", "bits_per_second", "size_bytes"):
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
    if target.kind == "size_bytes":
        return replace(config, size_bytes=round(target.value))
    return replace(config, rate_weight=target.value)


def _fast() -> FreeviewConfig:
    default = FreeviewConfig()
    # A short fit prunes less: at the default's lambda its first frame takes half as much again, for .1 dB.
    schedule = ScheduleConfig(steps=1_500, tune_steps=100)
    first = replace(default.first, rate_weight=0.007, schedule=schedule)
    births = replace(default.births, iterations=60, most_iterations=200, every=2)
    return replace(default, first=first, motion=MotionConfig(iterations=75), births=births)


def _paper() -> FreeviewConfig:
    """HPC where it says; its first frame is that of HAC, as iFVC has it: one level, no parents."""
    first = AnchorFitConfig(
        rate_weight=4e-3,
        anchors=AnchorConfig(
            50, 10, 50, level_input=False, first=200_000, limit=1 << 20, contracted=False, spare_layers=0,
            least_opacity=0.0, random_offsets=0.0, warm_colors=False,
        ),
        growth=GrowthConfig(least_sightings=0.4, is_paced=False),
        loss=LossConfig(coarse_to_fine="off", half_size_levels=0, lower_pixels=1 << 32),
        context=ContextConfig(
            parent=False, neighbors=False, hash_grid=True, chained=False, feature_groups=1, true_rounding=False,
            settle_steps=0, masks=False, hidden=100, sample_share=0.05,
        ),
        schedule=ScheduleConfig(
            steps=15_000, half_size_until=0.0, step_pixels=1 << 32, grow_from=0.1, grow_until=1 / 3, noise_from=0.2,
            pause=1 / 15, rate_from=0.2, tune_steps=0, feature_rate=0.0075, scaling_rate=0.007, offset_rate=0.05,
            head_rates=(0.002, 0.004, 0.008), final_share=1.0,
        ),
    )  # fmt: skip
    return FreeviewConfig(
        level_count=1,
        group_frames=5,
        join_groups=0,
        first=first,
        births=BirthConfig(enabled=False),
        networked=NetworkedConfig(),
    )


PRESETS: Mapping[str, FreeviewConfig] = MappingProxyType(
    {"default": FreeviewConfig(), "fast": _fast(), "paper": _paper()}
)
