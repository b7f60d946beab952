"""One HTTP/1.1 connection to upstream: bytes out, one answer at a time in. Parsing is llhttp's, by httptools.

Reading has no limit in time here: patience is one clock for all streams, in the caller, not a timer per read.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

import httptools
import httpx2
from gevent.hub import get_hub

HEAD_BYTES = 64 * 1024
"""An answer's head that grows past this is an attack or a fault."""
_READ_BYTES = 64 * 1024
_READABLE = 1


class Connection:
    """Belongs to one request at a time. Raises what httpx2's own transports raise; then it is closed."""

    def __init__(self, client: socket.socket) -> None:
        self._socket = client
        self._descriptor = client.fileno()
        self._hub = get_hub()
        self._readable = self._hub.loop.io(self._descriptor, _READABLE)
        self._receive = self._receive_tls if isinstance(client, ssl.SSLSocket) else self._receive_plain
        self.closed = False

    def send(self, request: bytes, patience_s: float | None) -> None:
        """Sends all of it, within `patience_s` seconds between two pieces."""
        try:
            self._socket.settimeout(patience_s)
            self._socket.sendall(request)
        except TimeoutError as error:
            raise httpx2.WriteTimeout("upstream does not take the request") from error
        except OSError as error:
            raise httpx2.WriteError(str(error)) from error

    def receive(self) -> bytes:
        """What has arrived; waits for it; empty at the end. Whatever is thrown in meanwhile goes on its way."""
        if self.closed:
            raise httpx2.ReadError("the connection was closed")
        try:
            return self._receive()
        except OSError as error:
            raise httpx2.ReadError(str(error)) from error

    def _receive_plain(self) -> bytes:
        # Waiting first, then reading once: the socket's own recv tries, fails and waits, which costs a system
        # call and an exception for every token.
        while True:
            self._hub.wait(self._readable)
            try:
                return os.read(self._descriptor, _READ_BYTES)
            except BlockingIOError:
                continue

    def _receive_tls(self) -> bytes:
        return self._socket.recv(_READ_BYTES)

    def is_quiet(self) -> bool:
        """Whether nothing has arrived that nobody asked for; the end is something."""
        try:
            self._socket.settimeout(0.0)
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            if not self.closed:
                self._socket.settimeout(None)
        return False

    def close(self) -> None:
        """Hangs up. A greenlet that waits in `receive` gets a ReadError. May be called twice."""
        if self.closed:
            return
        self.closed = True
        # The descriptor goes after the watcher: closed under a watcher that waits, it would live on for a while.
        lost = httpx2.ReadError("the connection was closed")
        self._hub.cancel_waits_close_and_then((self._readable,), lost, self._socket.close)


class Answer:
    """One answer, as it comes in on a connection. `status` and `headers` are set by `read_head`."""

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False
        """Whether the body has come to its end."""
        self._connection = connection
        self._parser = httptools.HttpResponseParser(self)
        self._has_head = False
        self._framed = False
        self._keeps_alive = False
        self._surplus = False
        self._body: list[bytes] = []
        self._broken: httpx2.RemoteProtocolError | None = None

    @property
    def leaves_reusable(self) -> bool:
        """Whether the connection can carry another request when this answer is complete."""
        return self.complete and not self._surplus and self._framed and self._keeps_alive

    def read_head(self) -> None:
        """Reads up to the end of the head. Raises RemoteProtocolError for what is no HTTP."""
        size = 0
        while True:
            data = self._connection.receive()
            if not data:
                raise httpx2.RemoteProtocolError("upstream closed the connection without an answer")
            size += len(data)
            self._feed(data)
            if self._has_head:
                return
            if self._broken is not None:
                raise self._broken
            if size > HEAD_BYTES:
                raise httpx2.RemoteProtocolError("the head of upstream's answer is too long")

    def read(self) -> bytes:
        """The next bytes of the body, joined as they arrived; empty at its end. Raises RemoteProtocolError when
        it is cut off."""
        while not self._body and not self.complete:
            if self._broken is not None:
                raise self._broken  # after all that came before it
            data = self._connection.receive()
            if data:
                self._feed(data)
            elif self._framed:
                raise httpx2.RemoteProtocolError("upstream closed the connection in mid-answer")
            else:
                self.complete = True
        parts, self._body = self._body, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._broken = httpx2.RemoteProtocolError(f"upstream's answer is no HTTP: {error}"[:200])

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.complete:
            self._surplus = True
        self.headers = self.headers if self._has_head else []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._has_head or status < 200:  # 1xx: the answer itself is still to come
            return
        self.status = status
        self._has_head = True
        names = {name.lower() for name, _ in self.headers}
        self._framed = status in (204, 304) or bool(names & {b"content-length", b"transfer-encoding"})

    def on_body(self, data: bytes) -> None:
        if not self.complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._has_head:
            self.complete = True
            self._keeps_alive = self._parser.should_keep_alive()  # it forgets when the callback returns


Released = Callable[[Connection, bool], None]
"""Takes a connection back: whether it can carry another request."""
