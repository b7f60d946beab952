"""Servers that do what a scripted upstream cannot: whatever a function does, and hear what was said to the byte."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gevent.server import StreamServer

from tests.scripted_upstream import respond

HELLO = respond(200, b"hello")
HELLO_BYTES = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@contextmanager
def serving(serve: Callable[[socket.socket, object], None]) -> Iterator[str]:
    """The address of a server that treats its connections as `serve` does."""
    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.stop(timeout=0)


class Recorder:
    """A server that keeps what was sent to it, byte for byte, and answers `hello` to every head."""

    def __init__(self) -> None:
        self.heard = b""
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    def __enter__(self) -> Recorder:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(timeout=0)

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def _serve(self, client: socket.socket, _: object) -> None:
        while data := client.recv(65536):
            self.heard += data
            if b"\r\n\r\n" in data:
                client.sendall(HELLO_BYTES)
