"""One HTTP/1.1 answer, as it comes in. Parsing is llhttp's, by httptools; what it lets pass is judged here."""

from __future__ import annotations

import httptools
import httpx2

from chatapp.upstream.connection import Connection, Over, Take

EMPTY_BYTES = 64 * 1024
"""So much without a byte of the body is an attack or a fault: a head without end, or trailers."""

_VERSIONS = frozenset({"1.0", "1.1"})


class Answer:
    """Reads one answer from a connection. `status`, `version` and `headers` are there after `read_head`.

    Raises RemoteProtocolError for what is no HTTP, is cut off, or is framed in a way that could be read in two.
    """

    __slots__ = (
        "__weakref__",
        "_bare",
        "_body",
        "_closed",
        "_complete",
        "_connection",
        "_fault",
        "_framed",
        "_has_head",
        "_is_for_head",
        "_keeps_alive",
        "_parser",
        "_surplus",
        "_take",
        "headers",
        "status",
        "version",
    )

    def __init__(self, connection: Connection, method: str) -> None:
        """`method` is the request's: an answer to HEAD has no body, whatever it says."""
        self.status = 0
        self.version = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self._connection = connection
        self._is_for_head = method == "HEAD"
        self._parser = httptools.HttpResponseParser(self)
        self._has_head = False
        self._framed = False
        self._complete = False
        self._keeps_alive = False
        self._surplus = False
        self._body: list[bytes] = []
        self._bare = 0  # bytes that came since there was something to hand out
        self._fault = ""
        self._closed = False
        self._take: Take = _nothing

    @property
    def leaves_reusable(self) -> bool:
        """Whether it has come to its end, and the connection can carry another request."""
        return self._keeps_alive and not self._surplus

    def read_head(self) -> None:
        """Waits for the head; answers before the answer (1xx) are passed over."""
        while not self._has_head:
            self._receive()

    def read(self) -> bytes:
        """The next bytes of the body, joined as they arrived; empty at its end."""
        while not self._body and not self._complete:
            self._receive()
        return self._handed_out()

    def follow(self, take: Take, over: Over) -> None:
        """Calls `take` with each that `read` would give until it wants no more or they end, then `over`. Both are
        called in the event loop, if not at once."""
        self._take = take
        try:
            wanted = (not self._body or take(self._handed_out())) and not self._complete
            if wanted:
                self._refuse_faults()
        except Exception as error:  # noqa: BLE001 - an error takes the same way whenever it comes
            over(error)
        else:
            if wanted:
                self._connection.follow(self._pass_on, over)
            else:
                over(None)

    def _pass_on(self, data: bytes) -> bool:
        """Whether more is wanted."""
        self._take_in(data)
        if self._body and not self._take(self._handed_out()):
            return False
        if self._complete:
            return False
        if self._bare or self._fault:
            self._refuse_faults()
        return True

    def close(self) -> None:
        """Nothing more will be read. The parser and this object hold each other, and this parts them: an answer
        does not wait for the collector of cycles."""
        self._closed = True
        del self._parser
        self._take = _nothing

    def _receive(self) -> None:
        self._refuse_faults()
        self._take_in(self._connection.receive())

    def _refuse_faults(self) -> None:
        """After all that came before them."""
        if self._fault:
            raise httpx2.RemoteProtocolError(self._fault)
        if self._bare > EMPTY_BYTES:
            raise httpx2.RemoteProtocolError("upstream's answer has more about it than in it")

    def _take_in(self, data: bytes) -> None:
        """What comes next; nothing when upstream has closed the connection."""
        if self._closed:  # by another greenlet, in the moment in which something arrived
            raise httpx2.ReadError("the answer was closed")
        if data:
            self._bare += len(data)
            try:
                self._parser.feed_data(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
                self._fault = f"upstream's answer is no HTTP: {error}"
        elif not self._has_head:
            raise httpx2.RemoteProtocolError("upstream closed the connection without an answer")
        elif self._framed:
            raise httpx2.RemoteProtocolError("upstream closed the connection in mid-answer")
        else:
            self._complete = True

    def _handed_out(self) -> bytes:
        parts, self._body = self._body, []
        self._bare = 0
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._surplus = self._complete
        if not self._has_head:
            self.headers = []  # those of a 1xx

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # after it, it is a trailer
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._has_head or 100 <= status < 200:
            return
        self.status = status
        self.version = self._parser.get_http_version()
        self._has_head = self._is_sane()

    def _is_sane(self) -> bool:
        """Whether the head is one, where the parser takes it for one; notes how the body is framed."""
        lengths = [value for name, value in self.headers if name.lower() == b"content-length"]
        codings = [value.lower() for name, value in self.headers if name.lower() == b"transfer-encoding"]
        if self.status < 100 or self.version not in _VERSIONS:
            self._fault = "upstream's answer is no HTTP/1.1"
        elif codings not in ([], [b"chunked"]):
            self._fault = "upstream's answer has a transfer coding that nobody asked for"
        self._complete = self._is_for_head and not self._fault
        self._framed = bool(lengths or codings)
        return not self._fault

    def on_body(self, data: bytes) -> None:
        if self._has_head and not self._complete:
            self._body.append(data)

    def on_message_complete(self) -> None:
        if self._has_head:
            self._complete = True
            # The parser forgets when this returns. HTTP/1.0 promises too little to go on after it.
            self._keeps_alive = self.version == "1.1" and self._parser.should_keep_alive()


def _nothing(_data: bytes) -> bool:
    return False
