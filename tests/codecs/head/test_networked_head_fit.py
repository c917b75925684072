# SPDX-License-Identifier: Apache-2.0
"""A drawn face is learnt by the paper's method, coded, taken over for another clip, and gone on with after a stop."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="finding faces needs LiteRT: pip install 'lamina[head]'")
sys.path.append(str(Path(__file__).parent))
from drawn_face import drawn_clip, picture

import lamina
from lamina.codecs.head.coding import decode_states
from lamina.codecs.head.syntax import HeadFacts
from lamina.data import clip_from_frames
from lamina.errors import Interrupted
from lamina.metrics import psnr
from lamina.units import STREAM_GROUP

QUICK = {
    "group_frames": 6,
    "shape.mesh_gaussians": 1200,
    "shape.free_gaussians": 300,
    "shape.background_bytes": 1_000,
    "learning.steps": 60,
    "learning.side_px": 96,
    "motion.dimensions": 8,
    "network.width": 48,
    "network.hidden_layers": 2,
}


def encode(path: Path, clip=None, **fields):
    return lamina.encode(clip or drawn_clip(), path, codec="head", preset="paper", **{**QUICK, **fields})


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "drawn.lam"
    encode(path).close()
    return path


def test_the_face_is_there(coded: Path) -> None:
    with lamina.open(coded) as media:
        (only,) = lamina.compare(media, drawn_clip())
        units = list(media.stream.units())
    assert only.psnr > 26
    facts = HeadFacts.unpack_whole(units[0].payload)
    assert facts.network is not None
    _, _, head = next(decode_states(units))
    weights = np.concatenate([layer.ravel() for layer in head.network.network.weights[:-1]])
    assert 0.19 < (weights == 0).mean() < 0.22


def test_it_is_taken_over_with_parameters_of_another_size(coded: Path, tmp_path: Path) -> None:
    other = clip_from_frames([picture(frame, 3.0) for frame in (30, 31, 32, 33)])
    sizes = {}
    for bits in (8, 10):
        with encode(tmp_path / f"{bits}.lam", other, model=coded, **{"network.parameter_bits": bits}) as media:
            units = list(media.stream.units())
            assert psnr(picture(32, 3.0), media.decode()[2]) > 22
        assert HeadFacts.unpack_whole(units[0].payload).network.parameter_bits == bits
        sizes[bits] = sum(len(unit.payload) for unit in units if unit.key.group != STREAM_GROUP)
    assert sizes[8] < sizes[10]


def test_learning_goes_on_after_a_stop(coded: Path, tmp_path: Path) -> None:
    path = tmp_path / "stopped.lam"
    for share in (0.3, 0.6):

        def stop(progress, share=share) -> None:
            if progress.done >= share:
                raise KeyboardInterrupt

        with pytest.raises((Interrupted, KeyboardInterrupt)):
            encode(path, progress=stop)
    encode(path).close()
    assert path.read_bytes() == coded.read_bytes()
