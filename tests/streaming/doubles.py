"""A double for what a subscriber waits with."""

from __future__ import annotations

from collections.abc import Callable

from chatapp.streaming.waiter import Arrived


class ScriptedWaiter:
    """Instead of sleeping, does the next thing that happens while a subscriber would sleep."""

    def __init__(self, *happenings: Callable[[], None]) -> None:
        self._happenings = list(happenings)
        self.woken = 0

    def wait(self, arrived: Arrived) -> None:
        self._happenings.pop(0)()

    def wake(self) -> None:
        self.woken += 1
