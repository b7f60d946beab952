"""The simulator on a loopback port, served by gevent: a real server even in the process that calls it."""

from __future__ import annotations

import secrets
import socket
from typing import Any

import gevent
from gevent.pywsgi import WSGIHandler, WSGIServer

from chatapp.upstream.simulator.application import HUNG_UP, Simulator
from chatapp.upstream.simulator.pace import Pace


class SimulatorServer:
    """Listens on 127.0.0.1 alone. The same client, bytes and hang-ups as with a real upstream."""

    def __init__(self, port: int = 0, *, pace: Pace | None = None, api_key: str | None = None) -> None:
        """Port 0 is any that is free; without an `api_key` anybody on this machine may ask."""
        self.api_key = api_key
        self.simulator = Simulator(pace, api_key=api_key, sleep=gevent.sleep)
        self._server = WSGIServer(("127.0.0.1", port), self.simulator, log=None, handler_class=_Handler)

    @classmethod
    def private(cls, pace: Pace | None = None) -> SimulatorServer:
        """One for this process alone: on any free port, with a key that nobody else knows."""
        return cls(pace=pace, api_key=f"simulated-{secrets.token_urlsafe(24)}")

    @property
    def base_url(self) -> str:
        """Where it listens, once it was started."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def start(self) -> None:
        """Listens and returns. Raises OSError if the port is taken."""
        self._server.start()

    def serve_forever(self) -> None:
        """Serves until the process is told to end."""
        self._server.serve_forever()

    def stop(self) -> None:
        """Stops listening and hangs up on whoever is still connected."""
        self._server.stop(timeout=0)


class _Handler(WSGIHandler):
    """Tells the application whether its client has left; nothing else would before the next write."""

    def handle(self) -> None:
        # Without this the kernel holds a token back until the client has acknowledged the last one.
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle()

    def get_environ(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environ()
        environ[HUNG_UP] = self._hung_up
        return environ

    def _hung_up(self) -> bool:
        timeout = self.socket.gettimeout()
        self.socket.settimeout(0.0)
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.socket.settimeout(timeout)
