# SPDX-License-Identifier: Apache-2.0
"""The paper's fit: a picture or clip and a configuration enter; one `FramePart` a frame leaves, integers and quality.

I-frames are fitted from random splats; P-frames from the decoded frame before (predicted.py). Key frames: the first,
those that DKS finds (key_frames.py), and one at least every `group_frames`.

Source: P-GSVC, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import UInt8

from lamina.codec import Session
from lamina.codecs.planar.config import PlanarConfig
from lamina.codecs.planar.fit.signal import PlanarSignal, header_sizes, scalability_id
from lamina.codecs.planar.model import FramePart
from lamina.codecs.planar.packing import LayerState
from lamina.codecs.planar.pgsvc.fit import stages
from lamina.codecs.planar.pgsvc.fit.descent import Descent, make_schedule
from lamina.codecs.planar.pgsvc.fit.key_frames import key_frames_of, trial_differences
from lamina.codecs.planar.pgsvc.fit.objective import LevelTarget, level_psnr_db, make_targets
from lamina.codecs.planar.pgsvc.fit.predicted import PredictedFineTuning, augmented_table, plan_slots
from lamina.codecs.planar.pgsvc.fit.pruning import layer_counts
from lamina.codecs.planar.pgsvc.fit.quantizers import KeyFineTuning, layer_formats
from lamina.codecs.planar.pgsvc.fit.rate import splat_count, target_bits, trim_to_bits
from lamina.codecs.planar.pgsvc.fit.stages import Arrays, FrameSession
from lamina.codecs.planar.pgsvc.fit.training import Trained, fit_layers, key_pruning, predicted_pruning
from lamina.codecs.planar.pgsvc.layers import DecodedLayer, Integers, decode_key_layer, decode_predicted_layer
from lamina.codecs.planar.pgsvc.splats import random_splats
from lamina.codecs.planar.syntax import MethodId, PlanarHeader
from lamina.errors import SignalError
from lamina.fitting import checkpoint
from lamina.fitting.resume import after_whole_groups

Frame = UInt8[np.ndarray, "h w 3"]

KEY_TRIAL_SHARE = 0.05
"""Of a clip's progress bar: what key-frame selection takes."""


@dataclass
class _Group:
    """How the frames of a group are fitted, and what they need of each other."""

    number: int
    config: PlanarConfig
    header: PlanarHeader
    counts: tuple[int, ...]
    """Splats of each layer."""
    key: str
    """Of its checkpoint."""
    bits: float | None = None
    """What a still may cost; None: as many as its splats do."""
    layers: tuple[DecodedLayer, ...] = ()
    """Of the frame before."""
    finished: list[tuple[Integers, ...]] = field(default_factory=list)
    """Integers of the frames so far, for the checkpoint."""


def fit(signal: PlanarSignal, config: PlanarConfig, session: Session) -> Iterator[FramePart]:
    """Fit every frame; closed loop.

    Raises:
        SignalError: the clip has no frames.
        TargetError: the target leaves less than a splat a layer, or is a quality.
        ValueError: the configuration asks for what cannot be written as a layered stream.
        Interrupted: the monitor stopped the fit; its checkpoint holds the state.
    """
    check_config(config)
    point = after_whole_groups(session.written, config.layer_count)
    header = make_header(signal, config)
    total = signal.frame_count or sum(1 for _ in signal.frames(0))
    if total < 1:
        raise SignalError("no frames; expected at least one")
    if point.frame >= total:
        return
    counts = layer_counts(splat_count(config, header, total), config.layer_shares)
    keys = _select_keys(signal, config, session, total) if total > 1 else frozenset({0})
    bits = target_bits(config.target, header, total) if total == 1 else None
    group = _Group(point.group - 1, config, header, counts, "", bits)
    opened = point.frame

    def opens_group(number: int) -> bool:
        return number == point.frame or number in keys or number - opened >= config.group_frames

    for number, picture in enumerate(signal.frames(point.frame), start=point.frame):
        is_key = opens_group(number)
        if is_key:
            opened = number
            key = f"{session.key} group {group.number + 1}"
            group = _Group(group.number + 1, config, header, counts, key, bits)
        layers, targets = _fit_frame(picture, group, session, (number, total))
        raw = [layer.context.raw for layer in layers]
        quality = tuple(
            level_psnr_db(torch.cat(raw[: level + 1], dim=1), target) for level, target in enumerate(targets)
        )
        ends_group = number + 1 == total or opens_group(number + 1)
        yield FramePart(header, group.number, number, is_key, layers, quality, ends_group)
    checkpoint.remove(session.checkpoint)


