"""A reader that does not read: bounded in memory, and nobody else's business."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.scripted_upstream import LAST_CHUNK, STREAM_HEAD, ScriptedUpstream, Step, chunk, delta
from tests.server import RunningServer
from tests.streaming.wire import Client

TOKENS = 1500
TEXT = "x" * 4000
SIZE = TOKENS * len(TEXT)
"""About 6 MB: more than the sockets between take."""


def _request(server: RunningServer, head: str, body: bytes = b"") -> bytes:
    auth = f"Authorization: Bearer {server.token}\r\n"
    json_head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{head} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{auth}{json_head}\r\n".encode() + body


def _resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_slow_reader_costs_a_position_and_slows_nobody(tmp_path: Path) -> None:
    script: list[Step] = [STREAM_HEAD, *[chunk(delta(TEXT))] * TOKENS, chunk(delta("", "stop")), LAST_CHUNK]
    with ScriptedUpstream(script) as upstream:
        settings = {
            "OPENAI_BASE_URL": upstream.base_url,
            "CHATAPP_MODELS": "gpt-6-luna",
            "CHATAPP_MAX_OUTPUT_TOKENS": "1000000",
            "CHATAPP_STREAMS_PER_USER": "21",
        }
        with RunningServer(tmp_path, settings) as server:
            before = _resident_kib(server.worker_pids()[0])
            body = json.dumps({"message": "Hello"}).encode()
            with socket.create_connection(("127.0.0.1", server.port), timeout=30) as starting:
                starting.sendall(_request(server, "POST /api/v1/turns", body))
                url = json.loads(_body(starting))["stream_url"]
            slow = [_follow(server, url, small=True) for _ in range(20)]
            with _follow(server, url) as fast:
                client = Client()
                client.feed(_dechunked(_body(fast)))
            assert client.text() == TEXT * TOKENS
            grown = _resident_kib(server.worker_pids()[0]) - before
            assert grown * 1024 < 10 * SIZE, "twenty slow readers do not hold twenty copies"
            for each in slow:
                late = Client()
                late.feed(_dechunked(_body(each)))
                assert late.text() == client.text()
                each.close()


def _follow(server: RunningServer, url: str, *, small: bool = False) -> socket.socket:
    follower = socket.socket()
    if small:
        follower.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    follower.settimeout(30)
    follower.connect(("127.0.0.1", server.port))
    follower.sendall(_request(server, f"GET {url}"))
    return follower


def _body(connection: socket.socket) -> bytes:
    """What follows the head, to the end of the connection."""
    received = bytearray()
    while data := connection.recv(1 << 20):
        received += data
    return bytes(received.partition(b"\r\n\r\n")[2])


def _dechunked(body: bytes) -> bytes:
    parts: list[bytes] = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)
