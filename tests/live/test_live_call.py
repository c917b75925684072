# SPDX-License-Identifier: Apache-2.0
"""A whole call over this machine's own network: a drawn face is learnt, sent, received and looked at."""

import socket
import threading
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from call_samples import head_units
from drawn_face import drawn_clip

from lamina.bitstream import write_stream
from lamina.cli import main
from lamina.codec import LiveChoices, Session
from lamina.codecs import codec_of_wire_id
from lamina.codecs.head import CODEC
from lamina.codecs.head.config import HeadConfig
from lamina.data import open_clip
from lamina.errors import SignalError
from lamina.live.addresses import Address, NetworkError, address_of, receiving_socket
from lamina.live.calling import Call, call
from lamina.live.inbox import Inbox
from lamina.live.outbox import Outbox, once_of
from lamina.live.pieces import pieces_of
from lamina.live.screens import ClipScreen
from lamina.live.sources import camera_shots, clip_shots, fitted
from lamina.live.watching import watch
from lamina.metrics import psnr
from lamina.units import Unit

FRAMES = 20
needs_litert = pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="needs pip install 'lamina[head]'")


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def learnt() -> list[Unit]:
    default = HeadConfig()
    config = replace(
        default,
        model_only=True,
        shape=replace(default.shape, mesh_gaussians=1500, free_gaussians=300, background_bytes=1000),
        learning=replace(default.learning, steps=150, side_px=96),
        motion=replace(default.motion, dimensions=6, torso_components=2, side_px=96),
    )
    return list(CODEC.encode(CODEC.fit(drawn_clip(), config, Session())))


@needs_litert
def test_a_call_arrives(learnt: list[Unit], tmp_path: Path) -> None:
    units, clip, address = once_of(learnt), drawn_clip(FRAMES), Address("127.0.0.1", free_port())
    outbox = Outbox(CODEC.live.coder(units, LiveChoices()), pieces_of(CODEC.wire_id, units), 4e6)  # pyright: ignore[reportOptionalMemberAccess]
    inbox, sent = Inbox(codec_of_wire_id), list[Call]()

    def send() -> None:
        sent.append(call(outbox, lambda: clip_shots(clip, (clip.width, clip.height), every=True), address, lead_s=20))

    with receiving_socket(address) as opened, ClipScreen(tmp_path / "seen.y4m", lambda: Fraction(25)) as screen:
        sender = threading.Thread(target=send)
        sender.start()
        watched = watch(inbox, opened, screen, idle_s=20)
        sender.join()
    assert inbox.has_model
    assert watched.shown + watched.lost == FRAMES
    assert watched.lost <= 2
    assert inbox.received.damaged == 0
    assert len(sent[0].latencies_s) == FRAMES
    seen = list(open_clip(tmp_path / "seen.y4m").frames())
    scores = [psnr(one, other) for one, other in zip(clip.frames(), seen, strict=True)]
    held = [psnr(next(clip.frames()), other) for other in seen]
    assert np.mean(scores) > 22
    assert np.mean(scores) > np.mean(held) + 1, "it moves as the clip does"


@needs_litert
def test_pictures_without_a_face_send_nothing_and_the_call_goes_on(learnt: list[Unit]) -> None:
    coder = CODEC.live.coder(once_of(learnt), LiveChoices(bits_per_second=2000))  # pyright: ignore[reportOptionalMemberAccess]
    pictures = list(drawn_clip(8).frames())
    assert coder.code(pictures[0], 0, None)
    with pytest.raises(SignalError, match="face"):
        coder.code(np.full_like(pictures[0], 128), 1, None)
    sizes = [len(coder.code(pixels, 2 + number, number + 1)) for number, pixels in enumerate(pictures[1:])]
    assert np.mean(sizes[1:]) < 1.25 * 2000 / 8 / 25, "after the first few it keeps to its rate"
    assert coder.check(1) is None
    assert coder.check(2) is not None


def test_shots_come_at_their_times_and_late_ones_do_not() -> None:
    now_s = [100.0]
    clip = drawn_clip(12)
    numbers = []
    for shot in clip_shots(clip, (64, 64), clock=lambda: now_s[0]):
        numbers.append(shot.number)
        now_s[0] = max(now_s[0], shot.seen_s) + 0.1
    assert numbers[0] == 0
    assert len(numbers) < 8
    assert numbers == sorted(set(numbers))
    ready = [number for number in range(3)]
    shots = list(camera_shots(iter([np.zeros((8, 8, 3), np.uint8) for _ in ready]), (4, 4), Fraction(25)))
    assert 0 <= len(shots) <= 3


def test_pictures_are_cut_to_the_shape_of_the_model() -> None:
    wide = np.zeros((40, 100, 3), np.uint8)
    wide[:, 30:70] = 200
    assert (fitted(wide, 20, 20) == 200).all()
    with pytest.raises(SignalError, match="use a larger source"):
        fitted(wide, 50, 50)


@pytest.mark.parametrize(
    "text", ["127.0.0.1:5004", "udp://host", "udp://:0", "udp://:99999", "tcp://a:1", "udp://a b:x"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="udp://HOST:PORT"):
        address_of(text)


def test_a_port_that_is_taken_is_said() -> None:
    address = Address("127.0.0.1", free_port())
    with receiving_socket(address), pytest.raises(NetworkError, match="choose another port"):
        receiving_socket(address)
    assert str(address_of("udp://[::1]:5004")) == "udp://[::1]:5004"


@pytest.fixture(scope="module")
def file_of_a_head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, units = tmp_path_factory.mktemp("heads") / "anna.lam", head_units()
    write_stream(path, CODEC.facts(units[0].payload), units)
    return path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["head", "send", "ANNA", "--source", "0", "--to", "127.0.0.1:1"], "expected udp://HOST:PORT"),
        (["head", "send", "none.lam", "--source", "0", "--to", "udp://127.0.0.1:9"], "no such file"),
        (["planar", "send", "ANNA", "--source", "0", "--to", "udp://127.0.0.1:9"], "is of codec head"),
        (["send", "ANNA", "--source", "none.mp4", "--to", "udp://127.0.0.1:9"], "none.mp4: no such file"),
        (["send", "ANNA", "--source", "97", "--to", "udp://127.0.0.1:9"], "camera 97"),
        (["planar", "receive", "--from", "udp://:9", "--out", "a.mp4"], "codes nothing live"),
        (["nobody", "receive", "--from", "udp://:9", "--out", "a.mp4"], "there is no codec 'nobody'"),
        (["receive", "--from", "udp://198.51.100.1:9", "--out", "a.mp4"], "choose another port or host"),
    ],
)
def test_errors_are_one_line(
    words: list[str], said: str, file_of_a_head: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([str(file_of_a_head) if word == "ANNA" else word for word in words])
    error = capsys.readouterr().err.strip()
    assert status in (1, 2)
    assert said in error
    assert "\n" not in error
    assert "a mistake of ours" not in error
