"""Open streams: how many a user has at once, counted in this process's memory, or in Redis for all processes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from chatapp.errors import TooManyRequests

RETRY_S = 5
"""Seconds after which it is worth another try. Nobody knows when one of the streams ends."""


class TooManyStreams(TooManyRequests):
    """This user has as many streams open as one may have."""

    code = "TOO_MANY_STREAMS"

    def __init__(self, limit: int) -> None:
        super().__init__(
            "You are following too many answers at once. Close some of them, and try again.",
            limit=limit,
            retry_after_s=RETRY_S,
        )


class OpenStream:
    """One place among a user's open streams, until `release`, which may be called again and does nothing then."""

    __slots__ = ("_release",)

    def __init__(self, release: Callable[[], None]) -> None:
        self._release: Callable[[], None] | None = release

    def release(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release()


class OpenStreams(Protocol):
    """The seam between processes."""

    def open(self, user_id: str) -> OpenStream:
        """A place for one more stream of this user. Raises TooManyStreams."""

    def close(self) -> None:
        """Lets go. Nobody opens any more."""


class StreamsHere:
    """Those of one process. See OpenStreams."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[str, int] = {}

    def open(self, user_id: str) -> OpenStream:
        held = self._open.get(user_id, 0)
        if held >= self._limit:
            raise TooManyStreams(self._limit)
        self._open[user_id] = held + 1
        return OpenStream(lambda: self._closed(user_id))

    def close(self) -> None:
        """Nothing to let go of."""

    def _closed(self, user_id: str) -> None:
        held = self._open.pop(user_id) - 1
        if held:
            self._open[user_id] = held
