# SPDX-License-Identifier: Apache-2.0
"""A drawn face is learnt and coded in seconds; a learnt head is taken over for another clip; what cannot be is said."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="finding faces needs LiteRT: pip install 'lamina[head]'")
sys.path.append(str(Path(__file__).parent))
from drawn_face import drawn_clip, picture

import lamina
from lamina.codec import Choices
from lamina.codecs.head import CODEC
from lamina.codecs.head.config import PRESETS, HeadConfig
from lamina.codecs.head.fit.components import components_of, torso_components_of
from lamina.codecs.head.fit.rate import STAY, RunBudget, steady
from lamina.codecs.head.person import OFFSET_STEP_CM, pack_person, unpack_person
from lamina.data import clip_from_frames
from lamina.data.faces.identity import Person, landmark_model
from lamina.errors import SignalError
from lamina.metrics import psnr
from lamina.units import STREAM_GROUP

QUICK = {
    "group_frames": 6,
    "shape.mesh_gaussians": 1200,
    "shape.free_gaussians": 500,
    "shape.background_bytes": 1_000,
    "learning.steps": 250,
    "learning.side_px": 96,
    "motion.dimensions": 8,
    "motion.torso_components": 3,
    "motion.steps": 4,
    "motion.side_px": 96,
}


def encode(path: Path, clip=None, **fields):
    return lamina.encode(clip or drawn_clip(), path, codec="head", **{**QUICK, **fields})


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("head") / "drawn.lam"
    encode(path).close()
    return path


def test_the_face_is_there_at_each_level(coded: Path) -> None:
    with lamina.open(coded) as media:
        base, best = lamina.compare(media, drawn_clip())
    assert best.psnr > base.psnr > 18
    assert best.psnr > 23
    assert base.bytes < 0.5 * best.bytes


def test_it_moves_as_the_face_did(coded: Path) -> None:
    with lamina.open(coded) as media:
        frames = media.decode()
    for frame in (2, 5, 9):
        own, other = psnr(picture(frame), frames[frame]), psnr(picture(frame), frames[(frame + 5) % 12])
        assert own > other + 1


def test_cameras_go_around_it(coded: Path) -> None:
    with lamina.open(coded) as media:
        model = media.model(3)
        left, middle, right = (media.render(model.cameras[number], model=model) for number in (0, 4, 8))
        front = media.render(model=model)
    np.testing.assert_array_equal(front, middle)
    assert psnr(front, left) < 25
    assert psnr(left, right) < 25


def test_a_head_is_taken_over_for_another_clip(coded: Path, tmp_path: Path) -> None:
    other = clip_from_frames([picture(frame, 3.0) for frame in (30, 31, 32, 33)])
    with encode(tmp_path / "call.lam", other, model=coded) as media, lamina.open(coded) as learnt:
        assert media.frame_count == 4
        own = [unit.payload for unit in media.stream.units() if unit.key.group == STREAM_GROUP]
        theirs = [unit.payload for unit in learnt.stream.units() if unit.key.group == STREAM_GROUP]
        assert own[1:] == theirs[1:]
        assert psnr(picture(33, 3.0), media.render(frame=3)) > 20


def test_the_head_alone_has_one_frame(coded: Path, tmp_path: Path) -> None:
    with encode(tmp_path / "anna.lam", model_only=True) as media:
        assert media.frame_count == 1
        assert media.level_count == 2
        assert psnr(picture(0), media.render()) > 20


def test_frames_keep_to_a_rate(tmp_path: Path, coded: Path) -> None:
    with encode(tmp_path / "rated.lam", bits_per_second=3_000, model=coded) as media:
        sizes = [len(unit.payload) for unit in media.stream.units() if unit.key.group >= 0]
        seconds = media.frame_count / 25
    assert 8 * sum(sizes) / seconds <= 3_000


def test_what_cannot_be_is_said(coded: Path, tmp_path: Path) -> None:
    with pytest.raises(SignalError, match="4 frames to learn from; a head needs at least 8"):
        encode(tmp_path / "short.lam", clip_from_frames([picture(frame) for frame in range(4)]))
    with pytest.raises(SignalError, match=r"its head has 2 layers, 1 were asked for: --layers 2"):
        encode(tmp_path / "layers.lam", model=coded, layers=1)
    wide = clip_from_frames([np.pad(picture(frame), ((0, 0), (16, 16), (0, 0))) for frame in range(3)])
    with pytest.raises(SignalError, match=r"160x128 pixels, the head is of 128x128: crop or scale"):
        encode(tmp_path / "wide.lam", wide, model=coded)
    still = tmp_path / "still.lam"
    lamina.encode(picture(0), still, preset="fast", layers=1, size_bytes=600).close()
    with pytest.raises(SignalError, match="holds no head; expected a file of lamina encode --codec head"):
        encode(tmp_path / "none.lam", model=still)
    with pytest.raises(SignalError, match="no such file; expected a file with the person's head"):
        encode(tmp_path / "missing.lam", model=tmp_path / "nobody.lam")


def test_configurations_are_checked() -> None:
    for field, value in (("level_count", 9), ("group_frames", 0), ("bits_per_second", -1.0)):
        with pytest.raises(ValueError, match=field):
            HeadConfig(**{field: value})
    assert CODEC.configure(Choices("fast")).learning.steps < PRESETS["default"].learning.steps
    assert HeadConfig(level_count=3).layer_ends(1000)[-1] == 1000
    assert list(HeadConfig(level_count=3).layer_ends(1000)) == sorted(HeadConfig(level_count=3).layer_ends(1000))


def test_components_bring_back_what_they_hold() -> None:
    chance = np.random.default_rng(0)
    few = chance.normal(size=(40, 3)) @ chance.uniform(0, 0.3, (3, 53)) + 0.2
    components = components_of(few.astype(np.float32), 4)
    mean, basis = components.reals
    again = components.project(few.astype(np.float32)) @ basis + mean
    assert np.abs(again - few).max() < 0.02
    nodes = chance.normal(size=(30, 2)) @ chance.normal(size=(2, 192))
    torso = torso_components_of(nodes.astype(np.float32), 3)
    assert np.abs(torso.project(nodes.astype(np.float32)) @ torso.reals - nodes).max() < 0.05


def test_who_it_is_comes_back() -> None:
    chance = np.random.default_rng(1)
    model = landmark_model()
    person = Person(chance.normal(size=len(model.identity)), chance.normal(size=model.neutral.shape) * 0.2)
    found = unpack_person(pack_person(person))
    assert np.abs(found.identity - person.identity).max() <= 0.026
    assert np.abs(found.offsets - person.offsets).max() <= OFFSET_STEP_CM / 2 + 1e-9


def test_what_wavers_stays() -> None:
    steps = np.ones(1, np.float32)
    rows = np.array([[0.0], [0.6], [-0.6], [0.7], [2.2], [1.6]], np.float32)
    assert steady(rows, steps).ravel().tolist() == [0, 0, 0, 1, 2, 2]
    assert 0.5 < STAY < 1


def test_what_was_saved_may_be_spent() -> None:
    from fractions import Fraction

    budget = RunBudget(8_000.0, Fraction(25), 0, 0)
    assert budget.bytes_for(25) == 1_000
    budget.spend(25, 400)
    assert budget.bytes_for(25) == 1_600
    budget.spend(25, 5_000)
    assert budget.bytes_for(25) == 500, "half of its own is left to every run"
    assert RunBudget(None, Fraction(25), 0, 0).bytes_for(10) is None
