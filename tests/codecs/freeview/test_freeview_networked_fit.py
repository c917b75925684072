# SPDX-License-Identifier: Apache-2.0
"""The paper's frames, fitted to a tiny play: they follow what moves, closed loop, the same twice and after a stop."""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_play import SMALL, tiny_play

from lamina.codec import Choices, Progress, Session
from lamina.codecs.freeview import CODEC
from lamina.codecs.freeview.coding import decode_states
from lamina.codecs.freeview.config import FreeviewConfig, NetworkedConfig
from lamina.codecs.freeview.fit.networked_fit import begun, coded
from lamina.codecs.freeview.fit.start import networked_facts
from lamina.codecs.freeview.model import FirstPart, FrameModel, NetworkedPart, render
from lamina.codecs.freeview.networked.frames import after
from lamina.codecs.freeview.networked.syntax import NetworkedHead, Representation
from lamina.data.captures.timed import TimedCapture
from lamina.errors import Interrupted
from lamina.media.configuring import configured
from lamina.media.encoding import encode_signal
from lamina.metrics.psnr import psnr
from lamina.units import Unit

FRAMES = 5


def config_of(iterations: int = 40, **fields: object) -> FreeviewConfig:
    base = configured(CODEC, Choices("fast"), {"level_count": 1, **SMALL})
    return replace(base, networked=NetworkedConfig(iterations=iterations, **fields), group_frames=3, join_groups=0)


@cache
def fitted() -> tuple[FirstPart, tuple[NetworkedPart, ...]]:
    first, *frames = CODEC.fit(tiny_play(FRAMES), config_of(), Session())
    assert isinstance(first, FirstPart)
    return first, tuple(part for part in frames if isinstance(part, NetworkedPart))


@cache
def models() -> tuple[FrameModel, ...]:
    """Decoded from units."""
    first, frames = fitted()
    return tuple(CODEC.decode(CODEC.encode([first, *frames])))


