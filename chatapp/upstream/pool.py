"""The connections to upstream: how many there may be, and which of them serve again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

import httpx2
from gevent.lock import BoundedSemaphore

from chatapp.upstream.connection import Connection


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Pool:
    """At most `size` connections in use; `kept` of them wait for the next request, `expiry_s` seconds each."""

    def __init__(self, size: int, kept: int, expiry_s: float) -> None:
        self._free = BoundedSemaphore(size)
        self._kept = kept
        self._expiry_s = expiry_s
        self._idle: defaultdict[Origin, list[tuple[float, Connection]]] = defaultdict(list)
        self._used: set[Connection] = set()

    def take(self, origin: Origin, patience_s: float | None, connect: Callable[[], Connection]) -> Connection:
        """An idle connection, the one that was used last, or a new one. Raises PoolTimeout when all are in use
        for `patience_s` seconds, and what `connect` raises."""
        if not self._free.acquire(timeout=patience_s):
            raise httpx2.PoolTimeout("every connection to upstream is in use")
        try:
            connection = self._waiting(origin) or connect()
        except BaseException:
            self._free.release()
            raise
        self._used.add(connection)
        return connection

    def give_back(self, origin: Origin, connection: Connection, *, reusable: bool) -> None:
        """The request on it is over; what cannot carry another is closed. A second call does nothing."""
        if connection not in self._used:
            return
        self._used.remove(connection)
        self._free.release()
        if not reusable or connection.closed:
            connection.close()
            return
        self._idle[origin].append((time.monotonic(), connection))
        self._let_go()

    def close(self) -> None:
        """Closes all of them, also those in use."""
        waiting = [connection for each in self._idle.values() for _, connection in each]
        self._idle.clear()
        for connection in [*waiting, *self._used]:
            connection.close()

    def _waiting(self, origin: Origin) -> Connection | None:
        idle = self._idle[origin]
        while idle:
            since, connection = idle.pop()
            if time.monotonic() - since < self._expiry_s and connection.is_quiet():
                return connection
            connection.close()
        return None

    def _let_go(self) -> None:
        """Closes what has waited for too long, and the oldest of too many."""
        limit = time.monotonic() - self._expiry_s
        for origin, idle in list(self._idle.items()):
            while idle and (idle[0][0] < limit or len(idle) > self._kept):
                idle.pop(0)[1].close()
            if not idle:
                del self._idle[origin]
