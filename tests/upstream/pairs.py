"""Connections whose other end the test holds."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import gevent

from chatapp.upstream.answer import Answer
from chatapp.upstream.connection import Connection
from tests.upstream.certificates import client_tls, server_tls


@contextmanager
def connected(kind: int = socket.SOCK_STREAM) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection, and the far end of it. Nothing in here may take longer than 30 s."""
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    connection = Connection(near)
    try:
        with gevent.Timeout(30):
            yield connection, far
    finally:
        connection.close()
        far.close()


@contextmanager
def arriving(pieces: Iterable[bytes], *, method: str = "GET") -> Iterator[Answer]:
    """An answer whose bytes arrive in exactly these pieces, and then the end of the connection."""
    # Of a sequence of packets each read takes one, however many have arrived.
    with connected(socket.SOCK_SEQPACKET) as (connection, far):
        sending = gevent.spawn(_send, far, pieces)
        try:
            yield Answer(connection, method)
        finally:
            sending.kill()


def _send(far: socket.socket, pieces: Iterable[bytes]) -> None:
    try:
        for piece in pieces:
            far.sendall(piece)
    except OSError:
        pass  # the answer was refused
    far.close()


def bytewise(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


@contextmanager
def connected_by_tls() -> Iterator[tuple[Connection, ssl.SSLSocket]]:
    """A connection within TLS, and the far end of it."""
    near, far = socket.socketpair()
    shaking = gevent.spawn(server_tls("far.example").wrap_socket, far, server_side=True)
    connection = Connection(client_tls().wrap_socket(near, server_hostname="far.example"))
    wrapped = shaking.get(timeout=10)
    try:
        with gevent.Timeout(30):
            yield connection, wrapped
    finally:
        connection.close()
        wrapped.close()


def sees_the_end(far: socket.socket) -> bool:
    """Whether the far end reads an end, or a reset, within ten seconds."""
    far.settimeout(10)
    try:
        while far.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True
