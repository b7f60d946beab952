"""A client that never finishes its request's head."""

from __future__ import annotations

import socket
import time


def dribble(client: socket.socket) -> bool:
    """Sends a head that never ends, a byte at a time, until the server closes."""
    client.sendall(b"GET /api/health HTTP/1.1\r\nX-Slow: ")
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
