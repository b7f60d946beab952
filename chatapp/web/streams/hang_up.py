"""Hang-ups: seen at once by one watcher on the client's socket, where the server gives the socket."""

from __future__ import annotations

import fcntl
import struct
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket

from gevent.hub import get_hub

_READ = 1


@contextmanager
def watched(client: socket | None, hung_up: Callable[[], None]) -> Iterator[None]:
    """Calls `hung_up` once when the client goes away. Without a socket the next write tells instead, which is a
    heartbeat at the latest."""
    if client is None:
        yield
        return
    watcher = get_hub().loop.io(client.fileno(), _READ)

    def readable() -> None:
        # Readable is either the end or a next request sent early. That one stays where it is, and because it
        # would wake us for ever, nothing more is watched.
        watcher.stop()
        if _is_at_end(client.fileno()):
            hung_up()

    watcher.start(readable)
    try:
        yield
    finally:
        watcher.stop()
        watcher.close()


def _is_at_end(descriptor: int) -> bool:
    """Whether a readable socket has nothing to read: its other side has closed or reset it."""
    if descriptor < 0:
        return True
    waiting = fcntl.ioctl(descriptor, termios.FIONREAD, struct.pack("i", 0))
    return bool(struct.unpack("i", waiting)[0] == 0)
