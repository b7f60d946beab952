"""What a client of chatapp does that starts turns and hears them elsewhere."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from bench.load import MESSAGE, Load

_PATIENCE_S = 120
"""The server listens before it has loaded the application: the first request waits for that."""


class Api:
    """One connection to chatapp, which it keeps; a context manager. `headers` carry the bearer token."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
        self._headers = headers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def start_turn(self, load: Load, session_id: str | None = None) -> str:
        """Posts one message; where its answer can be followed. Without a session it makes a conversation."""
        body = {"message": MESSAGE, "model": load.model}
        if session_id is not None:
            body["sessionId"] = session_id
        head = {**self._headers, "Content-Type": "application/json"}
        told = json.loads(self._asked("POST", "/api/v1/turns", json.dumps(body), head, 202))
        return str(told["stream_url"])

    def hear(self, path: str) -> str:
        """A stream, to its end."""
        return self._asked("GET", path, None, self._headers, 200)

    def _asked(
        self, method: str, path: str, body: str | None, headers: Mapping[str, str], wanted: int
    ) -> str:
        self._connection.request(method, path, body, dict(headers))
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status != wanted:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:500]}")
        return text
