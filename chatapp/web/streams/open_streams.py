"""Open streams: how many a user has at once, counted in this process's memory, or in Redis for all processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

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
    """One place among a user's open streams, until `release`, which may be called again and does nothing then. Who
    counts holds it weakly: one that nobody holds any more, because its connection came to nothing, is free."""

    __slots__ = ("__weakref__", "_release", "name", "user_id")

    def __init__(self, user_id: str, release: Callable[[OpenStream], None]) -> None:
        self.user_id = user_id
        self.name = secrets.token_hex(8)
        self._release: Callable[[OpenStream], None] | None = release

    def release(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release(self)


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
        self._open: dict[str, WeakSet[OpenStream]] = {}

    def open(self, user_id: str) -> OpenStream:
        place = OpenStream(user_id, self.remove)
        if self.add(place) > self._limit:
            place.release()
            raise TooManyStreams(self._limit)
        return place

    def close(self) -> None:
        """Nothing to let go of."""

    def add(self, place: OpenStream) -> int:
        """How many this user has with it."""
        places = self._open.setdefault(place.user_id, WeakSet())
        places.add(place)
        return len(places)

    def remove(self, place: OpenStream) -> None:
        places = self._open.get(place.user_id)
        if places is not None:
            places.discard(place)
            if not places:
                del self._open[place.user_id]

    def users(self) -> list[str]:
        """Who has some open."""
        return list(self._open)

    def names(self, user_id: str) -> set[str]:
        """Of the streams that this user has open."""
        return {place.name for place in self._open.get(user_id, ())}
