"""Something between a reader and the server that passes requests on at once, and answers as a policy says."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import gevent
from gevent.server import StreamServer

Policy = Callable[[socket.socket], Iterator[bytes]]
"""What of an answer goes on, and when: takes the server's connection, gives what to send."""


def at_once(server: socket.socket) -> Iterator[bytes]:
    while data := server.recv(65_536):
        yield data


def all_at_the_end(server: socket.socket) -> Iterator[bytes]:
    yield b"".join(at_once(server))


def by_4096(server: socket.socket) -> Iterator[bytes]:
    """Full buffers only, as a proxy has them."""
    kept = b""
    for data in at_once(server):
        kept += data
        while len(kept) >= 4096:
            yield kept[:4096]
            kept = kept[4096:]
    yield kept


def now_and_then(server: socket.socket) -> Iterator[bytes]:
    """What has come, every 0.4 s, and never half an event."""
    kept, next_at = b"", time.monotonic() + 0.4
    for data in at_once(server):
        kept += data
        if time.monotonic() >= next_at and kept.endswith(b"\n\n\r\n"):
            yield kept
            kept, next_at = b"", time.monotonic() + 0.4
    yield kept


def first_bytes_then_the_rest(server: socket.socket) -> Iterator[bytes]:
    """Lets the beginning through and holds back what follows."""
    yield server.recv(65_536)
    yield from all_at_the_end(server)


class Middleman:
    """In front of a port of this machine; a context manager."""

    def __init__(self, port: int, policy: Policy) -> None:
        self._port = port
        self._policy = policy
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(timeout=0)

    def _serve(self, client: socket.socket, _address: object) -> None:
        with socket.create_connection(("127.0.0.1", self._port)) as server:
            there = gevent.spawn(_pass_on, client, server)
            try:
                for data in self._policy(server):
                    client.sendall(data)
            except OSError:
                pass  # one of them has left
            finally:
                there.kill()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    try:
        for data in at_once(client):
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the other direction says how it went
