# SPDX-License-Identifier: Apache-2.0
"""A drawn face whose pose is known is found where it is; what cannot be tracked is refused by frame and reason."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="finding faces needs LiteRT: pip install 'lamina[head]'")
sys.path.append(str(Path(__file__).parents[2] / "codecs" / "head"))
from drawn_face import SIDE_PX, behind, drawn_clip, frames, moment

from lamina.data import open_clip
from lamina.data.faces.alignment import TURNED, expression_of, rotation_of, vector_of
from lamina.data.faces.detection import detect_faces
from lamina.data.faces.identity import landmark_model
from lamina.data.faces.landmarks import BLENDSHAPES, crop_of_box, find_landmarks
from lamina.data.faces.person import person_mask
from lamina.data.faces.shape import person_of
from lamina.data.faces.template import Region, face_template
from lamina.data.faces.tracking import FaceTracker, FaceWatcher, watched
from lamina.errors import SignalError

REAL = Path(os.environ.get("LAMINA_DATA", Path(__file__).parents[3].parent / "shared" / "data")) / "faces"


def test_the_template_is_whole() -> None:
    template = face_template()
    assert len(template.sample_corners) == len(template.sample_regions) == len(template.sample_ranks) == 16_384
    assert template.sample_corners.max() < len(template.neutral)
    assert (template.sample_weights.astype(int).sum(axis=1) == 255).all()
    assert sorted(template.sample_ranks) == list(range(16_384))
    assert template.expression.shape == (53, *template.neutral.shape)
    assert len(template.digest) == 8


def test_any_beginning_of_the_places_has_its_share_of_each_region() -> None:
    regions = face_template().sample_regions
    whole = np.bincount(regions, minlength=len(Region)) / len(regions)
    for count in (500, 2_000, 9_000):
        np.testing.assert_allclose(np.bincount(regions[:count], minlength=len(Region)) / count, whole, atol=0.01)


def test_rotations_and_vectors_are_inverse() -> None:
    chance = np.random.default_rng(0)
    for _ in range(20):
        vector = chance.uniform(-1.5, 1.5, 3)
        np.testing.assert_allclose(vector_of(rotation_of(vector)), vector, atol=1e-9)


def test_blendshapes_have_the_names_of_expressions() -> None:
    scores = np.arange(52.0)
    found = expression_of(scores)
    names = face_template().expression_names
    assert found[names.index("jawOpen")] == BLENDSHAPES.index("jawOpen")
    assert found[names.index("eyeBlink_L")] == BLENDSHAPES.index("eyeBlinkLeft")
    assert found[names.index("browInnerUp_L")] == found[names.index("browInnerUp_R")] == 3
    assert (found > 0).all(), "every expression has its score"


def test_a_drawn_face_is_tracked_as_it_moves() -> None:
    pictures = frames(12)
    seen = list(watched(iter(pictures), "drawn"))
    person, pinhole = person_of([observation for _, observation in seen], SIDE_PX, SIDE_PX)
    tracker = FaceTracker(person, pinhole, SIDE_PX, SIDE_PX)
    faces = [tracker.track(*one) for one in seen]
    turned = np.stack([vector_of(face.pose.rotation @ TURNED.T) for face in faces])
    known = np.stack([moment(frame)[:3].numpy() for frame in range(12)])
    # It nods by 5 degrees, turns by 11: at 128 pixels a nod is a fraction of a pixel.
    for axis, least in ((0, 0.75), (1, 0.95)):
        assert np.corrcoef(turned[:, axis], known[:, axis])[0, 1] > least
    jaw = face_template().expression_names.index("jawOpen")
    opened = [face.pose.expression[jaw] for face in faces]
    expected = [0.3 + 0.3 * np.sin(frame * 0.9) for frame in range(12)]
    assert np.corrcoef(opened, expected)[0, 1] > 0.85
    assert max(face.residual_px for face in faces) < 2.0


def test_landmarks_agree_whatever_the_crop() -> None:
    picture = frames(12)[0]
    crop = crop_of_box(detect_faces(picture)[0])
    first = find_landmarks(picture, crop)
    turned = find_landmarks(picture, type(crop)(crop.center_px, 1.1 * crop.side_px, crop.angle + 0.15))
    assert first.presence > 0.9
    assert np.median(np.linalg.norm(first.points_px - turned.points_px, axis=1)) < 1.5


def test_the_mask_is_the_person() -> None:
    mask = person_mask(frames(12)[0], SIDE_PX, SIDE_PX)
    assert mask.shape == (SIDE_PX, SIDE_PX)
    assert mask[SIDE_PX // 2, SIDE_PX // 2] > 0.9
    assert mask[4, 4] < 0.1


def test_what_has_no_face_is_refused() -> None:
    wall = np.rint(255 * behind(SIDE_PX, SIDE_PX)).astype(np.uint8)
    with pytest.raises(SignalError, match=r"clip: frame 0: no face found; expected one person"):
        FaceWatcher().look(wall)


def test_two_faces_are_refused() -> None:
    picture = frames(12)[0]
    with pytest.raises(SignalError, match=r"frame 0: 2 faces; expected one: crop the clip"):
        FaceWatcher().look(np.concatenate([picture, picture], axis=1))


def test_a_face_that_leaves_is_told_by_its_frame() -> None:
    wall = np.rint(255 * behind(SIDE_PX, SIDE_PX)).astype(np.uint8)
    watcher = FaceWatcher("talk.mp4", first=40)
    for picture in frames(12)[:3]:
        watcher.look(picture)
    with pytest.raises(SignalError, match=r"talk.mp4: frame 43: the face is lost"):
        watcher.look(wall)


def test_another_pose_than_any_is_refused() -> None:
    seen = list(watched(iter(frames(12)), "drawn"))
    person, pinhole = person_of([observation for _, observation in seen], SIDE_PX, SIDE_PX)
    points, observation = seen[0]
    chance = np.random.default_rng(1)
    scattered = type(observation)(chance.uniform(0, SIDE_PX, (468, 2)), observation.scores)
    with pytest.raises(SignalError, match="the face fits no pose of the person"):
        FaceTracker(person, pinhole, SIDE_PX, SIDE_PX).track(points, scattered)


def test_landmarks_of_the_mean_head_are_on_it() -> None:
    template, landmarks = face_template(), landmark_model().neutral
    away = np.linalg.norm(landmarks[:, None] - template.vertices[None], axis=2).min(axis=1)
    assert np.median(away) < 0.3


@pytest.mark.data
@pytest.mark.parametrize("name", ["german_20s_512", "liveportrait_d10"])
def test_real_faces_are_tracked_to_a_pixel(name: str) -> None:
    path = REAL / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    clip = open_clip(path, frame_range=(0, 60))
    seen = list(watched(clip.frames(), name))
    person, pinhole = person_of([observation for _, observation in seen], clip.width, clip.height)
    tracker = FaceTracker(person, pinhole, clip.width, clip.height, name)
    residuals = [tracker.track(*one).residual_px for one in seen]
    assert np.median(residuals) < 1.2


def test_tracking_opens_no_connection(tmp_path: Path) -> None:
    code = (
        "import socket, sys\n"
        f"sys.path.append({str(Path(__file__).parents[2] / 'codecs' / 'head')!r})\n"
        "def refused(*_, **__): raise AssertionError('a connection')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refused\n"
        "from drawn_face import frames\n"
        "from lamina.data.faces.tracking import watched\n"
        "print(len(list(watched(iter(frames(2)), 'x'))), 'mediapipe' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["2", "False"]


def test_the_drawn_clip_is_the_same_each_time() -> None:
    assert drawn_clip().fingerprint() == drawn_clip().fingerprint()
