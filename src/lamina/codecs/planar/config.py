# SPDX-License-Identifier: Apache-2.0
"""Every knob of the planar codec, with unit and source; presets. No torch: the command line is made from this file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Literal

from lamina.codec import Choices, preset_of

Scalability = Literal["quality", "resolution"]
Method = Literal["lattice", "pgsvc"]
Training = Literal["joint", "random", "sequential", "monolithic", "pruning"]


@dataclass(frozen=True)
class RateTarget:
    """What the top level should cost or reach. At most one field is set; none: the preset's default bits per pixel."""

    bits_per_pixel: float | None = None
    """File size per pixel of the picture (per pixel and frame for clips), everything counted."""
    size_bytes: int | None = None
    """File size, everything counted."""
    bits_per_second: float | None = None
    """Of a clip: file size over its duration, everything counted."""
    psnr_db: float | None = None
    """Quality of the top level, on 8-bit pixels; for clips the mean over frames."""
    splats: int | None = None
    """Splats of the top level (a frame), whatever they cost."""

    def __post_init__(self) -> None:
        given = [field.name for field in fields(self) if getattr(self, field.name) is not None]
        if len(given) > 1:
            raise ValueError(f"one target at a time, got {' and '.join(given)}")
        if given and getattr(self, given[0]) <= 0:
            raise ValueError(f"{given[0]} must be positive, got {getattr(self, given[0])}")


@dataclass(frozen=True)
class PgsvcConfig:
    """What only the paper's own method has (Wang, Shi, Ooi: P-GSVC; sections and equations are of that paper)."""

    training: Training = "joint"
    """`joint`: top and one lower level in cyclic order (Eq. 9). The others are the paper's comparators (sec. 3.4,
    4.1)."""
    steps: int = 50_000
    """At most so many steps for an I-frame before quantisation; the convergence stop ends most fits earlier."""
    predicted_steps: int = 50_000
    """The same for a P-frame."""
    quantization_steps: int = 50_000
    """Steps of joint fine-tuning with quantisers in the loop; 0 leaves the fit unquantised (no file can be written)."""
    learning_rate: float = 1e-3
    """Adan, all parameters (sec. 4.1)."""
    halving_steps: int = 20_000
    """The learning rate is halved after so many steps (sec. 4.1)."""
    removal_shares: tuple[float, ...] = (0.2, 0.4, 0.4)
    """Splats added, and removed again by |w|, as a share of each layer (sec. 4.1: N_aug = N_prune = N * shares)."""
    key_prune_until: int = 4_000
    """I-frames prune every `prune_interval` steps until here (sec. 4.1; the text's Z_GSP is meant as K_GSP)."""
    predicted_prune_until: int = 1_000
    """The same for P-frames."""
    prune_interval: int = 100
    """Steps between two removals."""
    convergence_patience: int = 100
    """Stop after so many steps that changed the joint loss by less than `convergence_change` (sec. 4.1)."""
    convergence_change: float = 1e-7
    """See `convergence_patience`."""
    convergence_from: int = 5_000
    """The stop is not looked at before this step (LonganWANG-cs/GSVC, train_video_Represent.py)."""
    key_frame_splats: int = 5_000
    """Splats of the two trial fits that decide on key frames (GSVC, DKS)."""
    key_frame_steps: tuple[int, int] = (500, 100)
    """Steps of the trial fits: from scratch, and from the frame before."""
    cholesky_bits: tuple[int, int] = (6, 5)
    """I-frames, P-frames (sec. 3.6)."""
    codebook_bits: int = 6
    """Entries of each stage of the residual vector quantiser: 2^6 (sec. 3.6)."""
    codebook_stages: int = 2
    """Stages M: reproduces the paper's 45-100 MB (fact sheet 1.6)."""
    float12_exponent_bits: int = 5
    """Layout of the 12-bit floats of P-frames: 1 sign, so many exponent bits, the rest mantissa."""

    def scaled_to(self, steps: int) -> PgsvcConfig:
        """The same schedule in `steps` steps: everything that is counted in steps in proportion, the rate as it is."""
        ratio = steps / self.steps
        return replace(
            self,
            steps=steps,
            predicted_steps=max(1, round(ratio * self.predicted_steps)),
            quantization_steps=round(ratio * self.quantization_steps),
            halving_steps=max(1, round(ratio * self.halving_steps)),
            key_prune_until=max(1, round(ratio * self.key_prune_until)),
            predicted_prune_until=max(1, round(ratio * self.predicted_prune_until)),
            prune_interval=max(1, round(ratio * self.prune_interval)),
            convergence_from=round(ratio * self.convergence_from),
        )


