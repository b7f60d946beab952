"""The line between a browser and a server, which a test can cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests.server import RunningServer

_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Cable:
    """Leads to `server` as if it were that server; a context manager. While it is cut, who calls is answered 502, as
    by a proxy whose server has gone."""

    def __init__(self, server: RunningServer) -> None:
        self.email, self.password = server.email, server.password
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._server_port = server.port
        self._is_cut = False
        self._open: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _end(self._listener)
        self.cut()

    def cut(self) -> None:
        """Ends every connection, at both its ends."""
        self._is_cut = True
        while self._open:
            _end(self._open.pop())

    def mend(self) -> None:
        self._is_cut = False

    def _listen(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed
            while True:
                self._lead(self._listener.accept()[0])

    def _lead(self, client: socket.socket) -> None:
        if self._is_cut:
            with contextlib.suppress(OSError), client:
                client.recv(65536)
                client.sendall(_BAD_GATEWAY)
            return
        server = socket.create_connection(("127.0.0.1", self._server_port))
        self._open += [client, server]
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    _end(one)
    _end(other)


def _end(line: socket.socket) -> None:
    """Closes it for good, also under a thread that is waiting on it."""
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
