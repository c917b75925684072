# SPDX-License-Identifier: Apache-2.0
"""A receiver with its socket and clock: datagrams enter, pictures go to a screen, what came is told the sender."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import UInt8

from lamina.codec import Model
from lamina.live.inbox import Inbox
from lamina.live.syntax import MAX_DATAGRAM_BYTES

WAIT_S = 0.005
START_S = 60.0
"""A sender may begin so much later."""
MOST_AT_ONCE = 256
"""Datagrams that are taken before pictures have their turn."""
LONGEST_GAP_FRAMES = 250
"""A gap in numbers is filled with the picture before it, but no longer than this."""


class Screen(Protocol):
    """Where pictures go."""

    @property
    def takes_all(self) -> bool:
        """Every frame in its turn; otherwise the newest, when there is time."""
        ...

    @property
    def is_closed(self) -> bool:
        """Nobody looks any more."""
        ...

    def show(self, pixels: UInt8[np.ndarray, "h w 3"], repeats: int) -> None:
        """A picture, after the one before was shown so many times more for frames that were lost."""
        ...


@dataclass
class Watched:
    """What was shown."""

    shown: int = 0
    lost: int = 0
    """Frames that did not come: the one before was shown instead."""
    skipped: int = 0
    """That came, but were not drawn for want of time."""
    drawing_s: float = 0.0
    """Spent on drawing those that were shown."""
    first_s: float | None = None
    """From the first datagram to the first picture."""


def watch(
    inbox: Inbox,
    opened: socket.socket,
    screen: Screen,
    *,
    idle_s: float,
    report: Callable[[Watched], None] = lambda _: None,
) -> Watched:
    """Show what comes until the sender ends, nothing came for `idle_s`, or the screen is closed.

    `report` is called often; what it raises ends it.
    """
    watched, peer = Watched(), None
    heard_s = time.monotonic()
    began_s: float | None = None
    last: int | None = None
    while not screen.is_closed:
        select.select([opened], [], [], WAIT_S)
        now_s = time.monotonic()
        for data, sender in _taken(opened):
            if inbox.take(data, now_s):
                peer, heard_s = sender, now_s
                began_s = now_s if began_s is None else began_s
        said = inbox.feedback(now_s)
        if said is not None and peer is not None:
            _send(opened, said, peer)
        due = inbox.due(now_s)
        patience_s = idle_s if began_s is not None else max(idle_s, START_S)
        is_over = now_s - heard_s > patience_s or inbox.ended
        if is_over:
            due += inbox.flush()
        last = _shown(inbox, screen, due, last, watched)
        if watched.first_s is None and watched.shown and began_s is not None:
            watched.first_s = time.monotonic() - began_s
        report(watched)
        if is_over:
            break
    return watched


def _shown(
    inbox: Inbox, screen: Screen, due: list[tuple[int, Model]], last: int | None, watched: Watched
) -> int | None:
    """Draw what is due; the number of the last frame."""
    if not screen.takes_all and len(due) > 1:
        watched.skipped += len(due) - 1
        due = due[-1:]
    for number, model in due:
        began_s = time.monotonic()
        pixels = _drawn(inbox, model)
        watched.drawing_s += time.monotonic() - began_s
        if pixels is None:
            continue
        gap = 0 if last is None or number <= last else number - last - 1
        gap = gap if gap <= LONGEST_GAP_FRAMES else 0
        screen.show(pixels, gap)
        watched.shown += 1
        watched.lost += gap
        last = number
    return last


def _drawn(inbox: Inbox, model: Model) -> UInt8[np.ndarray, "h w 3"] | None:
    import torch

    assert inbox.codec is not None
    try:
        with torch.inference_mode():
            pixels = inbox.codec.render(model, model.view).float().cpu().numpy()
    except ValueError:
        # Only Gaussians that nobody would have sent cannot be drawn.
        inbox.received.damaged += 1
        return None
    with np.errstate(invalid="ignore"):
        return np.clip(np.rint(pixels * np.float32(255.0)), 0, 255).astype(np.uint8)


def _taken(opened: socket.socket) -> list[tuple[bytes, tuple]]:
    found: list[tuple[bytes, tuple]] = []
    while len(found) < MOST_AT_ONCE:
        try:
            found.append(opened.recvfrom(MAX_DATAGRAM_BYTES + 1))
        except OSError:
            break
    return found


def _send(opened: socket.socket, data: bytes, place: tuple) -> None:
    try:
        opened.sendto(data, place)
    except OSError:
        # The next one says the same.
        return
