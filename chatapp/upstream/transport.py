"""The transport under the openai client: HTTP/1.1, one connection a stream, nothing between the socket and us.

The client keeps authentication, retries, redirects and errors. Why it does not use its stock transport, and where it
does, is told in docs/decisions/0029-a-transport-of-our-own.md. Saves 10 of 13 µs a token flat out (the table of
attempts in docs/performance.md); `CHATAPP_DIRECT_READS=0` leaves it to the stock transport.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import httpx2

from chatapp.upstream.answer import Answer
from chatapp.upstream.connection import Connection, Over, Take
from chatapp.upstream.connector import Connector
from chatapp.upstream.origin import Origin
from chatapp.upstream.pool import Pool

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class StreamTransport(httpx2.BaseTransport):
    """Sends requests and hands out bodies while they arrive. Raises httpx2's own errors.

    Of a request's timeouts it keeps `connect`, `write` and `pool`. Reading has no limit in time.
    """

    def __init__(self, pool: Pool, connector: Connector) -> None:
        self._pool = pool
        self._connector = connector

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Returns when the head of the answer is here. Raises what `Pool`, `Connection` and `Answer` raise, and
        LocalProtocolError for a request that cannot be written."""
        origin = Origin.of(request.url)
        written = _written(request)
        timeout = request.extensions.get("timeout", {})
        connect = partial(self._connector.connect, origin, timeout.get("connect"))
        connection = self._pool.take(origin, timeout.get("pool"), connect)
        answer = Answer(connection, request.method)
        body = Body(answer, connection, self._pool)
        try:
            # Upstream may answer and hang up before it has read everything. The answer says why, if there is one.
            with suppress(httpx2.WriteError):
                connection.send(written, timeout.get("write"))
            answer.read_head()
        except BaseException:
            body.close()
            raise
        extensions = {"http_version": f"HTTP/{answer.version}".encode(), "body": body}
        headers, answer.headers = answer.headers, []  # which the answer need not hold as long as it streams
        return httpx2.Response(answer.status, headers=headers, stream=body, extensions=extensions)

    def close(self) -> None:
        """Closes every connection; bodies that are being read end with a ReadError."""
        self._pool.close()


def _written(request: httpx2.Request) -> bytes:
    """The request as it goes on the wire, its body with a length. Raises LocalProtocolError for a method or a header
    that would not stay what it is."""
    body = request.read()
    method = request.method.encode()
    if not _TOKEN.fullmatch(method):
        raise httpx2.LocalProtocolError("the method is none")
    lines = [b"%b %b HTTP/1.1" % (method, request.url.raw_path)]
    for name, value in request.headers.raw:
        if not (_TOKEN.fullmatch(name) and _VALUE.fullmatch(value)):
            raise httpx2.LocalProtocolError("a header has a character that is not allowed in it")
        if name.lower() not in _FRAMING:
            lines.append(b"%b: %b" % (name, value))
    if body or any(name in request.headers for name in ("content-length", "transfer-encoding")):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


class Body(httpx2.SyncByteStream):
    """An answer's body, as it arrives. `close` gives the connection back, or hangs up in mid-answer."""

    def __init__(self, answer: Answer, connection: Connection, pool: Pool) -> None:
        self._answer = answer
        self._connection = connection
        self._pool = pool
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Raises ReadError and RemoteProtocolError, after all that came before; whoever reads has to `close`."""
        return iter(self._answer.read, b"")

    def follow(self, take: Take, over: Over) -> None:
        """Calls `take` with the bytes as they arrive until it wants no more or they end, then `over` with what
        iterating would raise, with what `take` raised, or with None. Nothing in either may wait."""
        self._answer.follow(take, over)

    def close(self) -> None:
        """May be called at any time, from any greenlet, more than once."""
        if not self._closed:
            self._closed = True
            self._answer.close()
            self._pool.give_back(self._connection, reusable=self._answer.leaves_reusable)
