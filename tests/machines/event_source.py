"""A client that behaves as a browser's EventSource does: it comes back by itself, with its position."""

from __future__ import annotations

from http import HTTPStatus
from random import Random
from types import TracebackType
from typing import Self

import gevent
import httpx2

from tests.reading import Reading
from tests.streaming.wire import Client

RETRY_S = 0.2
"""Seconds until it comes back. (The product asks for three.)"""


class EventSource:
    """Reads in a greenlet of its own until it is answered 204; a context manager. What a lost line had not
    finished is forgotten. An answer that is neither a stream nor 204 ends it for good, as in a browser, and fails.

    `cuts` loses the line by chance, with the probability `share` at every piece that arrives, anywhere in it.
    """

    def __init__(self, reading: Reading, url: str, cuts: Random | None = None, share: float = 0.2) -> None:
        self.client = Client()
        self.connections = 0
        self.port = 0
        """Of this client's end of the newest connection."""
        self._http = reading.http
        self._url = url
        self._cuts = cuts
        self._share = share
        self._greenlet = gevent.spawn(self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._greenlet.kill()

    def read_to_the_end(self, timeout_s: float = 30) -> Client:
        """The client when it has everything. Raises what ended it."""
        return self._greenlet.get(timeout=timeout_s)

    def _run(self) -> Client:
        while self._read():
            self.client.cut()
            gevent.sleep(RETRY_S)
        return self.client

    def _read(self) -> bool:
        """One connection; whether another is needed."""
        place = {"Last-Event-ID": self.client.last_id} if self.client.last_id else {}
        try:
            with self._http.stream("GET", self._url, headers=place) as answer:
                if answer.status_code == HTTPStatus.NO_CONTENT:
                    return False
                assert answer.status_code == HTTPStatus.OK, answer.read()
                self.connections += 1
                self.port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
                self._take(answer)
        except httpx2.TransportError:
            pass  # a lost line
        return True

    def _take(self, answer: httpx2.Response) -> None:
        for piece in answer.iter_raw():
            if self._cuts is not None and self._cuts.random() < self._share:
                self.client.feed(piece[: self._cuts.randrange(len(piece))])
                return
            self.client.feed(piece)
