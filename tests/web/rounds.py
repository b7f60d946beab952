"""The rounds of the event loop: how often others had their turn."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gevent import get_hub

_TO_READ = 1


class Rounds:
    """How many rounds looked at the sockets so far."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        self.count += 1


@contextmanager
def rounds() -> Iterator[Rounds]:
    """Counts them: a socket that always has something to read is told of once in each."""
    ours, theirs = socket.socketpair()
    counted = Rounds()
    watcher = get_hub().loop.io(ours.fileno(), _TO_READ)
    with ours, theirs:
        theirs.send(b"x")
        watcher.start(counted.note)
        yield counted
        watcher.stop()
        watcher.close()
