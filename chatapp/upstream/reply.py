"""One open streamed answer."""

from __future__ import annotations

from collections.abc import Iterator

import gevent
import httpx2

from chatapp.upstream.decoder import Decoder
from chatapp.upstream.failures import UPSTREAM_INTERRUPTED
from chatapp.upstream.usage import Usage

__all__ = ["Reply", "Usage"]

_TURN_BYTES = 32 * 1024
_CHUNK_COST = 512
"""What a chunk costs beside its bytes, in bytes: with it, a turn is about a millisecond."""
_DRAIN_S = 0.05
_DRAIN_BYTES = 64 * 1024


class Reply:
    """Yields an answer's text as it arrives; `close` it whatever happened.

    Whatever is thrown into the greenlet that iterates (a cancel, the end of patience) closes the connection
    and goes on its way. If `finish_reason` is set by then, the answer had come whole but for its ending.
    """

    def __init__(self, response: httpx2.Response, *, retries: int, limit: int) -> None:
        """`limit` is in characters; an answer that runs past it is cut there and ends as `length`."""
        self.retries = retries
        self._response = response
        self._chunks = _chunks(response)
        self._decoder = Decoder()
        self._room = limit
        self._read = 0  # since others had their turn
        self._ended = False  # whole, so that only an ending is left to read
        self._closed = False

    @property
    def finish_reason(self) -> str | None:
        """`stop`, `length` or `content_filter`, once known."""
        return "length" if self._room < 0 else self._decoder.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._decoder.usage

    def __iter__(self) -> Iterator[str]:
        """Text that arrived together, never empty. Raises UpstreamFailure after all that came."""
        try:
            yield from self._texts()
        except BaseException:
            self.close()
            raise

    def _texts(self) -> Iterator[str]:
        decoder = self._decoder
        try:
            for chunk in self._chunks:
                self._take_turns(len(chunk))
                if text := self._within_limit(decoder.feed(chunk)):
                    yield text
                if decoder.error or self._complete:
                    break
        except httpx2.HTTPError as error:
            lost = type(error).__name__
        else:
            lost = "ended without a finish"
        if text := self._within_limit(decoder.end()):
            yield text
        if decoder.error:
            raise decoder.error
        if self.finish_reason is None:
            raise UPSTREAM_INTERRUPTED.failure(detail=lost)
        self._ended = self._room >= 0

    def _take_turns(self, size: int) -> None:
        """Upstream may be faster than we are, whether or not text comes of it: others get their turn."""
        self._read += size + _CHUNK_COST
        if self._read > _TURN_BYTES:
            self._read = 0
            gevent.sleep(0)

    @property
    def _complete(self) -> bool:
        """Whether nothing more is wanted: `[DONE]`, all that comes before it, or more than was allowed."""
        decoder = self._decoder
        return (
            decoder.done
            or self._room < 0
            or (decoder.finish_reason is not None and decoder.usage is not None)
        )

    def _within_limit(self, text: str) -> str:
        room = max(self._room, 0)
        self._room -= len(text)
        return text if len(text) <= room else text[:room]

    def close(self) -> None:
        """Hangs up, or, after a whole answer, reads the few bytes that end it: the connection serves again.

        May be called at any time, from any greenlet, more than once; takes at most 50 ms.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._ended:
                self._drain()
        finally:
            self._response.close()

    def _drain(self) -> None:
        # One timer for a whole answer; an ending that it cuts off costs the connection.
        gevent.with_timeout(_DRAIN_S, self._read_ending, timeout_value=None)

    def _read_ending(self) -> None:
        left = _DRAIN_BYTES
        try:
            for chunk in self._chunks:
                left -= len(chunk)
                if left <= 0:
                    return
        except httpx2.HTTPError:
            # The answer is whole already; a connection that breaks after it is only not used again.
            return


def _chunks(response: httpx2.Response) -> Iterator[bytes]:
    """The body's bytes as they arrive, by the shortest way there is."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity") and isinstance(response.stream, httpx2.SyncByteStream):
        return iter(response.stream)
    return response.iter_bytes()
