"""The transport in a plain client: requests that are stopped, bodies that are closed, patience that ends."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import gevent
import httpx2
import pytest
from gevent.event import Event

from tests.scripted_upstream import STREAM_HEAD, End, Script, ScriptedUpstream, chunk
from tests.upstream.calls import Stop
from tests.upstream.certificates import server_tls, trust_file
from tests.upstream.mounted import mounted
from tests.upstream.pairs import sees_the_end
from tests.upstream.servers import HELLO, HELLO_BYTES, serving


def before_the_head() -> Script:
    return [End.HANG]


def amid_the_head() -> Script:
    return [b"HTTP/1.1 200 OK\r\nContent-", End.HANG]


def after_the_head() -> Script:
    return [STREAM_HEAD, End.HANG]


def amid_the_body() -> Script:
    return [STREAM_HEAD, chunk(b"words"), End.HANG]


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("script", [before_the_head, amid_the_head, after_the_head, amid_the_body])
def test_a_stop_hangs_up_and_gives_the_place_back(
    script: Callable[[], Script], secure: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trust_file(tmp_path))
    tls = server_tls("127.0.0.1") if secure else None
    with ScriptedUpstream(script(), script(), HELLO, tls=tls) as server, mounted() as client:
        for turn in range(2):
            asking = gevent.spawn(client.get, server.base_url)
            assert server.wait_for_requests(turn + 1, 10)
            gevent.sleep(0.01)
            asking.kill(Stop, timeout=10)
            assert isinstance(asking.value, Stop)
            assert server.requests[turn].hung_up.wait(10)
        assert client.get(server.base_url).content == b"hello"


def test_a_stop_amid_the_request_hangs_up_and_gives_the_place_back() -> None:
    def serve(client: socket.socket, _: object) -> None:
        if b"POST" in client.recv(100):
            accepted.set()
            stopped.wait()
            if sees_the_end(client):
                hung_up.set()
        else:
            client.sendall(HELLO_BYTES)

    accepted, stopped, hung_up = Event(), Event(), Event()
    with serving(serve) as address, mounted() as client:
        asking = gevent.spawn(client.post, address, content=b"x" * 20_000_000)
        assert accepted.wait(10)
        assert not asking.ready()
        asking.kill(Stop, timeout=10)
        assert isinstance(asking.value, Stop)
        stopped.set()
        assert hung_up.wait(10)
        assert client.get(address).content == b"hello"


def test_closing_a_body_early_hangs_up() -> None:
    with ScriptedUpstream(amid_the_body(), HELLO) as server, mounted() as client:
        with client.stream("GET", server.base_url) as answer:
            assert next(answer.iter_raw()) == b"words"
        assert server.requests[0].hung_up.wait(10)
        assert client.get(server.base_url).content == b"hello"


def test_closing_a_body_that_another_greenlet_reads_ends_its_reading() -> None:
    with ScriptedUpstream(amid_the_body(), HELLO) as server, mounted() as client:
        with client.stream("GET", server.base_url) as answer:
            found: list[bytes] = []
            reading = gevent.spawn(found.extend, answer.iter_raw())
            gevent.sleep(0.05)
            answer.close()
            answer.close()
            reading.join(10)
            assert isinstance(reading.exception, httpx2.ReadError)
        assert server.requests[0].hung_up.wait(10)
        assert client.get(server.base_url).content == b"hello"


def test_an_old_body_does_not_read_from_a_connection_that_serves_another() -> None:
    with ScriptedUpstream(HELLO, amid_the_body()) as server, mounted(2) as client:
        first = client.send(client.build_request("GET", server.base_url), stream=True)
        old = iter(first.stream)  # type: ignore[arg-type]
        assert next(old) == b"hello"
        first.close()
        second = client.send(client.build_request("GET", server.base_url), stream=True)
        assert server.connections == 1
        assert list(old) == []
        first.close()
        assert next(second.iter_raw()) == b"words"
        second.close()


def test_closing_the_transport_ends_open_bodies() -> None:
    with ScriptedUpstream(amid_the_body()) as server, mounted(3) as client:
        answers = [client.send(client.build_request("GET", server.base_url), stream=True) for _ in range(3)]
        bodies = [answer.iter_raw() for answer in answers]
        assert [next(body) for body in bodies] == [b"words"] * 3
        reading = gevent.spawn(next, bodies[0])
        gevent.sleep(0.01)
        client.close()
        with pytest.raises(httpx2.ReadError):
            reading.get(timeout=10)
        for body in bodies[1:]:
            with pytest.raises(httpx2.ReadError):
                next(body)
        for request in server.requests:
            assert request.hung_up.wait(10)


def test_no_more_requests_at_once_than_connections() -> None:
    with ScriptedUpstream(amid_the_body(), amid_the_body(), HELLO) as server, mounted(2) as client:
        answers = [client.send(client.build_request("GET", server.base_url), stream=True) for _ in range(2)]
        for _ in range(3):
            with pytest.raises(httpx2.PoolTimeout) as caught:
                client.get(server.base_url)
            assert caught.value.request.url == server.base_url
        answers[0].close()
        assert client.get(server.base_url).content == b"hello"
        answers[1].close()


def test_a_client_without_patience_waits() -> None:
    go_on = Event()
    with ScriptedUpstream([go_on, *HELLO]) as server, mounted() as client:
        asking = [gevent.spawn(client.get, server.base_url, timeout=None) for _ in range(3)]
        gevent.sleep(0.02)
        assert not any(each.ready() for each in asking)
        go_on.set()
        assert [each.get(timeout=10).content for each in asking] == [b"hello"] * 3
        assert server.connections == 1


def test_the_patience_of_a_single_request_counts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, mounted() as client:
        address = f"127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(httpx2.ConnectTimeout) as connecting:
            client.get(f"https://{address}", timeout=httpx2.Timeout(None, connect=0.02))
        with pytest.raises(httpx2.WriteTimeout) as writing:
            timeout = httpx2.Timeout(None, write=0.02)
            client.post(f"http://{address}", content=b"x" * 50_000_000, timeout=timeout)
        assert connecting.value.request.url == f"https://{address}"
        assert writing.value.request.url == f"http://{address}"
