"""Waiters: how a subscriber sleeps until there is something to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

Arrived = Callable[[], bytes | None]
"""Gives what a reader can be sent as it is: frames, nothing, or None when its subscriber has to go on itself."""


class Waiter(Protocol):
    """Sleeps in `wait` until `wake` has been called since the last `wait`; a wake is never lost."""

    def wait(self, arrived: Arrived) -> None:
        """A waiter that knows a shorter way to the reader may sleep on when it is woken, and send what `arrived`
        gives, until that is None. All others pass `arrived` over."""

    def wake(self) -> None: ...


class ThreadWaiter:
    """A waiter for plain threads, and for greenlets where threading is patched."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wait(self, arrived: Arrived | None = None) -> None:
        self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()
