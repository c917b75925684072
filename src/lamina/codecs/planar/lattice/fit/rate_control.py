# SPDX-License-Identifier: Apache-2.0
"""A target (bytes, bits per pixel, decibels, splats) -> how many splats and which quantiser step.

A short pilot fit measures what this picture gives; the full fit follows its plan; freezing is repeated with a
corrected step
until size or quality is within tolerance. At the optimum the step is in a fixed ratio to the error
(config.step_over_rmse),
so one target sets both numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lamina.codecs.planar.config import PlanarConfig, RateTarget
from lamina.codecs.planar.lattice.fit.picture import coded_step
from lamina.codecs.planar.syntax import MAX_SPLATS
from lamina.errors import TargetError

DEFAULT_BITS_PER_PIXEL, DEFAULT_CLIP_BITS_PER_PIXEL = 0.5, 0.08
"""What an encode without a target aims at, for a still and for each frame of a clip."""

TYPICAL_BITS_PER_SPLAT = 30.0
FIRST_STEP = 0.15
"""Where the pilot starts: a photograph of 32 dB."""

PILOT_GAIN = 0.56
"""Error of the full fit over the pilot's, at the same count: measured on photographs."""

SMALL_STREAM_BYTES = 80
"""Container and headers of a still with three layers, and the starts of its streams."""

LEAST_SPLAT_BYTES = 4
DECIBELS_PER_DOUBLING = 2.3
"""Quality gained by twice the splats at the matching step: measured on photographs."""

TOLERANCE = 0.012
"""Of the target; the promise is 2 %."""

STEP_REACH = 0.025
"""A quality missed by more than this takes other splats; a step far from the error's wastes bits."""

REFITS = 4
"""Fits repeated at most so often to meet a quality."""

MOST_SPLATS_PER_PIXEL = 0.25
"""More splats than this cost more than the pixels that they describe."""


@dataclass(frozen=True)
class Plan:
    """What to fit."""

    splats: int
    step: float


@dataclass(frozen=True)
class Outcome:
    """What a fit with its freeze gave."""

    splats: int
    step: float
    size_bytes: int
    psnr_db: float
    """Of the top level."""


def target_bytes(target: RateTarget, pixels: int, default: float = DEFAULT_BITS_PER_PIXEL) -> float | None:
    """Size aimed at, or None for targets of another kind; `default` bits per pixel when there is no target."""
    if target.size_bytes is not None:
        return float(target.size_bytes)
    if target.bits_per_pixel is not None:
        return target.bits_per_pixel * pixels / 8.0
    if target.psnr_db is None and target.splats is None:
        return max(default * pixels / 8.0, SMALL_STREAM_BYTES + 64.0)
    return None


def first_plan(config: PlanarConfig, pixels: int) -> Plan:
    """The pilot's plan.

    Raises:
        TargetError: no stream is that small.
    """
    target = config.target
    least = SMALL_STREAM_BYTES + LEAST_SPLAT_BYTES * config.layer_count
    size = target_bytes(target, pixels)
    if size is not None and size < least:
        raise TargetError(
            f"{size:.0f} bytes are too few: a stream of {config.layer_count} layers takes at least {least}. "
            "Ask for more bytes or fewer layers"
        )
    if target.splats is not None:
        if target.splats < config.layer_count:
            raise TargetError(f"{target.splats} splats for {config.layer_count} layers; each layer needs at least one")
        return Plan(min(target.splats, MAX_SPLATS), FIRST_STEP)
    if target.psnr_db is not None:
        step = coded_step(config.lattice.step_over_rmse * 10.0 ** (-target.psnr_db / 20.0))
        return Plan(bounded(pixels / 90, config, pixels), step)
    assert size is not None
    return Plan(bounded(8.0 * (size - SMALL_STREAM_BYTES) / TYPICAL_BITS_PER_SPLAT, config, pixels), FIRST_STEP)


