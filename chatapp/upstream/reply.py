"""One open streamed answer."""

from __future__ import annotations

from collections.abc import Callable

import gevent
import httpx2

from chatapp.upstream.connection import Over
from chatapp.upstream.decoder import Decoder
from chatapp.upstream.failures import UPSTREAM_INTERRUPTED
from chatapp.upstream.read_body import ReadBody
from chatapp.upstream.transport import Body
from chatapp.upstream.usage import Usage

_DRAIN_S = 0.05
_DRAIN_BYTES = 64 * 1024


class Reply:
    """Tells an answer's text as it arrives; `close` it whatever happened.

    If `finish_reason` is set when it is closed before its end, it had come whole but for its ending.
    """

    __slots__ = ("_body", "_closed", "_decoder", "_ended", "_over", "_room", "_say", "retries")

    def __init__(self, response: httpx2.Response, *, retries: int, limit: int) -> None:
        """`limit` is in characters; an answer that runs past it is cut there and ends as `length`."""
        self.retries = retries
        self._body = _body(response)
        self._decoder = Decoder()
        self._room = limit
        self._ended = False  # whole, so that only an ending is left to read
        self._closed = False
        self._say: Callable[[str], None]
        self._over: Over

    @property
    def finish_reason(self) -> str | None:
        """`stop`, `length` or `content_filter`, once known."""
        return "length" if self._room < 0 else self._decoder.finish_reason

    @property
    def usage(self) -> Usage | None:
        return self._decoder.usage

    def follow(self, say: Callable[[str], None], over: Over) -> None:
        """Calls `say` with text that arrived together, never empty, until the answer ends or is closed; then `over`,
        once: with an UpstreamFailure, with what `say` raised, or with None. Nothing in either may wait.

        What had arrived when it was closed may still be said after that.
        """
        self._say, self._over = say, over
        self._body.follow(self._take, self._end)

    def _take(self, chunk: bytes) -> bool:
        """Whether more is wanted."""
        decoder = self._decoder
        if text := self._within_limit(decoder.feed(chunk)):
            self._say(text)
        return not decoder.has_all and self._room >= 0

    def _within_limit(self, text: str) -> str:
        """What of `text` is within the bound: nothing once it was passed, because more is too much then than `text`."""
        self._room -= len(text)
        return text if self._room >= 0 else text[: self._room]

    def _end(self, error: Exception | None) -> None:
        """Unless the answer is whole, nothing is left to read of it."""
        outcome: Exception | None = None
        try:
            self._come_to_an_end(error)
        except Exception as reason:  # noqa: BLE001 - there is nobody else to hear of it
            outcome = reason
            self.close()
        over = self._over
        # They hold who holds this, and only the collector of cycles would part them.
        del self._say, self._over
        over(outcome)

    def _come_to_an_end(self, error: Exception | None) -> None:
        if error is not None and not isinstance(error, httpx2.HTTPError):
            raise error
        if text := self._within_limit(self._decoder.end()):
            self._say(text)
        if self._decoder.error:
            raise self._decoder.error
        if self.finish_reason is None:
            raise UPSTREAM_INTERRUPTED.failure(
                detail=type(error).__name__ if error else "ended without a finish"
            )
        self._ended = self._room >= 0

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
            self._body.close()

    def _drain(self) -> None:
        # One timer for a whole answer; an ending that it cuts off costs the connection.
        gevent.with_timeout(_DRAIN_S, self._read_ending, timeout_value=None)

    def _read_ending(self) -> None:
        left = _DRAIN_BYTES
        try:
            for chunk in self._body:
                left -= len(chunk)
                if left <= 0:
                    return
        except httpx2.HTTPError:
            # The answer is whole already; a connection that breaks after it is only not used again.
            return


def _body(response: httpx2.Response) -> Body | ReadBody:
    """The body by the shortest way there is: then the response and its request are not held while it streams."""
    body = response.extensions.get("body")
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if isinstance(body, Body) and encoding in ("", "identity"):
        return body
    return ReadBody(response)
