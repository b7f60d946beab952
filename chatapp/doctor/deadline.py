"""How long something may still take."""

from __future__ import annotations

import time

from chatapp.doctor.plain import seconds
from chatapp.doctor.trouble import TooLong


class Deadline:
    """Begins when it is made."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self._ends = time.monotonic() + patience_s

    def left(self) -> float:
        """Seconds, more than 0. Raises TooLong when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise self.over()
        return left

    def over(self) -> TooLong:
        """The error to raise where a wait came to its end."""
        return TooLong(f"no end after {seconds(self.patience_s)} (--patience)")
