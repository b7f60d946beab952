"""Limits in the real server: two workers that count together, and bodies that are refused before they are here."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator

import pytest
from gevent.event import Event

from chatapp.web.body_size import PASSWORDS
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.server import RunningServer
from tests.turns.house import until
from tests.valkey import RunningValkey


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shared_valkey: RunningValkey) -> Iterator[RunningServer]:
    never = Event()
    script = answer("Hello", "!")
    script.insert(3, never)
    shared_valkey.flush()
    with ScriptedUpstream(script) as upstream:
        settings = {
            "OPENAI_BASE_URL": upstream.base_url,
            "CHATAPP_MODELS": "gpt-6-luna",
            "CHATAPP_STREAMS_PER_USER": "4",
            "CHATAPP_RATE_LIMITS": "1",
            "CHATAPP_MESSAGES_PER_MINUTE": "5",
            "REDIS_URL": shared_valkey.url,
            "WEB_CONCURRENCY": "2",
        }
        with RunningServer(tmp_path_factory.mktemp("server"), settings) as running:
            yield running
        never.set()


def test_two_workers_count_together_and_a_hang_up_frees(
    server: RunningServer, shared_valkey: RunningValkey
) -> None:
    sent = [_ask(server, "POST", "/api/v1/turns", {"message": "Hi"}) for _ in range(20)]
    assert sorted(status for status, _ in sent) == [202] * 5 + [429] * 15
    url = next(json.loads(body)["stream_url"] for status, body in sent if status == 202)
    streams = [_open(server, url) for _ in range(12)]
    statuses = [stream.getresponse().status for stream in streams]
    assert sorted(statuses) == [200] * 4 + [429] * 8
    for stream in streams:
        stream.close()
    until(lambda: shared_valkey.redis.keys("chatapp:streams:*") == [])


def test_a_body_that_tells_no_length_is_refused_before_it_is_here(server: RunningServer) -> None:
    head = "Host: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b" " * 0x1000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(f"POST /api/v1/auth/token HTTP/1.1\r\n{head}".encode())
        client.sendall(chunk * (PASSWORDS // 0x1000 + 1))  # and no last one: it never ends
        answered = b""
        while b"}" not in answered and (more := client.recv(65_536)):
            answered += more
    assert answered.startswith(b"HTTP/1.1 413"), answered
    assert json.loads(answered.partition(b"\r\n\r\n")[2])["code"] == "TOO_LARGE"


def test_a_length_alone_is_enough(server: RunningServer) -> None:
    head = f"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Length: {PASSWORDS + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as client:
        client.sendall(head.encode())
        assert client.recv(65_536).startswith(b"HTTP/1.1 413")


def _ask(server: RunningServer, method: str, path: str, body: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body), headers)
    answered = connection.getresponse()
    told = answered.status, answered.read()
    connection.close()
    return told


def _open(server: RunningServer, path: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
    return connection
