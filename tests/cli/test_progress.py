# SPDX-License-Identifier: Apache-2.0
"""Progress is a bar on a terminal and lines elsewhere; Ctrl-C stops at the next report."""

import os
import signal

import pytest

from lamina.cli import progress as progress_module
from lamina.cli.progress import shown_progress
from lamina.codec import Progress
from lamina.compiled import Compiling
from lamina.errors import Interrupted


def test_lines_say_quality_and_time_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: float(next(clock)))
    with shown_progress("photo.lam") as progress:
        progress(Progress(0.0, "placing", None))
        progress(Progress(0.5, "level 2", 31.25))
    first, second = capsys.readouterr().err.splitlines()
    assert first == "photo.lam: 0 %, placing, -:-- left"
    assert second.startswith("photo.lam: 50 %, level 2, 31.25 dB, 1:")


def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress("photo.lam", quiet=True) as progress:
        progress(Progress(0.5, "level 2", 31.25))
    assert capsys.readouterr().err == ""


def test_the_first_interrupt_stops_at_the_next_report(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with shown_progress("clip.lam", quiet=True) as progress:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interrupted):
            progress(Progress(0.1, "frame 1"))
    assert signal.getsignal(signal.SIGINT) is before
    assert "stopping" in capsys.readouterr().err


def test_the_second_interrupt_ends_at_once() -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with shown_progress("clip.lam", quiet=True):
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_compiling_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress("photo.lam") as progress:
        for number, seconds in enumerate((3.0, 3.5, 4.5, 9.0)):
            progress.show_compiling(Compiling("sweep", number, seconds))
    assert capsys.readouterr().err == "photo.lam: compiling for this machine, once (lamina warm does it beforehand)\n"


def test_a_display_that_is_quiet_still_warns(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress("photo.lam", quiet=True) as progress:
        progress.show_compiling(Compiling("sweep", 1, 30.0))
        progress.show_compiling(Compiling("", 1, 31.0, "not kept"))
    assert capsys.readouterr().err == "lamina: warning: not kept\n"
