"""The simulator's clock: when the next token is due, and whether anybody still waits for it."""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

_LOOK_S = 0.1
"""How long a wait goes on before the client is looked after again."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the simulated model answers."""

    first_token_s: float = 0.3
    tokens_per_s: float = 40.0
    """May be math.inf: as fast as it goes."""


class Clock:
    """Waits on behalf of one answer. `hung_up` tells whether its client has left."""

    def __init__(self, sleep: Callable[[float], object], hung_up: Callable[[], bool]) -> None:
        self._sleep = sleep
        self._hung_up = hung_up
        self._due = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Waits until `seconds` after the last wait was due, so that a rate is kept on the whole.

        Raises ConnectionResetError once the client has left.
        """
        self._due += seconds
        while True:
            if self._hung_up():
                raise hang_up()
            left = self._due - time.monotonic()
            if left <= 0:
                return
            self._sleep(min(left, _LOOK_S))

    def wait_for_hang_up(self) -> None:
        """Waits for nothing else. Raises ConnectionResetError."""
        self.wait(math.inf)


def hang_up() -> ConnectionResetError:
    """The error by which a WSGI server closes the connection at once and without a word."""
    return ConnectionResetError(errno.ECONNRESET, "the connection ends here")
