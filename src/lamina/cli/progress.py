# SPDX-License-Identifier: Apache-2.0
"""Progress of a long job: reports enter, a bar (or plain lines) leaves; Ctrl-C stops cleanly."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from lamina.cli.console import has_style, print_warning
from lamina.codec import Progress
from lamina.compiled import Compiling, watched
from lamina.errors import Interrupted

PLAIN_INTERVAL_S = 10.0
"""Between two lines where there is no terminal: a log is for reading afterwards."""

WORTH_SAYING_S = 1.0
"""Of compiling: what takes less needs no explanation."""


@contextmanager
def shown_progress(title: str, *, quiet: bool = False) -> Iterator[ProgressDisplay]:
    """A display for the length of the block. The first Ctrl-C asks the job to stop, the second ends it at once."""
    display = ProgressDisplay(title, quiet=quiet)
    with _stopping_on_interrupt(display), watched(display.show_compiling), display:
        yield display


class ProgressDisplay:
    """Call it with each `Progress`; raises `Interrupted` when the user asked to stop."""

    def __init__(self, title: str, *, quiet: bool = False) -> None:
        self.title = title
        self.stop_requested = False
        self._is_bar = not quiet and has_style(sys.stderr)
        self._is_quiet = quiet
        self._bar: Any = None
        self._started_s = self._said_s = time.monotonic()
        self._first_done: float | None = None
        self._compiled_before_s: float | None = None
        self._compiling_s = 0.0
        self._has_said_compiling = False
        self._problem = ""

    def __call__(self, progress: Progress) -> None:
        """Show where the job is."""
        if self.stop_requested:
            raise Interrupted("Ctrl-C")
        if self._first_done is None:
            self._first_done = progress.done
        if self._bar is not None:
            quality = "" if progress.quality_db is None else f"{progress.quality_db:.2f} dB"
            left = "" if progress.is_endless else f"{self._left(progress.done)} left"
            self._bar.update(0, completed=progress.done, stage=progress.stage, quality=quality, left=left)
        elif not self._is_quiet and time.monotonic() - self._said_s >= PLAIN_INTERVAL_S:
            self._said_s = time.monotonic()
            quality = "" if progress.quality_db is None else f", {progress.quality_db:.2f} dB"
            share = "" if progress.is_endless else f"{100 * progress.done:.0f} %, "
            left = "" if progress.is_endless else f", {self._left(progress.done)} left"
            print(f"{self.title}: {share}{progress.stage}{quality}{left}", file=sys.stderr)

    def show_compiling(self, compiling: Compiling) -> None:
        """A kernel is being compiled, and reports wait for it: say why nothing seems to happen."""
        if compiling.problem:
            self._problem = compiling.problem
            return
        if self._compiled_before_s is None:
            self._compiled_before_s = compiling.seconds
        self._compiling_s = compiling.seconds - self._compiled_before_s
        if self._bar is not None:
            stage = f"compiling for this machine, once: kernel {compiling.number}, {self._compiling_s:.0f} s"
            self._bar.update(0, stage=stage)
        elif not self._is_quiet and self._compiling_s >= WORTH_SAYING_S and not self._has_said_compiling:
            self._has_said_compiling = True
            print(f"{self.title}: compiling for this machine, once (lamina warm does it beforehand)", file=sys.stderr)

    def _left(self, done: float) -> str:
        """Time left, from the speed since this run began; compiling does not go on at that speed."""
        gained = done - (self._first_done or 0.0)
        if gained < 0.005:
            return "-:--"
        seconds = round(max(time.monotonic() - self._started_s - self._compiling_s, 0.0) * max(1 - done, 0.0) / gained)
        hours, minutes = divmod(seconds // 60, 60)
        return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"

    def __enter__(self) -> ProgressDisplay:
        if self._is_bar:
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=28),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("[bold]{task.fields[quality]}"),
                TextColumn("[dim]{task.fields[stage]}"),
                TextColumn("{task.fields[left]}"),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task(self.title, total=1.0, quality="", stage="", left="-:-- left")
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._problem:
            print_warning(self._problem)


@contextmanager
def _stopping_on_interrupt(display: ProgressDisplay) -> Iterator[None]:
    """The job stops where it can be continued; only the main thread may catch signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if display.stop_requested:
            raise KeyboardInterrupt
        display.stop_requested = True
        print("\nstopping where it can be continued (Ctrl-C again: at once) ...", file=sys.stderr)

    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
