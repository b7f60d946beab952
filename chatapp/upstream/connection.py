"""One connection to upstream: bytes out, bytes in.

Reading has no limit in time here: patience is one clock for all streams, in the caller, not a timer per read.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx2
from gevent.hub import get_hub

Take = Callable[[bytes], bool]
"""Is given bytes; says whether more are wanted."""
Over = Callable[[Exception | None], None]
"""Is told that no more will come, and why; None where all has come that was wanted."""

_READ_BYTES = 64 * 1024
_READABLE = 1


class Connection:
    """Belongs to one request at a time. Raises what httpx2's own transports raise."""

    __slots__ = ("__weakref__", "_closed", "_hub", "_read", "_readable", "_socket", "sound")

    def __init__(self, client: socket.socket) -> None:
        """Takes over `client`, whose handshake is done."""
        self.sound = True
        """Whether nothing has gone wrong on it so far."""
        self._closed = False
        self._socket = client
        self._socket.settimeout(0.0)
        self._hub = get_hub()
        self._readable = self._hub.loop.io(client.fileno(), _READABLE)
        # Nothing that refers to this object: only the collector of cycles would free it then.
        self._read: Callable[[int], bytes] = (
            client.recv if isinstance(client, ssl.SSLSocket) else partial(os.read, client.fileno())
        )

    def send(self, request: bytes, patience_s: float | None) -> None:
        """Sends all of it. Raises WriteTimeout when that takes longer than `patience_s` seconds, and WriteError."""
        try:
            self._socket.settimeout(patience_s)
            self._socket.sendall(request)
            self._socket.settimeout(0.0)
        except TimeoutError as error:
            self.sound = False
            raise httpx2.WriteTimeout("upstream does not take the request") from error
        # gevent's TLS sockets have lost a part when they are closed while they send.
        except (OSError, AttributeError) as error:
            self.sound = False
            raise httpx2.WriteError(str(error)) from error

    def receive(self) -> bytes:
        """What has arrived, once something has; empty at the end. Raises ReadError, also when it is closed meanwhile.

        For heads, for bodies that are no streams, and for what ends an answer; tokens come by `follow`.
        Whatever is thrown into the waiting greenlet goes on its way.
        """
        while not self._closed:
            # Waiting first, then reading once: the socket's own way is to try, to fail and to wait. With TLS it is as
            # good, because OpenSSL takes no more than one record from the kernel, and that is no more than is read.
            self._hub.wait(self._readable)
            if self._closed:
                break  # by another greenlet, in the moment in which something arrived
            try:
                return self._read(_READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                continue  # woken for nothing, or by a part of a record
            except OSError as error:
                self.sound = False
                raise httpx2.ReadError(str(error)) from error
        raise httpx2.ReadError("the connection was closed")

    def follow(self, take: Take, over: Over) -> None:
        """Calls `take` with what arrives until it wants no more, then `over`, once: with ReadError, with what `take`
        raised, or with None. Both are called in the event loop, where nothing may wait."""
        if self._closed:
            over(httpx2.ReadError("the connection was closed"))
        else:
            self._readable.start(_Following(self._readable, self._read, take, over).readable)

    def is_quiet(self) -> bool:
        """Whether nothing has arrived that nobody asked for; the end is something, a TLS ticket is not."""
        try:
            self._read(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Hangs up. A greenlet that waits in `receive` gets a ReadError. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self.sound = False
        # The descriptor goes after the watcher: closed under a watcher that waits, it would live on for a while.
        lost = httpx2.ReadError("the connection was closed")
        self._hub.cancel_waits_close_and_then((self._readable,), lost, self._socket.close)


class _Following:
    """Passes on what arrives. No greenlet waits meanwhile, and none is entered for a token: saves 5 of 60 µs of it (the
    table of attempts in docs/performance.md)."""

    __slots__ = ("_over", "_read", "_take", "_watcher")

    def __init__(self, watcher: Any, read: Callable[[int], bytes], take: Take, over: Over) -> None:
        self._watcher = watcher
        self._read = read
        self._take = take
        self._over = over

    def readable(self) -> None:
        """Runs in the event loop."""
        try:
            data = self._read(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # woken for nothing, or by a part of a record
        except OSError as error:
            lost = httpx2.ReadError(str(error))
            lost.__cause__ = error
            self.throw(lost)
            return
        try:
            if self._take(data):
                return
        except Exception as error:  # noqa: BLE001 - it is for who follows, and not for the event loop
            self.throw(error)
        else:
            self.throw(None)

    def throw(self, error: Exception | None) -> None:
        """The end. The name is gevent's, which calls it as a greenlet's when the connection is closed meanwhile."""
        if self._watcher.active:
            self._watcher.stop()
        self._over(error)
