"""How often the openai client tries again by itself, countable while it still tries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import httpx2

_COUNT_HEADER = "x-stainless-retry-count"


class Attempts:
    """The retries of one call. A caller that gives up in mid-wait reads here what had been tried by then."""

    def __init__(self) -> None:
        self.retries = 0
        self._last = 0

    def note(self, count: int) -> None:
        """A request leaves as the client's retry number `count`; 0 begins anew, a redirect repeats the number."""
        self.retries += max(count - self._last, 0)
        self._last = count


# The client hands its requests to a hook without saying whose they are; each greenlet has a context of its own.
_watched: ContextVar[Attempts | None] = ContextVar("attempts", default=None)


@contextmanager
def watching(attempts: Attempts) -> Iterator[None]:
    """Counts into `attempts` what this greenlet sends meanwhile."""
    before = _watched.set(attempts)
    try:
        yield
    finally:
        _watched.reset(before)


def note_request(request: httpx2.Request) -> None:
    """The HTTP client's hook: called with every request that leaves."""
    attempts = _watched.get()
    count = request.headers.get(_COUNT_HEADER, "0")
    if attempts is not None and count.isdecimal():
        attempts.note(int(count))
