"""One request on a connection of its own, and its answer up to the body."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage, HTTPResponse
from types import TracebackType
from typing import Any, Self

from chatapp.doctor.address import Address
from chatapp.doctor.deadline import Deadline
from chatapp.doctor.plain import plain
from chatapp.doctor.trouble import Unfit
from chatapp.doctor.wire import Plug, TimedReader, connect


class Exchange:
    """Closes its connection at its end: use it in a `with`. Times are those of time.monotonic()."""

    def __init__(
        self,
        address: Address,
        tls: ssl.SSLContext,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: Deadline,
    ) -> None:
        """Raises Unreachable without a connection, Unfit without an answer in HTTP, or for one that leads elsewhere."""
        self.began_at = time.monotonic()
        self._connection = connect(address, tls, deadline)
        try:
            self.sent_at = time.monotonic()
            self._send(_request(address, method, path, headers, body), deadline)
            self.reader = TimedReader(self._connection, deadline)
            self._response = self._head(method)
            self.head_at = self.reader.last_at
            _refuse_redirect(self.status, self.headers)
        except BaseException:
            self._connection.close()
            raise

    def _send(self, request: bytes, deadline: Deadline) -> None:
        self._connection.settimeout(deadline.left())
        # Who refuses a body may close before it was sent; what it said first is still there to be read.
        with contextlib.suppress(OSError):
            self._connection.sendall(request)

    def _head(self, method: str) -> HTTPResponse:
        response = HTTPResponse(Plug(self.reader), method=method)  # type: ignore[arg-type]
        try:
            response.begin()
        except HTTPException as error:
            raise Unfit(f"the answer is no HTTP: {plain(error) or type(error).__name__}") from None
        except OSError as error:
            raise Unfit(f"the connection broke before an answer: {plain(error.strerror)}") from None
        except ValueError:  # a length that is no number
            raise Unfit("the answer is no HTTP: its head cannot be read") from None
        return response

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> HTTPMessage:
        return self._response.headers

    def read(self, most: int) -> bytes:
        """What has come of the body, `most` bytes at most; nothing at its end. Raises Unfit where it breaks off."""
        try:
            return self._response.read1(most)
        except HTTPException as error:
            raise Unfit(f"the answer breaks off: {type(error).__name__}") from None
        except OSError as error:
            raise Unfit(f"the connection broke: {plain(error.strerror)}") from None
        except ValueError:
            raise Unfit("the answer is no HTTP: its body cannot be read") from None

    @property
    def complete(self) -> bool:
        """Whether the body came to the end that its framing announced."""
        return self._response.length in (0, None)  # chunks without their end are an error already

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _request(
    address: Address, method: str, path: str, headers: Mapping[str, str], body: bytes | None
) -> bytes:
    lines = [
        f"{method} {address.prefix}{path} HTTP/1.1",
        f"Host: {address.authority}",
        "User-Agent: chatapp-stream-doctor",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise Unfit(
            "the request cannot be sent: a path or header of it has characters that do not belong there"
        )
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def _refuse_redirect(status: int, headers: HTTPMessage) -> None:
    if 300 <= status < 400:
        raise Unfit(
            f"it redirects ({status}) to {plain(headers.get('Location', 'nowhere'))}: give that address, if it is yours"
        )


def json_body(found: object) -> bytes:
    """A request's body."""
    return json.dumps(found).encode()


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object that a body is. Raises Unfit."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Unfit(f"it is no JSON: {plain(body[:80].decode('utf-8', 'replace'), 60)!r}") from None
    if not isinstance(found, dict):
        raise Unfit("it is no JSON object")
    return found