def bounded(splats: float, config: PlanarConfig, pixels: int) -> int:
    """At least one splat a layer, at most what makes sense."""
    most = max(16, min(MAX_SPLATS, MOST_SPLATS_PER_PIXEL * pixels))
    return int(min(max(splats, config.layer_count), most))


def full_plan(config: PlanarConfig, pilot: Outcome, pixels: int) -> Plan:
    """The full fit's plan from what the pilot gave.

    Raises:
        TargetError: the quality asked for needs more splats than make sense.
    """
    target = config.target
    rmse = 10.0 ** (-pilot.psnr_db / 20.0) * PILOT_GAIN
    step = coded_step(config.lattice.step_over_rmse * rmse)
    if target.splats is not None:
        return Plan(pilot.splats, step)
    if target.psnr_db is not None:
        missing = target.psnr_db + 20.0 * math.log10(PILOT_GAIN) - pilot.psnr_db
        splats = pilot.splats * 2.0 ** (missing / DECIBELS_PER_DOUBLING)
        if splats > 2.0 * MOST_SPLATS_PER_PIXEL * pixels and pixels > 4096:
            raise TargetError(
                f"{target.psnr_db} dB would take about {splats:.0f} splats for {pixels} pixels; "
                f"{pilot.psnr_db:.1f} dB came of {pilot.splats}. Ask for less quality"
            )
        return Plan(bounded(splats, config, pixels), pilot.step)
    size = target_bytes(target, pixels)
    assert size is not None
    per_splat = max(pilot.size_bytes - SMALL_STREAM_BYTES, 1) / pilot.splats
    # A splat's bits fall by about 0.8 of 8 parameters' log2 for a coarser step.
    per_splat = max(per_splat - 0.8 * math.log2(step / pilot.step), 1.0)
    return Plan(bounded((size - SMALL_STREAM_BYTES) / per_splat, config, pixels), step)


def miss(config: PlanarConfig, outcome: Outcome, pixels: int) -> float:
    """How far off the target, relative; positive when the step should grow (too large a file, too good a picture)."""
    target = config.target
    if target.splats is not None:
        return 0.0
    if target.psnr_db is not None:
        return outcome.psnr_db / target.psnr_db - 1.0
    size = target_bytes(target, pixels)
    assert size is not None
    return outcome.size_bytes / size - 1.0


def splats_for_quality(config: PlanarConfig, tried: list[Outcome], pixels: int) -> int | None:
    """Splats of another fit when the quality asked for was missed; None when it was met, or no fit would help.

    A secant through the last two fits in the logarithm of the splats; a typical slope after the first.
    """
    wanted = config.target.psnr_db
    last = tried[-1]
    if wanted is None or len(tried) > REFITS or abs(miss(config, last, pixels)) <= TOLERANCE:
        return None
    slope = DECIBELS_PER_DOUBLING
    if len(tried) > 1 and tried[-2].splats != last.splats:
        slope = (last.psnr_db - tried[-2].psnr_db) / math.log2(last.splats / tried[-2].splats)
        slope = min(max(slope, 1.0), 6.0)
    splats = bounded(last.splats * 2.0 ** min(max((wanted - last.psnr_db) / slope, -2.0), 2.0), config, pixels)
    return splats if splats != last.splats else None


def corrected_step(config: PlanarConfig, tried: list[Outcome], pixels: int) -> float:
    """The next step to freeze with: a secant through the last two tries in logarithms; a typical slope at first."""
    last = tried[-1]
    error = math.log1p(miss(config, last, pixels))
    slope = -0.045 if config.target.psnr_db is not None else -0.33
    if len(tried) > 1:
        before = tried[-2]
        run = math.log(last.step / before.step)
        rise = error - math.log1p(miss(config, before, pixels))
        if abs(run) > 1e-4 and rise / run < 0.2 * slope:
            slope = rise / run
    move = min(max(-error / slope, -0.7), 0.7)
    return coded_step(last.step * math.exp(move))
