"""A client of the API over HTTP, for tests of a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import httpx2

from tests.server import RunningServer
from tests.streaming.wire import Client


class Reading:
    """A client of a running server that reads a stream piece by piece. A test closes its connections at the end.

    `url` is another way to the server's data: a proxy's, or that of another machine.
    """

    _open: ClassVar[list[httpx2.Client]] = []

    def __init__(self, server: RunningServer, url: str = "") -> None:
        self.http = httpx2.Client(
            base_url=url or server.url,
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=10,
            trust_env=False,
        )
        self._open.append(self.http)

    @classmethod
    def close_all(cls) -> None:
        while cls._open:
            cls._open.pop().close()

    def start_turn(self, message: str = "Hello", **fields: Any) -> dict[str, Any]:
        answer = self.http.post("/api/v1/turns", json={"message": message, **fields})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def follow(self, url: str, last_id: str = "", client: Client | None = None) -> Iterator[Client]:
        """The client after each piece that arrived; one that was cut off can be given, to go on with."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        client = client or Client()
        with self.http.stream("GET", url, headers=headers) as answer:
            assert answer.status_code == 200, answer.read()
            for piece in answer.iter_raw():
                client.feed(piece)
                yield client

    def follow_to_the_end(self, url: str, last_id: str = "") -> Client:
        *_, client = self.follow(url, last_id)
        return client

    def replies(self, session_id: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"/api/v1/conversations/{session_id}/messages").json()
        return [each for each in answer["items"] if each["role"] == "assistant"]


def until_shown(reading: Iterator[Client], text: str) -> Client:
    """Reads until the client shows `text`, and no further."""
    for client in reading:
        if client.text() == text:
            return client
    raise AssertionError("the stream ended early")
