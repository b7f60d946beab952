"""Moving windows in this process's memory: when each thing happened, for as long as it counts."""

from __future__ import annotations

import time
from bisect import bisect_right
from dataclasses import dataclass, field

from chatapp.streaming.subscriber import Clock

MOST_KEYS = 100_000
"""Windows that are kept. Who fills more than these at once makes the oldest forgotten, and the memory no larger."""
_LOOKED_AT = 2
"""Windows that are looked at whenever one is made: more than one, so that the dead never outnumber the living."""


@dataclass(slots=True)
class _Window:
    length_s: float
    moments: list[float] = field(default_factory=list)

    def forget_all_but_the_last(self, now: float) -> None:
        """Forgets what was longer ago than the window is long, and what lies ahead since the clock was set back."""
        del self.moments[bisect_right(self.moments, now) :]
        del self.moments[: bisect_right(self.moments, now - self.length_s)]


class Windows:
    """Keeps to what limits' own storages promise, without their timers, and in bounded memory: the one that the
    library brings keeps every key for ever, and walks through all of them after each."""

    def __init__(self, clock: Clock = time.time, most_keys: int = MOST_KEYS) -> None:
        self._clock = clock
        self._most_keys = most_keys
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    def acquire(self, key: str, limit: int, length_s: float, amount: int = 1) -> bool:
        """Whether `amount` more fit among the `limit` of the last `length_s` seconds; then they count."""
        now = self._clock()
        window = self._windows.get(key)
        if window is None:
            self._make_room(now)
            window = self._windows[key] = _Window(length_s)
        window.forget_all_but_the_last(now)
        if len(window.moments) + amount > limit:
            return False
        window.moments += [now] * amount
        return True

    def stand(self, key: str) -> tuple[float, int]:
        """When the oldest happened that still counts (now, if there is none), and how many do."""
        now, window = self._clock(), self._windows.get(key)
        if window is None:
            return now, 0
        window.forget_all_but_the_last(now)
        return (window.moments[0], len(window.moments)) if window.moments else (now, 0)

    def forget(self, key: str) -> None:
        self._windows.pop(key, None)

    def clear(self) -> None:
        self._windows.clear()

    def _make_room(self, now: float) -> None:
        for key in [key for key, _ in zip(self._windows, range(_LOOKED_AT), strict=False)]:
            window = self._windows.pop(key)
            window.forget_all_but_the_last(now)
            if window.moments:
                self._windows[key] = window  # at the end: the others are looked at before it comes again
        while len(self._windows) >= self._most_keys:
            del self._windows[next(iter(self._windows))]
