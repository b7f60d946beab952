"""The shipped nginx and Apache files, in Debian's real programs, in front of servers of the test's own."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.dribble import dribble
from tests.deploy.proxy import Apache, Nginx, Proxy
from tests.deploy.recorder import Recorder
from tests.server import free_port

REQUEST_ID = re.compile(r"req_[A-Za-z0-9]{8,64}")
HEAD_S = {
    Nginx: {"client_header_timeout 60s;": "client_header_timeout 1s;"},
    Apache: {"header=60": "header=1"},
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            proxy, id=proxy.program, marks=pytest.mark.skipif(not proxy.path(), reason=f"no {proxy.program}")
        )
        for proxy in (Nginx, Apache)
    ],
)
def program(request: pytest.FixtureRequest) -> type[Proxy]:
    chosen: type[Proxy] = request.param
    return chosen


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with Recorder() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(
    program: type[Proxy], recorder: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp(program.program) / "proxy"
    with program(folder, recorder.port, HEAD_S[program]) as running:
        yield running


@pytest.fixture(scope="module")
def lonely_proxy(program: type[Proxy], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy whose application is not there."""
    with program(tmp_path_factory.mktemp(program.program) / "lonely", free_port()) as running:
        yield running


def ask(
    proxy: Proxy, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def error_of(response: http.client.HTTPResponse, body: bytes) -> dict[str, Any]:
    assert response.headers.get_content_type() == "application/json"
    error: dict[str, Any] = json.loads(body)
    assert set(error) == {"code", "message", "request_id"}
    assert REQUEST_ID.fullmatch(error["request_id"])
    return error


@pytest.mark.parametrize("path", ["/api/ready", "/api/v1/turns/1/stream", "/c/session-20250819-143022-a1b2"])
def test_an_application_that_is_down_is_a_502_in_json(lonely_proxy: Proxy, path: str) -> None:
    response, body = ask(lonely_proxy, "GET", path)

    assert response.status in (502, 503)
    error = error_of(response, body)
    assert error["code"] in ("BAD_GATEWAY", "UNAVAILABLE")
    assert response.headers["X-Request-Id"] == error["request_id"]
    assert response.headers["Retry-After"] == "5"


def test_a_body_over_the_limit_is_a_413_in_json(proxy: Proxy) -> None:
    response, body = ask(proxy, "POST", "/api/v1/chat", body=b" " * 1_100_000)

    assert response.status == 413
    error = error_of(response, body)
    assert error["code"] == "TOO_LARGE"
    assert response.headers["X-Request-Id"] == error["request_id"]


def test_an_address_that_is_too_long_is_a_414_in_json(proxy: Proxy) -> None:
    response, body = ask(proxy, "GET", "/" + "a" * 40_000)

    assert response.status == 414
    error = error_of(response, body)
    assert error["code"] == "URI_TOO_LONG"
    assert response.headers["X-Request-Id"] == error["request_id"]


def test_a_request_that_is_not_http_is_a_400_in_json(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 20) as client:
        client.sendall(b"GET /api/health HTTP/1.1\r\nHost: \x01\r\n\r\n")
        answer = client.recv(65_536)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    error = json.loads(body)
    assert error["code"] == "BAD_REQUEST"
    assert REQUEST_ID.fullmatch(error["request_id"])


@pytest.mark.parametrize("status", [401, 404, 413, 500, 502, 503])
def test_an_error_of_the_application_passes_untouched(proxy: Proxy, status: int) -> None:
    response, body = ask(proxy, "GET", f"/answer/{status}")

    assert response.status == status
    assert response.headers.get_content_type() == "text/html"
    assert response.headers.get_all("X-Request-Id") == ["req_application01"]
    assert body == b"<h1>the application's own answer</h1>"


def test_the_application_learns_the_clients_address_and_nothing_that_it_claims(
    proxy: Proxy, recorder: Recorder
) -> None:
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "666",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6",
    }
    ask(proxy, "GET", "/", claims)

    assert recorder.headers["x-forwarded-for"] == ["127.0.0.1"]
    assert recorder.headers["x-forwarded-proto"] == ["http"]
    assert recorder.headers["x-forwarded-host"] == [f"127.0.0.1:{proxy.port}"]
    assert recorder.headers["host"] == [f"127.0.0.1:{proxy.port}"]
    assert not {"forwarded", "x-forwarded-port", "x-forwarded-prefix"} & set(recorder.headers)


def test_a_request_id_of_the_right_shape_is_kept(proxy: Proxy, recorder: Recorder) -> None:
    ask(proxy, "GET", "/", {"X-Request-Id": "req_fromTheClient1"})
    assert recorder.headers["x-request-id"] == ["req_fromTheClient1"]

    ask(proxy, "GET", "/", {"X-Request-Id": 'req_"injected" id'})
    [made] = recorder.headers["x-request-id"]
    assert REQUEST_ID.fullmatch(made)


@pytest.mark.parametrize(
    "path", ["/api/v1/generations/1/stream", "/api/v1/turns/1/stream", "/generations/generate/1/stream"]
)
def test_no_query_reaches_a_log(proxy: Proxy, lonely_proxy: Proxy, path: str) -> None:
    for each in (proxy, lonely_proxy):
        ask(each, "GET", f"{path}?token=SECRET1", {"Referer": "http://elsewhere.example/?token=SECRET2"})

        wait_for_line(each, path)
        assert "SECRET" not in each.log_text()


def wait_for_line(proxy: Proxy, words: str) -> None:
    """A proxy writes its line after the answer has left."""
    for _ in range(200):
        if words in proxy.access_log_text():
            return
        time.sleep(0.05)
    raise AssertionError(f"{words!r} was never logged: {proxy.access_log_text()}")


def test_a_head_that_dribbles_is_closed(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 20) as client:
        assert dribble(client), "the proxy still takes the head in"
