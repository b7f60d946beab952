"""A body that the client's stock transport reads, or that comes compressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gevent
import httpx2

_TURN_BYTES = 32 * 1024
_CHUNK_COST = 512
"""What a chunk costs beside its bytes, in bytes: with it, a turn is about a millisecond."""


class ReadBody:
    """Does what `transport.Body` does, in the greenlet that waits."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._chunks = response.iter_bytes()
        self._read = 0  # since others had their turn

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def relay(self, take: Callable[[bytes], bool]) -> None:
        """Calls `take` with the bytes as they arrive until it wants no more or they end."""
        for chunk in self._chunks:
            self._take_turns(len(chunk))
            if not take(chunk):
                return

    def close(self) -> None:
        """May be called at any time, from any greenlet, more than once."""
        self._response.close()

    def _take_turns(self, size: int) -> None:
        """Upstream may be faster than we are, whether or not text comes of it: others get their turn."""
        self._read += size + _CHUNK_COST
        if self._read > _TURN_BYTES:
            self._read = 0
            gevent.sleep(0)
