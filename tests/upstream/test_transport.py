"""The transport in a plain client: what comes back, and when a connection serves again."""

from __future__ import annotations

import socket

import httpx2
import pytest
from gevent.event import Event

from tests.scripted_upstream import (
    LAST_CHUNK,
    STREAM_HEAD,
    UNTIL_READ,
    End,
    Script,
    ScriptedUpstream,
    Step,
    chunk,
    respond,
)
from tests.upstream.mounted import mounted
from tests.upstream.servers import HELLO, HELLO_BYTES, serving


def test_an_answer_as_the_client_sees_it() -> None:
    script: Script = [
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n",
        b"HTTP/1.1 404 Nothing\r\nX-One: 1\r\nx-one: 2\r\nContent-Length: 5\r\n\r\nhello",
    ]
    with ScriptedUpstream(script) as server, mounted() as client:
        answer = client.get(server.base_url)
    assert (answer.status_code, answer.content, answer.http_version) == (404, b"hello", "HTTP/1.1")
    assert answer.headers.multi_items() == [("x-one", "1"), ("x-one", "2"), ("content-length", "5")]


def test_http_1_0_is_understood_and_hangs_up() -> None:
    script: Script = [b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello"]
    with ScriptedUpstream(script) as server, mounted() as client:
        for _ in range(2):
            answer = client.get(server.base_url)
            assert (answer.content, answer.http_version) == (b"hello", "HTTP/1.0")
        assert server.requests[0].hung_up.wait(10)
        assert server.connections == 2


def test_head_is_answered_by_a_head() -> None:
    script: Script = [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"]
    with ScriptedUpstream(script, HELLO) as server, mounted() as client:
        assert client.head(server.base_url).headers["content-length"] == "5"
        assert client.get(server.base_url).content == b"hello"


def test_a_body_is_handed_out_as_it_arrives() -> None:
    steps = [Event() for _ in range(3)]
    script: list[Step] = [STREAM_HEAD]
    for number, step in enumerate(steps):
        script += [step, chunk(b"%d" % number)]
    with ScriptedUpstream([*script, LAST_CHUNK]) as server, mounted() as client:
        with client.stream("GET", server.base_url) as answer:
            body = answer.iter_raw()
            for number, step in enumerate(steps):
                step.set()  # the server goes on when the last piece was read here
                assert next(body) == b"%d" % number
            assert list(body) == []


def twice(*script: Step) -> tuple[bytes, int]:
    """The answer to a second request after `script` was the answer to the first, and over how many connections."""
    with ScriptedUpstream(script, HELLO) as server, mounted() as client:
        client.get(server.base_url)
        return client.get(server.base_url).content, server.connections


def test_connections_serve_again_when_the_answer_has_come_to_its_end() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    assert twice(head, b"\r\no", UNTIL_READ, b"k") == (b"hello", 1)
    assert twice(STREAM_HEAD, chunk(b"ok"), UNTIL_READ, LAST_CHUNK) == (b"hello", 1)
    assert twice(b"HTTP/1.1 204 None\r\n\r\n") == (b"hello", 1)
    assert twice(head, b"Connection: close\r\n\r\nok") == (b"hello", 2)
    assert twice(head, b"\r\nok!") == (b"hello", 2)
    assert twice(STREAM_HEAD, LAST_CHUNK, *HELLO) == (b"hello", 2)
    assert twice(b"HTTP/1.1 200 OK\r\n\r\nok", End.CLOSE) == (b"hello", 2)


def test_bytes_that_come_after_an_answer_are_nobodys_answer() -> None:
    late = Event()
    script: Script = [*HELLO, late, *respond(200, b"evil")]
    with ScriptedUpstream(script, HELLO) as server, mounted() as client:
        client.get(server.base_url)
        late.set()
        assert not server.requests[0].hung_up.wait(0.05)
        assert client.get(server.base_url).content == b"hello"
        assert server.connections == 2


def test_a_server_that_closed_meanwhile_is_asked_over_a_new_connection() -> None:
    def serve(client: socket.socket, _: object) -> None:
        heard.append(client.recv(65536))
        client.sendall(HELLO_BYTES)
        close.wait()
        client.close()
        closed.set()

    heard: list[bytes] = []
    close, closed = Event(), Event()
    with serving(serve) as address, mounted() as client:
        assert client.get(address).content == b"hello"
        close.set()
        assert closed.wait(10)
        assert client.get(address).content == b"hello"
        assert len(heard) == 2


FAILURES: dict[str, Script] = {
    "closed at once": [End.CLOSE],
    "reset at once": [End.RESET],
    "closed amid the head": [b"HTTP/1.1 200 OK\r\nContent-", End.CLOSE],
    "reset amid the head": [b"HTTP/1.1 200 OK\r\nContent-", UNTIL_READ, End.RESET],
    "closed after the head": [STREAM_HEAD, End.CLOSE],
    "reset after the head": [STREAM_HEAD, UNTIL_READ, End.RESET],
    "closed amid the body": [STREAM_HEAD, chunk(b"words"), b"5", End.CLOSE],
    "reset amid the body": [STREAM_HEAD, chunk(b"words"), UNTIL_READ, End.RESET],
    "garbage": [b"nonsense\r\n\r\n"],
    "garbage amid the body": [STREAM_HEAD, chunk(b"words"), b"zz\r\n"],
    "less than it said": [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwords", End.CLOSE],
    "an upgrade": [b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("script", FAILURES.values(), ids=FAILURES.keys())
def test_a_failure_says_so_after_all_that_came_and_gives_the_place_back(script: Script, kept: bool) -> None:
    scripts = [HELLO, script, script, HELLO] if kept else [script, script, HELLO]
    with ScriptedUpstream(*scripts) as server, mounted() as client:
        if kept:
            client.get(server.base_url)
        for _ in range(2):
            body = b""
            with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)) as caught:
                with client.stream("GET", server.base_url) as answer:
                    for piece in answer.iter_raw():
                        body += piece
            assert caught.value.request.url == server.base_url
            assert body == b"".join(
                b"words" for step in script if isinstance(step, bytes) and b"words" in step
            )
        assert client.get(server.base_url).content == b"hello"


def test_what_the_server_says_before_it_has_read_everything_is_heard() -> None:
    def serve(client: socket.socket, _: object) -> None:
        client.recv(100)
        client.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 4\r\n\r\nlong")
        said.set()
        client.close()  # with bytes unread: the connection is reset, and sending fails

    said = Event()
    with serving(serve) as address, mounted() as client:
        for _ in range(2):
            answer = client.post(address, content=b"x" * 20_000_000)
            assert (answer.status_code, answer.content) == (413, b"long")


def test_a_request_that_is_not_taken_spoils_the_connection_and_not_the_place() -> None:
    def serve(client: socket.socket, _: object) -> None:
        if b"POST" in client.recv(100):
            over.wait()
        else:
            client.sendall(HELLO_BYTES)

    over = Event()
    with serving(serve) as address, mounted(write_s=0.1) as client:
        for _ in range(2):
            with pytest.raises(httpx2.WriteTimeout):
                client.post(address, content=b"x" * 20_000_000)
        assert client.get(address).content == b"hello"
        over.set()
