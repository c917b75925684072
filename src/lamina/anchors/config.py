# SPDX-License-Identifier: Apache-2.0
"""Every knob of anchors and their fit, with unit and source. No torch: the command line is made from this file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LAYERS_AT_MOST = 8

LEAST_STEP_PIXELS = 256
"""A tile of the renderer: of less, nothing can be learned."""

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class AnchorConfig:
    """What an anchor holds, and where the first ones stand."""

    feature_channels: int = 12
    """Numbers of a feature. Paper: 32. On bonsai (quarter size, 3,000 steps) 12 take 18 % less than 24, for 0.13 dB."""
    offsets: int = 6
    """Gaussians of an anchor. Scaffold-GS: 10, and says that it hardly matters."""
    hidden: int = 32
    """Hidden units of each generator. Scaffold-GS: as many as feature channels."""
    level_input: bool = True
    """Generators are told what of an anchor the level that is shown is without (ours)."""
    first: int = 24_000
    """Nodes of the octree that a fit starts with, about: decides how fine the first cells are."""
    limit: int = 80_000
    """Growing stops at so many nodes."""
    base_depth: int | None = None
    """Depth of layer 0; None: from the capture, so that `first` is met. Paper: 11, with all points in the finest
    layer."""
    contracted: bool = True
    """Cells far from the cameras are wider, where a capture has much that is far (ours)."""
    spare_layers: int = 2
    """Finest layers that no point starts in, at most half of all: growing fills them where detail is. 0: the finest
    cells are as wide as the first ones, and hold no finer detail than their offsets (0.6 dB less at the same bytes, on
    bonsai at quarter size)."""
    least_opacity: float = 0.006
    """Until the rate counts, Gaussians are drawn at least so opaque, a little over what shows: those that the generator
    has under 0 feel what they could give, and return. Scaffold-GS, 0: they are lost, four of six of an anchor."""
    near_share: float = 0.0
    """Of the cameras' extent: a camera sees no anchor nearer than that, so that nothing grows right before it, where
    only it looks. 0: off (paper)."""
    random_offsets: float = 0.3
    """Spread of the first offsets, in units of an anchor's reach. Scaffold-GS: 0."""
    warm_colors: bool = True
    """The first features hold the colors of the points, and the color generator starts by showing them. Scaffold-GS
    starts from zeros, which costs some thousand steps."""


@dataclass(frozen=True)
class GrowthConfig:
    """How the octree changes (ProGS, sec. III-C)."""

    enabled: bool = True
    """Nodes are added and removed. Off: the first octree stays."""
    interval_steps: int = 100
    """T: steps from one change to the next."""
    threshold: float = 5e-5
    """tau_g: mean screen gradient that makes a node, in units of the loss by half a picture."""
    layer_exponent: float = 0.01
    """beta: layer l asks for tau_g * 2 ** (beta * l). As printed nearly every Gaussian over the threshold makes a
    finer node; Octree-GS: 0.2."""
    least_sightings: float = 0.1
    """A Gaussian must have been drawn in this share of the interval's steps. Scaffold-GS: 0.4."""
    opacity: float = 0.005
    """Anchors whose Gaussians together show less than this on average are removed (paper: 0.5 in 100 steps)."""
    is_paced: bool = True
    """The most significant candidates are added first, so many that `AnchorConfig.limit` is reached when growing ends;
    off: all over the threshold at once (paper)."""


@dataclass(frozen=True)
class LossConfig:
    """What is descended on (ProGS, Eq. 17)."""

    ssim: float = 0.2
    """Share of 1 - SSIM in the photometric loss, the rest is absolute error (3DGS)."""
    volume: float = 0.01
    """Weight of the mean volume of Gaussians, in cubes of a fifth of the cameras' extent (Scaffold-GS, whose captures
    are about 5 units wide)."""
    width_excess: float = 0.0
    """Weight of what Gaussians look wider than `allowed_width_rad`, all of a picture together (ours). 0: off."""
    allowed_width_rad: float = 0.2
    """Standard deviation of a Gaussian, as a camera sees it, that costs nothing."""
    coarse_to_fine: Literal["all", "cyclic", "off"] = "cyclic"
    """Levels whose error counts beside the top level's: all of them at every step (Eq. 12), one in turn, or none."""
    lower_weight: float = 0.4
    """Weight of a lower level's error beside the top level's. Paper: 1."""
    half_size_levels: int = 1
    """So many of the lowest levels are compared at half width and height: they have no finer detail, and it takes a
    third of the time (ours). Those near the top must not be: they would show no more than such pictures have (2 dB less
    on fern, 4 on lego)."""
    lower_pixels: int = 120_000
    """A lower level is compared on a part of the picture of so many pixels, elsewhere each time: what it costs is
    bounded (ours; paper: whole pictures)."""
    info_nce: float = 0.0
    """Weight of InfoNCE between parent and child; 0: off. Paper: 0.005, which costs 0.27 dB at the top level and gains
    nothing below it (bonsai at quarter size, 1,500 steps)."""
    info_nce_temperature: float = 0.03
    info_nce_negatives: int = 100
    """Anchors that each child's parent is told from."""
    info_nce_share: float = 0.05
    """Of the anchors in view, drawn at each step."""


