"""An exchange: one request on a connection of its own, whose answer is read as it comes or cut off."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self

PATIENCE_S = 60.0
"""Seconds without a byte, heartbeats included."""
BROKEN = (OSError, HTTPException)
"""What is raised when the other side has gone."""
_RESET = struct.pack("ii", 1, 0)


class Exchange:
    """Sends its request when it is made, and waits for the answer's head. Raises one of BROKEN. A context manager
    that closes the connection."""

    def __init__(
        self,
        port: int,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Mapping[str, object] | None = None,
    ) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        try:
            data = None if body is None else json.dumps(body).encode()
            self._connection.request(method, path, data, headers)
            self._socket: socket.socket = self._connection.sock
            self._response = self._connection.getresponse()
        except BROKEN:
            self._connection.close()
            raise
        self.status = self._response.status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def header(self, name: str) -> str:
        return self._response.getheader(name) or ""

    def json(self) -> Any:
        """The whole answer. Raises one of BROKEN."""
        try:
            return json.loads(self._response.read())
        except ValueError:
            raise HTTPException("the answer is no JSON") from None

    def piece(self, patience_s: float = PATIENCE_S) -> bytes:
        """What has arrived, b"" when the answer ended in good order. Raises TimeoutError after `patience_s`, and
        one of BROKEN."""
        self._socket.settimeout(patience_s)
        return self._response.read1(65536)

    def reset(self) -> None:
        """Ends the connection as a machine would that has crashed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.close()

    def close(self) -> None:
        self._response.close()
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with an API token."""

    port: int
    token: str

    def get(self, path: str, last_id: str = "") -> Exchange:
        return Exchange(self.port, "GET", path, self._headers({"Last-Event-ID": last_id} if last_id else {}))

    def post(self, path: str, body: Mapping[str, object]) -> Exchange:
        return Exchange(self.port, "POST", path, self._headers({"Content-Type": "application/json"}), body)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **more}
