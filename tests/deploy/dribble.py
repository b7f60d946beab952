"""A client that never finishes its request."""

from __future__ import annotations

import socket
import time

HEAD = b"GET /api/health HTTP/1.1\r\nX-Slow: "


def dribble(client: socket.socket, begun: bytes = HEAD) -> bool:
    """Sends what was `begun` and goes on a byte at a time, without an end, until the server closes."""
    client.sendall(begun)
    client.settimeout(0.2)
    for _ in range(75):
        try:
            client.sendall(b"a")
            if not client.recv(1024):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
        time.sleep(0.05)
    return False