@dataclass(frozen=True)
class LatticeConfig:
    """What only Lamina's own method has: splats on a lattice of equal error energy (docs/codecs/planar.md)."""

    steps: int = 1500
    """Optimiser steps for a still or key frame. More is better and slower."""
    predicted_steps: int = 150
    """Optimiser steps for a P-frame."""
    lower_weight: float = 0.12
    """Weight of a lower level's error beside the top level's: more makes lower levels better and the top level
    worse."""
    rate_weight: float = 0.7
    """Strength of the rate term in the fit; 1 is the theoretical slope."""
    step_over_rmse: float = 5.2
    """Quantiser step in units of the error aimed at (0...1 pixels)."""
    freeze_rounds: int = 3
    """Geometry is quantised and frozen in so many rounds, largest amplitudes first."""
    freeze_steps: int = 40
    """Optimiser steps for what is still free after each round."""
    refine_sweeps: int = 120
    """Passes of coordinate descent on the integers: the largest gain for its time after the fit itself."""


@dataclass(frozen=True)
class PlanarConfig:
    """Configuration of one encode."""

    method: Method = "lattice"
    """`lattice`: the best we know. `pgsvc`: the paper's method and its packing."""
    target: RateTarget = field(default_factory=RateTarget)
    """Size or quality to aim at."""
    layer_shares: tuple[float, ...] = (0.15, 0.30, 0.55)
    """Share of the splats in each layer, base first; the number of entries is the number of layers."""
    scalability: Scalability = "quality"
    """`quality`: all levels at full size. `resolution`: level l is fitted at sqrt(share of levels 0..l) of the size."""
    group_frames: int = 64
    """At most so many frames from one key frame to the next: random access, and the encoder's memory."""
    seed: int = 1
    """Of everything random."""
    lattice: LatticeConfig = field(default_factory=LatticeConfig)
    pgsvc: PgsvcConfig = field(default_factory=PgsvcConfig)

    def __post_init__(self) -> None:
        if not 1 <= len(self.layer_shares) <= 8:
            raise ValueError(f"1 to 8 layers, got {len(self.layer_shares)}")
        if min(self.layer_shares) <= 0:
            raise ValueError(f"every layer needs a positive share of the splats, got {self.layer_shares}")
        if not 1 <= self.group_frames <= 1024:
            raise ValueError(f"group_frames must be 1...1024, got {self.group_frames}")

    @property
    def layer_count(self) -> int:
        """Layers, base included."""
        return len(self.layer_shares)


def with_layers(config: PlanarConfig, count: int) -> PlanarConfig:
    """The same preset with another number of layers: even shares for `pgsvc`, level sizes in ratio ~2.6 otherwise."""
    if config.method == "pgsvc":
        removal = (0.2, *(0.4,) * (count - 1))
        return replace(config, layer_shares=(1.0 / count,) * count, pgsvc=replace(config.pgsvc, removal_shares=removal))
    totals = [2.6 ** (level + 1 - count) for level in range(count)]
    shares = tuple(total - below for total, below in zip(totals, [0.0, *totals[:-1]], strict=True))
    return replace(config, layer_shares=(0.15, 0.30, 0.55) if count == 3 else shares)


PRESETS: Mapping[str, PlanarConfig] = MappingProxyType(
    {
        "default": PlanarConfig(),
        "fast": PlanarConfig(lattice=LatticeConfig(steps=350, predicted_steps=40, freeze_steps=20, refine_sweeps=40)),
        "paper": PlanarConfig(method="pgsvc", layer_shares=(1 / 3, 1 / 3, 1 / 3), target=RateTarget(splats=9000)),
    }
)

LAYERS_AT_MOST = 8


def configure(choices: Choices) -> PlanarConfig:
    """A preset with what a user chose.

    Raises:
        ValueError: no such preset, or a value out of range.
    """
    config = preset_of(PRESETS, choices.preset)
    if choices.level_count is not None:
        if not 1 <= choices.level_count <= LAYERS_AT_MOST:
            raise ValueError(f"layers is {choices.level_count}, expected 1...{LAYERS_AT_MOST}")
        config = with_layers(config, choices.level_count)
    target = choices.target
    if target is None:
        return config
    if target.kind == "size_bytes":
        return replace(config, target=RateTarget(size_bytes=round(target.value)))
    if target.kind == "splats":
        return replace(config, target=RateTarget(splats=round(target.value)))
    if target.kind == "psnr_db":
        return replace(config, target=RateTarget(psnr_db=target.value))
    if target.kind == "bits_per_second":
        return replace(config, target=RateTarget(bits_per_second=target.value))
    return replace(config, target=RateTarget(bits_per_pixel=target.value))
