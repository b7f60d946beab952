"""The connections to upstream: how many there may be, and which of them serve again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import httpx2
from gevent.lock import BoundedSemaphore

from chatapp.upstream.connection import Connection
from chatapp.upstream.origin import Origin


class _Idle(NamedTuple):
    """What is known of a connection that waits for its next request."""

    origin: Origin
    since: float


class Pool:
    """At most `size` connections in use; beside them, `kept` wait for a next request, `expiry_s` seconds each."""

    def __init__(self, size: int, kept: int, expiry_s: float) -> None:
        self._free = BoundedSemaphore(size)
        self._kept = kept
        self._expiry_s = expiry_s
        self._used: dict[Connection, Origin] = {}
        self._idle: OrderedDict[Connection, _Idle] = OrderedDict()  # the one that was used last is last
        self._closed = False

    def take(self, origin: Origin, patience_s: float | None, connect: Callable[[], Connection]) -> Connection:
        """An idle connection to `origin`, the one that was used last, or a new one, for `give_back`.

        Raises PoolTimeout when all are in use for `patience_s` seconds, and what `connect` raises.
        """
        if not self._free.acquire(timeout=patience_s):
            raise httpx2.PoolTimeout("every connection to upstream is in use")
        try:
            connection = self._waiting(origin) or connect()
        except BaseException:
            self._free.release()
            raise
        self._used[connection] = origin
        if self._closed:  # perhaps while it was being opened
            self.give_back(connection, reusable=False)
            raise httpx2.ConnectError("the connections to upstream were closed")
        return connection

    def give_back(self, connection: Connection, *, reusable: bool) -> None:
        """The request on it is over; what cannot carry another is closed. A second call does nothing."""
        origin = self._used.pop(connection, None)
        if origin is None:
            return
        self._free.release()
        if reusable and connection.sound:
            self._idle[connection] = _Idle(origin, time.monotonic())
            self._let_go()
        else:
            connection.close()

    def close(self) -> None:
        """Closes all of them, also those in use; there are no new ones from then on."""
        self._closed = True
        for connection in [*self._idle, *self._used]:
            connection.close()
        self._idle.clear()

    def _waiting(self, origin: Origin) -> Connection | None:
        while connection := self._newest(origin):
            idle = self._idle.pop(connection)
            if time.monotonic() - idle.since < self._expiry_s and connection.is_quiet():
                return connection
            connection.close()
        return None

    def _newest(self, origin: Origin) -> Connection | None:
        # Upstream has one origin, if it does not redirect: the first that is looked at is the one.
        return next((each for each, idle in reversed(self._idle.items()) if idle.origin == origin), None)

    def _let_go(self) -> None:
        """Closes what has waited for too long, and the oldest of too many."""
        limit = time.monotonic() - self._expiry_s
        while self._idle:
            oldest = next(iter(self._idle))
            if self._idle[oldest].since > limit and len(self._idle) <= self._kept:
                return
            del self._idle[oldest]
            oldest.close()
