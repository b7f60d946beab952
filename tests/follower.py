"""Somebody who sends one message and follows its reply as a browser does, whatever happens to the server."""

from __future__ import annotations

import time
from typing import Any

import gevent
import httpx2

from tests.reading import Reading
from tests.server import RunningServer
from tests.streaming.wire import Client, Frame, text_of

_PAUSE_S = 0.1


class Follower:
    """`run` sends, again with the same message id when no answer came, and follows to the end, coming back with the
    last position. It remembers what it had seen when."""

    def __init__(self, server: RunningServer, message: str, message_id: str, **fields: Any) -> None:
        self.client = Client()
        self.message = message
        self._reading = Reading(server)
        self._fields = {**fields, "clientMessageId": message_id}
        self._seen: list[tuple[float, int]] = []

    def run(self) -> dict[str, Any]:
        """The turn, once its end was told."""
        turn = self._sent()
        while not self._followed(turn["stream_url"]):
            self.client.cut()
            gevent.sleep(_PAUSE_S)
        return turn

    def frames_at(self, moment: float) -> list[Frame]:
        """What it had seen then."""
        return self.client.frames[: max((count for at, count in self._seen if at <= moment), default=0)]

    def text_at(self, moment: float) -> str:
        return text_of(self.frames_at(moment))

    def replies(self, session_id: str) -> list[dict[str, Any]]:
        """Those of a conversation, asked for again when the kept connection turns out to be dead."""
        while True:
            try:
                return self._reading.replies(session_id)
            except httpx2.TransportError:
                gevent.sleep(_PAUSE_S)

    def _sent(self) -> dict[str, Any]:
        while True:
            try:
                return self._reading.start_turn(self.message, **self._fields)
            except httpx2.TransportError:
                gevent.sleep(_PAUSE_S)

    def _followed(self, url: str) -> bool:
        """Whether the stream came to its end; it may only end so, or by breaking."""
        try:
            for client in self._reading.follow(url, self.client.last_id, self.client):
                self._seen.append((time.monotonic(), len(client.frames)))
        except httpx2.TransportError:
            return False
        assert self.client.names().count("done") == 1, self.client.names()[-5:]
        assert self.client.names()[-1] == "done"
        return True
