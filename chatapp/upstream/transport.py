"""The transport under the openai client: HTTP/1.1, one connection a stream, nothing between the socket and us.

The client keeps authentication, retries, redirects and errors. Compared with its stock transport this saves about a
quarter of what a token costs (docs/performance.md); `chatapp.upstream.connections` says when the stock one is used.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx2

from chatapp.upstream.connection import Answer, Connection
from chatapp.upstream.pool import Origin, Pool

_PORTS = {"http": 80, "https": 443}


class Body(httpx2.SyncByteStream):
    """An answer's body, as it arrives. `close` gives the connection back, or hangs up in mid-answer."""

    def __init__(self, answer: Answer, connection: Connection, origin: Origin, pool: Pool) -> None:
        self._answer = answer
        self._connection = connection
        self._origin = origin
        self._pool = pool
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        read = self._answer.read
        try:
            while data := read():
                yield data
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool.give_back(self._origin, self._connection, reusable=self._answer.leaves_reusable)


class StreamTransport(httpx2.BaseTransport):
    """Sends requests and hands out bodies while they arrive. Raises httpx2's own errors."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._tls: ssl.SSLContext | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        origin = _origin(request.url)
        written = _written(request)
        timeout = request.extensions.get("timeout", {})
        connection = self._pool.take(
            origin, timeout.get("pool"), lambda: self._connect(origin, timeout.get("connect"))
        )
        try:
            connection.send(written, timeout.get("write"))
            answer = Answer(connection)
            answer.read_head()
        except BaseException:
            self._pool.give_back(origin, connection, reusable=False)
            raise
        body = Body(answer, connection, origin, self._pool)
        extensions = {"http_version": b"HTTP/1.1"}
        return httpx2.Response(answer.status, headers=answer.headers, stream=body, extensions=extensions)

    def close(self) -> None:
        """Closes every connection; bodies that are being read end with a ReadError."""
        self._pool.close()

    def _connect(self, origin: Origin, patience_s: float | None) -> Connection:
        client: socket.socket | None = None
        try:
            client = socket.create_connection((origin.host, origin.port), patience_s)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if origin.scheme == "https":
                client = self._tls_context().wrap_socket(client, server_hostname=origin.host)
            return Connection(client)
        except TimeoutError as error:
            _close(client)
            raise httpx2.ConnectTimeout("upstream cannot be reached in time") from error
        except OSError as error:
            _close(client)
            raise httpx2.ConnectError(str(error)) from error
        except BaseException:
            _close(client)
            raise

    def _tls_context(self) -> ssl.SSLContext:
        # Made once: it reads the machine's certificates.
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls


def _close(client: socket.socket | None) -> None:
    if client is not None:
        client.close()


def _origin(url: httpx2.URL) -> Origin:
    if url.scheme not in _PORTS:
        raise httpx2.UnsupportedProtocol(f"{url.scheme} is not spoken here")
    return Origin(url.scheme, url.host, url.port or _PORTS[url.scheme])


def _written(request: httpx2.Request) -> bytes:
    """The request as it goes on the wire. Raises LocalProtocolError for a header that would end its line."""
    body = request.read()
    lines = [b"%b %b HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    for name, value in request.headers.raw:
        if b"\n" in value or b"\r" in value or b"\0" in value:
            raise httpx2.LocalProtocolError("a header's value has a line break")
        if name.lower() != b"transfer-encoding":
            lines.append(b"%b: %b" % (name, value))
    if body and "content-length" not in request.headers:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])
