# SPDX-License-Identifier: Apache-2.0
"""The first frame: what all cameras saw at one moment enters, a scene at rest in integers leaves.

Anchors are fitted as those of a still scene are, but that no camera sees what is right before it, and that pictures are
evened: cameras of a rig differ in colour, and their gains are found from what the fit shows, six times on the way. The
first of these come early: until gains are known, a sheet of fog before a camera is the cheapest way to tint its
picture, and it stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from lamina.anchors.fitting import checkpoint as saved
from lamina.anchors.fitting.adjustment import drop_unused
from lamina.anchors.fitting.descent import FINISH_STEPS, Watch, device_of, is_trained, train
from lamina.anchors.fitting.first_octree import nearest_to_axes
from lamina.anchors.fitting.quantizing import quantize, quantize_heads, settle_context, tune
from lamina.anchors.fitting.start import first_state
from lamina.anchors.fitting.state import FitState
from lamina.anchors.fitting.training import FitInput
from lamina.anchors.picturing import eight_bits, shown
from lamina.codec import Session
from lamina.codecs.freeview.config import FreeviewConfig
from lamina.codecs.freeview.fit.start import movers
from lamina.codecs.freeview.model import FirstPart
from lamina.codecs.freeview.syntax import VERSION, FreeviewFacts
from lamina.data.captures import Capture, with_points
from lamina.data.captures.gains import Gains, evened, fit_gains
from lamina.data.captures.hull import Silhouette, carved, hull_points
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted
from lamina.fitting.checkpoint import Keeper

GAIN_SHARES = (0.02, 0.05, 0.1, 0.2, 0.45, 0.7)
"""Of the steps, after which gains are found. Only from 0.2 on: fog before held-out cameras, 1.5 dB less (panoptic)."""

LEAST_GAIN_STEPS = 80
"""Steps before which there is no picture yet that gains could be found by: 20 steps cost the demo's robot 1 dB."""

LATEST_FIRST_GAIN = 0.2
"""Of the steps of a short fit, after which they are found all the same."""

CUBE_SHARE = 1.4
"""Side of the cube in which things move, in extents of the cameras."""

LEAST_CAMERAS = 3
"""That a stream keeps for viewers: with fewer held out, those that it was fitted to come after them, so that an orbit
goes around."""

RATE_LIMIT = 1 << 16
"""Of a frame rate's denominator."""


def first_capture(signal: TimedCapture, seed: int, report: Callable[..., None]) -> Capture:
    """The first moment with points to start from: its own, those of silhouettes, or found between views."""
    capture = signal.still(0)
    if signal.load_mask is not None:
        masks = ((view, signal.mask(0, view)) for view in capture.train)
        silhouettes = [
            Silhouette(capture.views[view].camera, mask, capture.pixels(view))
            for view, mask in masks
            if mask is not None
        ]
        hull = hull_points(silhouettes, carved(silhouettes, *signal_cube(signal)))
        points = np.concatenate([capture.points, hull.positions])
        colors = np.concatenate([capture.point_colors, hull.colors])
        note = f"{len(hull.positions)} points of silhouettes"
        capture = replace(capture, points=points, point_colors=colors, notes=(*capture.notes, note))
    return with_points(capture, report, seed)


def signal_cube(signal: TimedCapture) -> tuple[Float64[np.ndarray, "3"], float]:
    """Middle and side of the cube that the cameras stand around, world units."""
    cameras = [signal.views[view].camera for view in signal.train]
    places = np.stack([camera.position_world for camera in cameras])
    directions = np.stack([camera.world_from_camera[:3, 2] for camera in cameras])
    return nearest_to_axes(places, directions), CUBE_SHARE * signal.camera_extent


def fit_first(signal: TimedCapture, config: FreeviewConfig, session: Session) -> FirstPart:
    """Fits the scene at rest.

    Raises:
        SignalError: a picture cannot be decoded.
        BackendUnavailable: CUDA was asked for and is not there.
        Interrupted: the session raised it; the fit so far is in its checkpoint.
    """
    capture, own = first_capture(signal, config.seed, session.report), config.first_frame
    watch = Watch(session, own)
    scene = FitInput(capture, own, device_of(own))
    fresh = first_state(capture, own, scene.device)
    state = saved.load(session.checkpoint, session.key, fresh) or fresh
    found = saved.found_beside(session.checkpoint, session.key, "gains")
    gains: Gains = np.ones((len(capture), 3)) if found is None else found
    keep = Keeper(session.checkpoint)

    def save(place: object = None) -> None:
        del place
        if session.checkpoint is not None:
            saved.save(session.checkpoint, session.key, state, {"gains": gains})

    steps = own.schedule.steps
    least = max(1, min(LEAST_GAIN_STEPS, round(LATEST_FIRST_GAIN * steps)))
    moments = {max(least, round(share * steps)) for share in GAIN_SHARES}
    try:
        while not is_trained(state, scene):
            evenly = replace(scene, capture=evened(capture, gains))
            for trained in train(evenly, state, watch):
                state = trained
                if state.step in moments:
                    gains = fit_gains(capture, _shows(scene, state))
                    break
                keep(save)
        keep(save, now=True)
        return finish(signal, replace(scene, capture=evened(capture, gains)), state, config, watch)
    except Interrupted:
        if not is_trained(state, scene):
            save()
        raise


def _shows(scene: FitInput, state: FitState) -> Callable[[int], UInt8[np.ndarray, "h w 3"]]:
    """What a state has for a view, 8 bits."""
    rows = torch.arange(state.count, device=state.device)
    with torch.no_grad():
        anchors = state.anchors(rows, state.values.values, state.used().float())

    def show(view: int) -> UInt8[np.ndarray, "h w 3"]:
        with torch.no_grad():
            return eight_bits(shown(anchors, state.networks.heads, scene.camera(view), scene.background, scene.near))

    return show


def finish(signal: TimedCapture, scene: FitInput, state: FitState, config: FreeviewConfig, watch: Watch) -> FirstPart:
    """Integers of a trained state."""
    schedule = scene.config.schedule
    watch.report(schedule.steps, "first frame: learning what will be coded")
    state = drop_unused(state, scene)
    settle_context(scene, state)
    quantized = quantize(scene, state)

    def report(done: float) -> None:
        watch.report(schedule.steps + FINISH_STEPS / 2 + done * schedule.tune_steps, "first frame: tuning generators")

    heads = tune(scene, state, quantized, report)
    camera = signal.views[signal.train[0]].camera
    rate = Fraction(signal.frames_per_second).limit_denominator(RATE_LIMIT)
    cells, networks = movers(config, quantized.facts, quantized.layers)
    facts = FreeviewFacts(
        VERSION,
        False,
        cells is not None,
        networks is not None,
        0,
        signal.background,
        camera.width,
        camera.height,
        rate.numerator,
        rate.denominator,
        float(np.float32(scene.near)),
        quantized.facts,
        cells,
        networks,
    )
    held_out = signal.test if len(signal.test) >= LEAST_CAMERAS else (*signal.test, *signal.train)
    cameras = tuple(signal.views[view].camera for view in held_out)
    return FirstPart(facts, quantize_heads(scene, quantized, heads), quantized.context, quantized.layers, cameras)


def gains_of(signal: TimedCapture, show: Callable[[int], UInt8[np.ndarray, "h w 3"]]) -> Gains:
    """Gains of the training cameras against what the decoded first frame shows: the same after a stop."""
    return fit_gains(signal.still(0), show)
