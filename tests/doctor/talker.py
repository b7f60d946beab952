"""A server that streams tokens as chatapp does, whatever it is asked; in this process."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

import gevent
from gevent.server import StreamServer

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-cache, no-store, must-revalidate, no-transform\r\nX-Accel-Buffering: no\r\n"
    b"X-Request-Id: req_application01\r\nConnection: close\r\n"
)
OPENING = b": Connected to chat stream\nretry: 3000\nid: log-0\n\n"
ENDING = b'id: log-1000000\nevent: done\ndata: {"finish_reason":"stop"}\n\n'


def token(number: int) -> bytes:
    return b'id: log-%d\nevent: token\ndata: {"text":" word%d"}\n\n' % (number, number)


class Talker:
    """Gives `tokens` tokens, `pause_s` apart; a context manager. To a proxy of HTTP/1.0 it sends no chunks."""

    def __init__(self, tokens: int = 240, pause_s: float = 0.006) -> None:
        self._tokens = tokens
        self._pause_s = pause_s
        self._server = StreamServer(("127.0.0.1", 0), self._serve)

    @property
    def port(self) -> int:
        port: int | None = self._server.server_port
        assert port, "it was not started"
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(timeout=0)

    def _serve(self, client: socket.socket, _address: object) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(65_536)
        in_chunks = b"HTTP/1.1\r\n" in request
        try:
            client.sendall(HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if in_chunks else b"\r\n"))
            self._talk(client, in_chunks=in_chunks)
        except OSError:
            pass  # the reader has left
        finally:
            client.close()

    def _talk(self, client: socket.socket, *, in_chunks: bool) -> None:
        def send(data: bytes) -> None:
            client.sendall(b"%x\r\n%s\r\n" % (len(data), data) if in_chunks else data)

        send(OPENING)
        gevent.sleep(0.1)
        for number in range(1, self._tokens + 1):
            send(token(number))
            gevent.sleep(self._pause_s)
        send(ENDING)
        if in_chunks:
            client.sendall(b"0\r\n\r\n")
