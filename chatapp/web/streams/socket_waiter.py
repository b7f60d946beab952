"""A waiter that sends what arrives itself, from the event loop, and lets the greenlet sleep.

The view's answer is a generator, and that is the way everything takes which is not plain news: the opening, snapshots,
heartbeats, ends, and readers who are too slow. This shortens it for the rest: no greenlet is entered, and neither
gunicorn's nor gevent's layers of writing. Saves 7 of 54 µs a token at 100 streams of 50 tokens a second (the table of
attempts in docs/performance.md); `CHATAPP_DIRECT_WRITES=0` leaves it to the server.
"""

from __future__ import annotations

import os
import ssl
from socket import socket
from typing import Any

from gevent import getcurrent
from gevent.hub import get_hub
from greenlet import greenlet

from chatapp.streaming.waiter import Arrived, Waiter
from chatapp.web.streams.waiter import GreenletWaiter


def waiter_for(environ: dict[str, Any], *, direct: bool) -> Waiter:
    """The waiter for a streamed answer to this request. `direct` allows to write past the server."""
    client = environ.get("gunicorn.socket")
    # Only HTTP/1.1 is answered in chunks, and only where there is a body.
    chunked = environ["SERVER_PROTOCOL"] == "HTTP/1.1" and environ["REQUEST_METHOD"] != "HEAD"
    if client is None or isinstance(client, ssl.SSLSocket) or not chunked or not direct:
        return GreenletWaiter()
    return SocketWaiter(client)


class SocketWaiter:
    """See chatapp.streaming.waiter.Waiter. One greenlet waits; any greenlet of the same thread wakes.

    While it waits, the server has written all that the greenlet yielded, so that the next bytes may be ours.
    """

    __slots__ = ("_arrived", "_client", "_descriptor", "_greenlet", "_hub", "_rest", "_woken")

    def __init__(self, client: socket) -> None:
        """`client` is a connection whose answer is sent in chunks (RFC 9112, section 7.1)."""
        self._client = client
        self._descriptor = client.fileno()
        self._hub = get_hub()
        self._greenlet: greenlet | None = None
        self._arrived: Arrived | None = None
        self._woken = False
        self._rest = b""

    def wait(self, arrived: Arrived) -> None:
        """Raises OSError when the reader is gone."""
        if self._woken:
            self._woken = False
            return
        self._greenlet, self._arrived = getcurrent(), arrived
        try:
            self._hub.switch()
        finally:
            self._greenlet = self._arrived = None
            self._woken = False
        if self._rest:
            rest, self._rest = self._rest, b""
            self._client.sendall(rest)

    def wake(self) -> None:
        if self._greenlet is not None and not self._woken:
            self._hub.loop.run_callback(self._go_on)
        self._woken = True

    def _go_on(self) -> None:
        """Runs in the event loop."""
        sleeper, arrived = self._greenlet, self._arrived
        if sleeper is None or arrived is None:
            return  # it was ended in the meantime
        self._woken = False
        try:
            while frames := arrived():
                if not self._sent(frames):
                    break
            else:
                if frames is not None:
                    return
        except Exception as error:  # noqa: BLE001 - it is for who sleeps, and not for the event loop
            sleeper.throw(error)
        else:
            sleeper.switch()

    def _sent(self, frames: bytes) -> bool:
        """Whether the socket took all of it; the greenlet sends the rest."""
        chunk = b"%x\r\n%b\r\n" % (len(frames), frames)
        try:
            sent = os.write(self._descriptor, chunk)
        except BlockingIOError:
            sent = 0
        self._rest = chunk[sent:]
        return not self._rest
