"""Servers of a few lines, in this process."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gevent.server import StreamServer

Serve = Callable[[socket.socket, bytes], None]
"""Takes a connection and what of a request has come, its head at least."""


@contextmanager
def serving(serve: Serve, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The address of a server that treats each request as `serve` does."""

    def handle(client: socket.socket, _address: object) -> None:
        try:
            with tls.wrap_socket(client, server_side=True) if tls else client as connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    data = connection.recv(65_536)
                    if not data:
                        return
                    request += data
                serve(connection, request)
        except OSError:
            pass  # the tester has left
        finally:
            client.close()

    server = StreamServer(("127.0.0.1", 0), handle)
    server.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=0)


def saying(answer: bytes) -> Serve:
    def serve(client: socket.socket, _request: bytes) -> None:
        client.sendall(answer)

    return serve