@torch.no_grad()
def quality(model: FrameModel, play: TimedCapture, frame: int) -> float:
    """dB over the held-out views."""
    found = []
    for view in play.test:
        pixels = (render(model, play.views[view].camera).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        found.append(psnr(play.pixels(frame, view), pixels))
    return float(np.mean(found))


def test_frames_are_better_than_the_first_one_shown_for_all() -> None:
    play = tiny_play(FRAMES)
    gains = [quality(models()[frame], play, frame) - quality(models()[0], play, frame) for frame in (2, 3, 4)]
    assert min(gains) > 0.2
    assert np.mean(gains) > 0.5


def test_it_yields_parts_of_groups_whose_networks_come_whole_at_their_begin() -> None:
    _, frames = fitted()
    assert [part.frame for part in frames] == [0, 1, 2, 3, 4]
    assert [part.group for part in frames] == [0, 0, 0, 1, 1]
    assert [part.changes.is_rest for part in frames] == [True, False, False, False, False]
    whole = [all(layer.factor is None for layer in part.changes.layers) for part in frames[1:]]
    assert whole == [True, False, True, False]


def test_decoders_show_what_the_encoder_had() -> None:
    first, frames = fitted()
    chain = begun(first, config_of(), FRAMES)
    state = chain.state
    for part, model in zip(frames, models(), strict=True):
        state = after(chain.ground, state, part.changes)
        for name in ("positions", "features", "offsets"):
            assert torch.equal(getattr(state.anchors, name), getattr(model.anchors, name))
        assert part.quality_db == pytest.approx(quality(model, tiny_play(FRAMES), part.frame), abs=0.02)


def test_the_fit_is_the_same_twice() -> None:
    first, frames = fitted()
    units = [unit.payload for unit in CODEC.encode([first, *frames[:3]])]
    parts = CODEC.fit(tiny_play(FRAMES), config_of(), Session())
    assert [unit.payload for unit in CODEC.encode([next(parts) for _ in range(4)])] == units


class StopAt:
    """Stops a fit at a share of the job."""

    def __init__(self, share: float, error: BaseException) -> None:
        self.share, self.error = share, error

    def __call__(self, progress: Progress) -> None:
        if progress.done >= self.share:
            raise self.error


@cache
def whole_file(folder: Path) -> bytes:
    path = folder / "whole.lam"
    encode_signal(tiny_play(4), path, CODEC, config_of(8)).close()
    return path.read_bytes()


@pytest.mark.parametrize(("share", "error"), [(0.1, KeyboardInterrupt()), (0.8, Interrupted("test"))])
def test_a_stopped_encode_goes_on_to_the_same_file(
    share: float, error: BaseException, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stopped = tmp_path / "stopped.lam"
    with pytest.raises(type(error)):
        encode_signal(tiny_play(4), stopped, CODEC, config_of(8), StopAt(share, error)).close()
    assert not stopped.exists()
    encode_signal(tiny_play(4), stopped, CODEC, config_of(8)).close()
    assert stopped.read_bytes() == whole_file(tmp_path_factory.getbasetemp())


KINDS = {
    "tri-plane": {"representation": "triplane"},
    "hash grid": {"representation": "hash grid"},
    "32 bits": {"network_bits": 32},
    "16 bits": {"network_bits": 16},
    "8 bits as they are": {"network_entropy": False},
    "without ILA": {"inner_aggregation": False},
    "one scale": {"scale_count": 1},
    "no reference": {"temporal_reference": False},
    "literal objective": {"literal_objective": True},
}


def frames_after(first: FirstPart, config: FreeviewConfig, count: int = 3) -> list[Unit]:
    """A stream whose first frame was fitted before: with another configuration of what comes after it."""
    assert config.networked is not None
    networks = networked_facts(config.networked, first.facts.anchors, first.layers)
    first = replace(first, facts=replace(first.facts, networks=networks))
    chain, parts, play = begun(first, config, count), [], tiny_play(count)
    for _ in range(count):
        part, chain = coded(play, config, Session(), chain, np.ones((len(play.views), 3)))
        parts.append(part)
    return list(CODEC.encode([first, *parts]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_switch_gives_a_stream_that_says_so(kind: str) -> None:
    units = frames_after(fitted()[0], config_of(6, **KINDS[kind]))
    states = [state for _, _, state in decode_states(units) if state is not None]
    heads = [NetworkedHead.unpack(unit.payload)[0] for unit in units if unit.key.group >= 0]
    decoder = next(decoder for _, decoder, _ in decode_states(units))
    facts = decoder.facts.networks
    assert facts is not None
    assert len(states) == len(heads) == 3
    assert facts.representation == {"tri-plane": Representation.TRIPLANE, "hash grid": Representation.HASH_GRID}.get(
        kind, Representation.POINTS
    )
    assert facts.network_bits == {"32 bits": 32, "16 bits": 16}.get(kind, 8)
    assert facts.has_network_entropy == (kind not in ("32 bits", "16 bits", "8 bits as they are"))
    assert facts.has_inner_aggregation == (kind != "without ILA")
    scales = {"tri-plane": 0, "hash grid": 0, "one scale": 0}.get(kind, 2)
    assert len(facts.grid_sizes) == scales
    assert [head.has_reference for head in heads] == [False, False, kind not in ("32 bits", "no reference")]
    for one, other in pairwise(states):
        assert 0 < float((one.anchors.positions - other.anchors.positions).abs().max()) < 1


def test_a_higher_price_gives_smaller_frames() -> None:
    sizes = []
    for weight in (0.0005, 0.01):
        units = frames_after(fitted()[0], replace(config_of(60, channels=6, hidden=8), rate_weight=weight))
        sizes.append(sum(len(unit.payload) for unit in units if unit.key.group >= 0))
    assert sizes[1] < 0.9 * sizes[0]