@dataclass(frozen=True)
class ContextConfig:
    """What attributes are predicted from, and how finely they are sent (ProGS, sec. III-E, and beyond)."""

    parent: bool = True
    """The parent's attributes are inputs."""
    parent_offsets: bool = False
    """Among them its offsets."""
    neighbors: bool = True
    """Attributes of anchors beside that were decoded before are inputs (ours)."""
    hash_grid: bool = False
    """The binary hash grid at the own and the parent's position is an input: the paper's only context."""
    adaptive_steps: bool = True
    """A network sets the quantiser steps of each anchor (Eq. 14); off: each layer has its own, also learned."""
    chained: bool = True
    """Scalings and offsets are predicted from the anchor's own features too."""
    feature_groups: int = 4
    """Groups of feature channels, each predicted from those before it (HAC++, 5); 1: all at once."""
    true_rounding: bool = True
    """Bits are counted of rounded values, with the gradient of unrounded ones; off: of noisy ones (paper). What is
    rendered is noisy either way, so that steps learn what they cost in quality."""
    settle_steps: int = 500
    """After the fit the probability model alone learns what will be coded, with rounded weights (ours); 0: off."""
    masks: bool = True
    """Offsets that cost more than they give are dropped: the mask is learned with the rate (HAC++)."""
    hidden: int = 48
    """Hidden units of the network of means and scales. HAC: 100."""
    step_hidden: int = 16
    group_hidden: int = 24
    head_bits: int = 9
    """Bits of a generator's weights."""
    sample_share: float = 0.1
    """Of the anchors in view whose bits are counted at each step (paper: 0.05)."""


@dataclass(frozen=True)
class ScheduleConfig:
    """When what happens, as shares of all steps (ProGS, sec. IV-A and Fig. 5), and how fast."""

    steps: int = 12_000
    half_size_until: float = 0.3
    """Pictures of half width and height until then: steps at a third of the time where detail is not there yet (ours;
    paper: 0)."""
    step_pixels: int = 450_000
    """Of larger pictures a step takes a part of so many pixels, elsewhere each time: what it costs is bounded (ours;
    paper: whole pictures)."""
    grow_from: float = 0.03
    """Paper: 1,600 of 40,000; so does the multi-level loss."""
    grow_until: float = 0.5
    """Paper: 25,000 of 40,000."""
    noise_from: float = 0.45
    """Attributes get the noise of rounding. Paper: 13,000 of 40,000."""
    pause: float = 0.0
    """No growing for so long after noise begins. Paper: 1,000 of 40,000."""
    rate_from: float = 0.5
    """The rate term is on. Paper: 20,000 of 40,000."""
    tune_steps: int = 400
    """After quantisation the generators learn what was decoded for so many steps (ours)."""
    feature_rate: float = 0.01
    """Adam, at the start; all fall geometrically. Scaffold-GS: 0.0075 throughout."""
    scaling_rate: float = 0.01
    """Scaffold-GS: 0.007 throughout."""
    offset_rate: float = 0.08
    """In units of the anchor's reach; falls to a hundredth. Scaffold-GS: 0.01 times the cameras' extent."""
    mask_travel: float = 160.0
    """Of the logits of masks: first rate times steps, since masks drain for as long as a fit lasts; falls to a tenth.
    120 to 240 are alike (bonsai at quarter size); 60 takes a third more for the same quality."""
    head_rates: tuple[float, float, float] = (0.004, 0.008, 0.016)
    """Generators of opacity, covariance, color. Scaffold-GS: 0.002, 0.004, 0.008."""
    context_rate: float = 0.005
    """Of the probability model (HAC)."""
    step_rate: float = 0.02
    """Of the layers' quantiser steps, octaves."""
    final_share: float = 0.5
    """Of the first rate, what features, scalings and covariance generators end with. Scaffold-GS: 1."""


@dataclass(frozen=True)
class AnchorFitConfig:
    """How anchors are fitted to a capture: what any codec that stands on anchors asks for."""

    level_count: int = 5
    """Levels of detail; 1 and no parent context is HAC."""
    rate_weight: float = 0.002
    """Lambda where no target says another. Bonsai at half size, `fast`: 0.002 gives 548 kB at 27.7 dB (.4 dB under
    plain 3DGS of as many steps), 0.004 355 kB at 27.1 dB; `default`: 0.002 gives 1,008 kB at 29.9 dB."""
    size_bytes: int | None = None
    """File size, everything counted, instead of a lambda: met within 5 %, or as nearly as `AnchorConfig.limit` anchors
    let it. None: no size is asked for."""
    seed: int = 1
    """Of everything random."""
    device: Device = "auto"
    """Where to fit; `auto`: CUDA where it and gsplat are."""
    anchors: AnchorConfig = field(default_factory=AnchorConfig)
    growth: GrowthConfig = field(default_factory=GrowthConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    context: ContextConfig = field(default_factory=ContextConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.level_count <= LAYERS_AT_MOST:
            raise ValueError(f"level_count is {self.level_count}, expected 1...{LAYERS_AT_MOST}")
        if not 1 <= self.anchors.feature_channels <= 128 or not 1 <= self.anchors.offsets <= 31:
            raise ValueError(
                f"expected 1...128 feature channels and 1...31 offsets, got {self.anchors.feature_channels}, "
                f"{self.anchors.offsets}"
            )
        if self.schedule.steps < 1:
            raise ValueError(f"schedule.steps is {self.schedule.steps}, expected at least 1")
        parts = {"schedule.step_pixels": self.schedule.step_pixels, "loss.lower_pixels": self.loss.lower_pixels}
        for name, pixels in parts.items():
            if pixels < LEAST_STEP_PIXELS:
                raise ValueError(f"{name} is {pixels}, expected at least {LEAST_STEP_PIXELS}")
        for name in ("rate_weight", "size_bytes"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.schedule.mask_travel < 0:
            raise ValueError(f"schedule.mask_travel is {self.schedule.mask_travel}, expected 0 or more")
