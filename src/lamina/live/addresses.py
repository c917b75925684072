# SPDX-License-Identifier: Apache-2.0
"""`udp://host:port` as a user writes it <-> sockets."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass

from lamina.errors import LaminaError

SCHEME = "udp://"
PLACE = re.compile(r"udp://(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^:\[\]/]*):(?P<port>\d{1,5})/?")
BUFFER_BYTES = 1 << 20
"""Of the operating system, for what comes while a picture is drawn."""


class NetworkError(LaminaError):
    """A host is not known, or a port cannot be had."""


@dataclass(frozen=True)
class Address:
    """A machine and a port."""

    host: str
    """Empty: all of this machine's."""
    port: int

    def __str__(self) -> str:
        return f"{SCHEME}{self.host}:{self.port}"


def address_of(text: str) -> Address:
    """`udp://127.0.0.1:5004`, `udp://:5004`, `udp://[::1]:5004`.

    Raises:
        ValueError: it is none.
    """
    found = PLACE.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 1 << 16:
        raise ValueError(f"{text!r}: expected udp://HOST:PORT, such as udp://127.0.0.1:5004")
    return Address(found["host"], int(found["port"]))


def receiving_socket(address: Address) -> socket.socket:
    """Bound, without waiting.

    Raises:
        NetworkError: the port is taken, or the host is not this machine's.
    """
    family, place = _place(address)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        opened.bind(place)
    except OSError as error:
        opened.close()
        raise NetworkError(f"{address}: {error.strerror or error}; choose another port or host") from error
    opened.setblocking(False)
    return opened


def sending_socket(address: Address) -> tuple[socket.socket, tuple]:
    """A socket, and where to send to.

    Raises:
        NetworkError: the host is not known.
    """
    if not address.host:
        raise NetworkError(f"{address}: to which machine? expected udp://HOST:PORT")
    family, place = _place(address)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    return opened, place


def _place(address: Address) -> tuple[socket.AddressFamily, tuple]:
    host = address.host.strip("[]") or None
    try:
        flags = socket.AI_PASSIVE if host is None else 0
        family = socket.AF_INET if host is None else socket.AF_UNSPEC
        found = socket.getaddrinfo(host, address.port, family, socket.SOCK_DGRAM, 0, flags)[0]
    except OSError as error:
        raise NetworkError(f"{address}: {error.strerror or error}; expected a host that is known here") from error
    return found[0], found[4]
