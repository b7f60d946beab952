"""How many answers the simulator began, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stats:
    """Counts of requests for completions since the start."""

    requests: int = 0
    open: int = 0
    finished: int = 0
    """Answered to the end, errors included."""
    aborted: int = 0
    """Not answered to the end: the client left, or a fault cut the answer."""

    def begin(self) -> None:
        self.requests += 1
        self.open += 1

    def end(self, *, whole: bool) -> None:
        self.open -= 1
        if whole:
            self.finished += 1
        else:
            self.aborted += 1
