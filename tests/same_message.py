"""One message that is sent several times in one moment, as by a client that trusts no line."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import gevent

from tests.server import RunningServer
from tests.streaming.wire import Client, unchunked

PATIENCE_S = 30


class SentTogether:
    """A POST on a connection of its own to each of `urls`; a context manager. `send` makes all of them whole at once:
    until then the last byte of each is missing."""

    def __init__(
        self,
        server: RunningServer,
        urls: Sequence[str],
        path: str,
        body: Mapping[str, object],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        written = json.dumps(body).encode()
        named = {"Host": "x", "Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        named |= {"Content-Length": str(len(written)), "Connection": "close", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        self._request = f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + written
        self.answers = [Answer(url) for url in urls]

    def __enter__(self) -> Self:
        for answer in self.answers:
            answer.line.sendall(self._request[:-1])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for answer in self.answers:
            answer.close()

    def send(self) -> None:
        for answer in self.answers:
            answer.line.sendall(self._request[-1:])

    def until_all_are_told(self, words: bytes) -> None:
        """Until each answer holds `words`."""
        gevent.joinall([gevent.spawn(each.read_until, words) for each in self.answers], raise_error=True)

    def read_to_the_end(self) -> None:
        gevent.joinall([gevent.spawn(each.read_to_the_end) for each in self.answers], raise_error=True)


class Answer:
    """What has come over one of the connections."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.port is not None
        self.line = socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)
        self._read = b""

    @property
    def status(self) -> int:
        return int(self._read[9:12])

    def header(self, name: str) -> str:
        found = re.search(rf"^{name}: (.*)\r$", self._read.partition(b"\r\n\r\n")[0].decode() + "\r", re.M)
        return found[1] if found else ""

    @property
    def body(self) -> bytes:
        _, _, body = self._read.partition(b"\r\n\r\n")
        return unchunked(body) if self.header("Transfer-Encoding") == "chunked" else body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def client(self) -> Client:
        """What a reader of the event dialect makes of it."""
        client = Client()
        client.feed(self.body)
        return client

    def read_until(self, words: bytes) -> None:
        while words not in self._read:
            piece = self.line.recv(65536)
            assert piece, f"ended without {words!r}: {self._read!r}"
            self._read += piece

    def read_to_the_end(self) -> None:
        while piece := self.line.recv(65536):
            self._read += piece

    def close(self) -> None:
        self.line.close()
