"""Waiters: how a subscriber sleeps until there is something to do."""

from __future__ import annotations

import threading
from typing import Protocol


class Waiter(Protocol):
    """Sleeps in `wait` until `wake` has been called since the last `wait`; a wake is never lost."""

    def wait(self) -> None: ...

    def wake(self) -> None: ...


class ThreadWaiter:
    """A waiter for plain threads, and for greenlets where threading is patched."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wait(self) -> None:
        self._woken.wait()
        self._woken.clear()

    def wake(self) -> None:
        self._woken.set()