def check_config(config: PlanarConfig) -> None:
    """Raise ValueError for what cannot be written as one layered stream."""
    pgsvc = config.pgsvc
    if pgsvc.training == "monolithic" and config.layer_count > 1:
        raise ValueError("monolithic training makes one model a level, not layers: use one layer, or another training")
    if pgsvc.quantization_steps < 1:
        raise ValueError("quantization_steps must be at least 1: an unquantised fit cannot be written")


def make_header(signal: PlanarSignal, config: PlanarConfig) -> PlanarHeader:
    """The stream's header. The paper has no background: splats are added to black."""
    return PlanarHeader.of(
        MethodId.PGSVC,
        scalability_id(config),
        config.layer_count,
        (0, 0, 0),
        (signal.width, signal.height),
        rate=signal.frames_per_second,
        level_sizes=header_sizes(config, signal.width, signal.height),
    )


def _select_keys(signal: PlanarSignal, config: PlanarConfig, session: Session, total: int) -> frozenset[int]:
    """Numbers of key frames by DKS."""
    trials = FrameSession(session.report, "key frames", 0.0, KEY_TRIAL_SHARE, lambda state: None)

    def tick(frames_done: float, error: float) -> None:
        trials.report(frames_done / total, error, dict)

    return frozenset(key_frames_of(trial_differences(signal.frames(0), config.pgsvc, config.seed, tick)))


def _fit_frame(
    picture: Frame, group: _Group, session: Session, place: tuple[int, int]
) -> tuple[tuple[LayerState, ...], tuple[LevelTarget, ...]]:
    """One frame of a group: its layers, and the targets that they were fitted to. `place`: number, frames in all."""
    levels = len(group.counts)
    targets = make_targets(picture, tuple(group.header.level_size(level) for level in range(levels)))
    position = len(group.finished)
    found = checkpoint.load(session.checkpoint, group.key)
    resumed = found[1] if found is not None else None
    integers = _finished_integers(resumed, position)
    if integers is None:
        fit_one = _fit_predicted if position else _fit_key
        integers = fit_one(targets, group, _session(group, session, place, position, resumed))
    formats = layer_formats(group.config.pgsvc, levels, is_key=position == 0)
    if position == 0:
        decoded = tuple(decode_key_layer(i, f) for i, f in zip(integers, formats, strict=True))
    else:
        decoded = tuple(
            decode_predicted_layer(i, f, p) for i, f, p in zip(integers, formats, group.layers, strict=True)
        )
    group.layers = decoded
    group.finished.append(integers)
    return tuple(LayerState(i, d) for i, d in zip(integers, decoded, strict=True)), targets


def _session(
    group: _Group, session: Session, place: tuple[int, int], position: int, resumed: Arrays | None
) -> FrameSession:
    """Progress and checkpoint of a frame."""
    number, total = place
    start = KEY_TRIAL_SHARE if total > 1 else 0.0
    share = (1.0 - start) / max(total, number + 1)
    stage = f"frame {number + 1}/{total}" if total > 1 else "fitting"
    is_here = resumed is not None and "position" in resumed and int(resumed["position"]) == position

    def keep(state: Arrays) -> None:
        if session.checkpoint is not None:
            before = {
                f"done.{frame}.{layer}.{name}": values
                for frame, layers in enumerate(group.finished)
                for layer, integers in enumerate(layers)
                for name, values in integers.items()
            }
            arrays = before | {"position": np.array(position)} | state
            checkpoint.save(session.checkpoint, group.key, {}, arrays)

    done = start + share * number
    return FrameSession(session.report, stage, done, done + share, keep, resumed if is_here else None)


