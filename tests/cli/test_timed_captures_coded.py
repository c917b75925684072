# SPDX-License-Identifier: Apache-2.0
"""A folder of synchronised cameras reaches a codec of timed captures, with its frames, scale and rate."""

import sys
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina.data.captures import TimedCapture
from lamina.errors import SignalError
from lamina.media.sources import SourceOptions, medium_of_path, signal_of

sys.path.append(str(Path(__file__).parents[1] / "data" / "captures" / "timed"))

from made_captures import NAMES, drawn, ring, write_colmap, write_folders, write_panoptic


@pytest.fixture
def timed_codec(monkeypatch: pytest.MonkeyPatch):
    """Codes as many frames of dots as its source has; nothing else of it is looked at."""
    from puppets import PUPPETS

    import lamina.codecs

    monkeypatch.setattr(lamina.codecs, "CODECS", (PUPPETS,))
    return PUPPETS


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    return write_panoptic(tmp_path / "rig", range(6))


def test_paths_of_rigs_become_timed_captures(rig: Path) -> None:
    assert medium_of_path(rig) == "timed capture"
    signal = signal_of(rig, SourceOptions(frames=(1, 4), scale=0.5, frames_per_second=25))
    assert isinstance(signal, TimedCapture)
    assert (signal.frame_count, signal.first_frame, signal.frames_per_second) == (3, 1, 25)
    assert signal.pixels(0, 0).shape == (32, 48, 3)
    assert signal_of(signal, SourceOptions(frames=(1, 2))).frame_count == 1
    sized = signal_of(rig, SourceOptions(view_size=(24, 16), frames=(0, None)))
    assert next(sized.looks()).pixels.shape == (16, 24, 3)


def test_stills_stay_stills(tmp_path: Path) -> None:
    write_colmap(write_folders(tmp_path, [0]) / "sparse" / "0", [f"{name}/000000.png" for name in NAMES])
    (tmp_path / "images").mkdir()
    for name in NAMES:
        (tmp_path / name).rename(tmp_path / "images" / name)
    assert medium_of_path(tmp_path) == "capture"
    assert signal_of(tmp_path).medium == "capture"
    assert medium_of_path(tmp_path, follow=True) == "timed capture"


def test_following_gives_a_capture_without_an_end(rig: Path) -> None:
    signal = signal_of(rig, SourceOptions(follow=True))
    assert isinstance(signal, TimedCapture)
    assert signal.frame_count is None
    assert signal.wait_for(5, lambda: False)
    with pytest.raises(SignalError, match="no timed capture; expected"):
        signal_of(rig / "ims", SourceOptions(follow=True))


@pytest.mark.usefixtures("timed_codec")
def test_encode_codes_the_frames_that_were_asked_for(run, rig: Path) -> None:
    out = rig.parent / "rig.lam"
    status, output, _ = run("encode", rig, out, "--frames", "2:5", "--scale", "1/2", "--quiet")
    assert status == 0
    assert "3 frames" in output
    with lamina.open(out) as media:
        assert media.frame_count == 3


@pytest.mark.usefixtures("timed_codec")
def test_encode_follows(run, rig: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed = []

    def encode_signal(signal, *others):
        handed.append(signal)
        raise SignalError("enough")

    monkeypatch.setattr("lamina.media.encoding.encode_signal", encode_signal)
    status, _, errors = run("encode", rig, rig.parent / "live.lam", "--follow", "--frames", "0:4", "--quiet")
    assert status != 0
    assert "enough" in errors
    assert [signal.frame_count for signal in handed] == [None]
    assert [handed[0].wait_for(frame, lambda: False) for frame in (3, 4)] == [True, False]


@pytest.mark.usefixtures("timed_codec")
def test_a_range_that_is_not_there_is_one_line(run, rig: Path) -> None:
    status, _, errors = run("encode", rig, rig.parent / "rig.lam", "--frames", "0:9", "--quiet")
    assert (status, len(errors.splitlines())) == (1, 1)
    assert "frames 0:9 are not all there: the capture has frames 0...5" in errors
    assert not (rig.parent / "rig.lam").exists()


def test_the_package_has_them_in_front(rig: Path) -> None:
    capture = lamina.read_timed_capture(rig)
    assert isinstance(capture, lamina.TimedCapture)
    assert np.abs(capture.pixels(2, 3).astype(float) - drawn(ring()[3], 2)[0]).mean() < 3
