"""A turnstile between requests and the event loop: a few pieces of work for each round of it."""

from __future__ import annotations

from collections import deque
from time import perf_counter

from gevent import get_hub
from gevent.hub import Waiter

ROUND_S = 0.003
"""Seconds of work for requests in one round. On a full machine a round is 25 ms, and nobody could begin to stream if
only one piece of a millisecond were done in it."""
_LAST = -2
"""libev's lowest priority."""


class Turnstile:
    """Lets greenlets through in the order in which they came, until they have worked for `round_s` seconds in this
    round of the event loop; the others wait for the next.

    The loop serves what is ready one after the other. Ten requests that come together, each of a few milliseconds,
    would hold up every stream for all ten; this way a stream waits for `round_s` and one piece. Who waits here must
    hold nothing that others wait for, such as a transaction.
    """

    def __init__(self, round_s: float = ROUND_S) -> None:
        self._round_s = round_s
        self._waiting: deque[Waiter[None]] = deque()
        self._taken = False  # somebody has gone through in this round

    def go_through(self) -> None:
        """Returns at once for the first of a round, and for the others when it is their turn."""
        if not self._taken:
            self._taken = True
            self._wait_for_next_round()
            return
        waiter: Waiter[None] = Waiter()
        self._waiting.append(waiter)
        waiter.get()  # who is thrown out of here wastes a round and no more

    def _wait_for_next_round(self) -> None:
        # A timer, because a callback, as of `gevent.sleep(0)`, can come again before any socket was looked at; the
        # last in its round, after all that is ready by then.
        self._timer = get_hub().loop.timer(0, priority=_LAST)
        self._timer.start(self._next)

    def _next(self) -> None:
        if not self._waiting:
            self._taken = False
            return
        self._wait_for_next_round()
        began = perf_counter()
        while self._waiting:
            self._waiting.popleft().switch(None)  # returns when that greenlet waits for something
            if perf_counter() - began >= self._round_s:
                return
