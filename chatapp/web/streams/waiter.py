"""A waiter for greenlets: the hub switches straight back, with no lock and no timer between."""

from __future__ import annotations

from gevent import getcurrent
from gevent.hub import get_hub
from greenlet import greenlet

from chatapp.streaming.waiter import Arrived


class GreenletWaiter:
    """See chatapp.streaming.waiter.Waiter. One greenlet waits; any greenlet of the same thread wakes."""

    __slots__ = ("_greenlet", "_hub", "_woken")

    def __init__(self) -> None:
        self._hub = get_hub()
        self._greenlet: greenlet | None = None
        self._woken = False

    def wait(self, arrived: Arrived) -> None:
        if self._woken:
            self._woken = False
            return
        self._greenlet = getcurrent()
        try:
            self._hub.switch()
        finally:
            self._greenlet = None
            self._woken = False

    def wake(self) -> None:
        if self._greenlet is not None and not self._woken:
            self._hub.loop.run_callback(self._greenlet.switch)
        self._woken = True
