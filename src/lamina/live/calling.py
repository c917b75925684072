# SPDX-License-Identifier: Apache-2.0
"""A sender with its socket and clock: one thread codes pictures, this one sends the model and hears what came."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lamina.errors import SignalError
from lamina.live.addresses import Address, sending_socket
from lamina.live.outbox import Outbox
from lamina.live.sources import Shot
from lamina.live.syntax import MAX_DATAGRAM_BYTES

ROUND_S = 0.004
"""So often the sender looks at what is due: pieces of the model must not leave in bursts."""
ENDS = 5
"""Times that the end is said: one of them arrives."""


@dataclass
class Call:
    """What became of it."""

    latencies_s: list[float] = field(default_factory=list)
    """From a picture's time to its packet's leaving, a frame."""
    without_face: int = 0
    """Pictures in which there was nothing to code."""
    problem: str = ""
    """Of the last of them."""
    began_s: float | None = None
    """When the first picture was asked for, on the monotonic clock."""
    unsent: int = 0
    """Datagrams that the operating system did not take."""


def call(
    outbox: Outbox,
    shots: Callable[[], Iterator[Shot]],
    address: Address,
    *,
    lead_s: float = 0.0,
    report: Callable[[Call], None] = lambda _: None,
) -> Call:
    """Send until the shots end, or the user stops it.

    For at most `lead_s` the model alone is sent, until the receiver has all of it. `report` is called often; what it
    raises ends the call.

    Raises:
        NetworkError: the receiver's host is not known.
        SignalError: the source cannot be read.
    """
    opened, place = sending_socket(address)
    done, sending = Call(), _Sending(opened, place)
    coding = _Coding(outbox, shots, sending, done)
    with contextlib.closing(opened):
        began_s = time.monotonic()
        try:
            while time.monotonic() - began_s < lead_s and not outbox.has_arrived:
                _turn(outbox, sending)
                report(done)
            done.began_s = time.monotonic()
            coding.start()
            while coding.is_alive():
                _turn(outbox, sending)
                report(done)
        finally:
            coding.stop.set()
            if coding.ident is not None:
                coding.join()
            for _ in range(ENDS):
                sending.send(outbox.end())
                time.sleep(ROUND_S)
        done.unsent = sending.unsent
        if coding.error is not None:
            raise coding.error
    return done


def _turn(outbox: Outbox, sending: _Sending) -> None:
    now_s = time.monotonic()
    for data in sending.heard():
        outbox.take(data, now_s)
    for data in outbox.due(now_s):
        sending.send(data)
    time.sleep(ROUND_S)


class _Sending:
    """A socket to one place."""

    def __init__(self, opened: socket.socket, place: tuple) -> None:
        self._socket, self._place, self.unsent = opened, place, 0

    def send(self, data: bytes) -> None:
        try:
            self._socket.sendto(data, self._place)
        except OSError:
            # A full queue, or no route for now: to the receiver it is one more loss.
            self.unsent += 1

    def heard(self) -> Iterator[bytes]:
        """What came back from there."""
        while True:
            try:
                data, sender = self._socket.recvfrom(MAX_DATAGRAM_BYTES + 1)
            except OSError:
                return
            if sender[:2] == self._place[:2]:
                yield data


class _Coding(threading.Thread):
    """Codes and sends picture after picture."""

    def __init__(self, outbox: Outbox, shots: Callable[[], Iterator[Shot]], sending: _Sending, done: Call) -> None:
        super().__init__(daemon=True)
        self._outbox, self._shots, self._sending, self._done = outbox, shots, sending, done
        self.stop = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for shot in self._shots():
                if self.stop.is_set():
                    return
                self._send(shot)
        except BaseException as error:
            # Raised again in the thread that waits for this one.
            self.error = error

    def _send(self, shot: Shot) -> None:
        try:
            data = self._outbox.frame(shot.pixels, shot.number, time.monotonic())
        except SignalError as error:
            self._done.without_face += 1
            self._done.problem = str(error)
            return
        self._sending.send(data)
        self._done.latencies_s.append(time.monotonic() - shot.seen_s)
