"""A body that the client's stock transport reads, or that comes compressed."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import httpx2

from chatapp.upstream.connection import Over, Take

_TURN_BYTES = 32 * 1024
_CHUNK_COST = 512
"""What a chunk costs beside its bytes, in bytes: with it, a turn is about a millisecond."""


class ReadBody:
    """Does what `transport.Body` does, in a greenlet of its own."""

    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self._chunks = response.iter_bytes()
        self._reading: gevent.Greenlet[..., None] | None = None
        self._read = 0  # since others had their turn

    def __iter__(self) -> Iterator[bytes]:
        return self._chunks

    def follow(self, take: Take, over: Over) -> None:
        """Calls `take` with the bytes as they arrive until it wants no more or they end, then `over`, as the other
        does; both are called in that greenlet."""
        self._reading = gevent.spawn(self._follow, take, over)

    def _follow(self, take: Take, over: Over) -> None:
        try:
            for chunk in self._chunks:
                self._take_turns(len(chunk))
                if not take(chunk):
                    break
        except gevent.GreenletExit:
            over(httpx2.ReadError("the answer was closed"))
        except Exception as error:  # noqa: BLE001 - it is for who follows
            over(error)
        else:
            over(None)

    def close(self) -> None:
        """May be called at any time, from any greenlet, more than once. Who follows hears of a ReadError then, unless
        nothing was read yet."""
        if self._reading is not None and self._reading is not gevent.getcurrent():
            self._reading.kill(block=False)
        self._response.close()

    def _take_turns(self, size: int) -> None:
        """Upstream may be faster than we are, whether or not text comes of it: others get their turn."""
        self._read += size + _CHUNK_COST
        if self._read > _TURN_BYTES:
            self._read = 0
            gevent.sleep(0)