def _finished_integers(resumed: Arrays | None, position: int) -> tuple[Integers, ...] | None:
    """Integers of a frame that was finished before the interruption."""
    if resumed is None:
        return None
    layers: dict[int, dict[str, np.ndarray]] = {}
    for name, values in resumed.items():
        parts = name.split(".")
        if parts[0] == "done" and int(parts[1]) == position:
            layers.setdefault(int(parts[2]), {})[parts[3]] = values
    return tuple(layers[layer] for layer in sorted(layers)) or None


def _fit_key(targets: tuple[LevelTarget, ...], group: _Group, session: FrameSession) -> tuple[Integers, ...]:
    """An I-frame from random splats."""
    pgsvc, counts = group.config.pgsvc, group.counts
    seed = group.config.seed + group.number
    if pgsvc.training in ("joint", "random"):
        order = "cyclic" if pgsvc.training == "joint" else "random"
        pruning = key_pruning(counts, pgsvc)
        start = tuple(count + extra for count, extra in zip(counts, pruning.removals, strict=True))
        table = random_splats(sum(start), torch.Generator().manual_seed(seed))
        schedule = make_schedule(pgsvc, pgsvc.steps, order, seed)
        trained = stages.train(table, start, targets, schedule, pruning, session)
    else:
        trained = _fit_comparator(targets, group, seed, session)
    formats = layer_formats(pgsvc, len(counts), is_key=True)
    if group.bits is not None and session.resume("tune") is None:
        trained = trim_to_bits(trained, formats, group.header, group.bits, seed)
    tuning = KeyFineTuning(trained.raw, trained.counts, formats, seed)
    schedule = make_schedule(pgsvc, pgsvc.quantization_steps)
    return stages.fine_tune(tuning, trained, targets, schedule, session)


def _fit_comparator(targets: tuple[LevelTarget, ...], group: _Group, seed: int, session: FrameSession) -> Trained:
    """The trainings that the paper compares with; an interruption begins them anew."""
    pgsvc = group.config.pgsvc

    def tick(trainee: object, optimizer: object, descent: Descent) -> None:
        session.report(0.5 * descent.step / pgsvc.steps, descent.top_error, lambda: {"stage": np.array("none")})

    return fit_layers(targets, group.counts, pgsvc, pgsvc.training, seed, tick)[0]


def _fit_predicted(targets: tuple[LevelTarget, ...], group: _Group, session: FrameSession) -> tuple[Integers, ...]:
    """A P-frame from the decoded frame before."""
    pgsvc, counts = group.config.pgsvc, group.counts
    seed = group.config.seed + 1009 * (len(group.finished) + 1) + group.number
    pruning = predicted_pruning(counts, pgsvc)
    table, start = augmented_table(group.layers, pruning.removals, torch.Generator().manual_seed(seed))
    order = "random" if pgsvc.training == "random" else "cyclic"
    schedule = make_schedule(pgsvc, pgsvc.predicted_steps, order, seed)
    trained = stages.train(table, start, targets, schedule, pruning, session)
    plans = plan_slots(trained, group.layers, pruning.removals)
    formats = layer_formats(pgsvc, len(counts), is_key=False)
    tuning = PredictedFineTuning(plans, group.layers, formats, seed)
    schedule = make_schedule(pgsvc, pgsvc.quantization_steps, order, seed)
    return stages.fine_tune(tuning, trained, targets, schedule, session)
