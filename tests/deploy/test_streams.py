"""Streams through the shipped proxies, in lockstep: upstream speaks only after the reader has heard."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.lockstep import LockstepUpstream, Stream
from tests.deploy.proxy import Apache, Nginx, Proxy
from tests.server import RunningServer

WORDS = ["One", " two", " three", " four", " five"]
HEARTBEAT_MS = 4000
BEFORE_A_HEARTBEAT_S = 3.5


@pytest.fixture(scope="module")
def upstream() -> Iterator[LockstepUpstream]:
    with LockstepUpstream() as running:
        yield running


@pytest.fixture(scope="module")
def server(upstream: LockstepUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = {
        "OPENAI_BASE_URL": upstream.url,
        "OPENAI_API_KEY": "key-for-the-test",
        "OPENAI_SSE_HEARTBEAT_MS": str(HEARTBEAT_MS),
    }
    with RunningServer(tmp_path_factory.mktemp("server"), settings) as running:
        yield running


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            each, id=each.program, marks=pytest.mark.skipif(not each.path(), reason=f"no {each.program}")
        )
        for each in (Nginx, Apache)
    ],
)
def proxy(
    request: pytest.FixtureRequest, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    program: type[Proxy] = request.param
    with program(tmp_path_factory.mktemp(program.program) / "proxy", server.port) as running:
        yield running


def chat(proxy: Proxy, server: RunningServer, upstream: LockstepUpstream) -> Stream:
    """A new conversation through the proxy, with its answer begun."""
    body = {"message": "Count to five.", "model": "gpt-4o-mini"}
    stream = Stream(proxy.port, "/api/v1/chat", body, {"Authorization": f"Bearer {server.token}"})
    assert stream.response.status == 200, stream.response.read()
    upstream.wait_until_asked()
    return stream


def test_tokens_come_one_by_one(proxy: Proxy, server: RunningServer, upstream: LockstepUpstream) -> None:
    with chat(proxy, server, upstream) as stream:
        for word in WORDS:
            upstream.give(word)
            assert stream.next_event("token") == {"text": word}
        upstream.end()
        assert stream.next_event("done") == {"finish_reason": "stop"}
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert "Content-Length" not in stream.response.headers
        assert "Content-Encoding" not in stream.response.headers


def test_a_heartbeat_crosses_a_silence(
    proxy: Proxy, server: RunningServer, upstream: LockstepUpstream
) -> None:
    with chat(proxy, server, upstream) as stream:
        upstream.give("And now silence.")
        stream.next_event("token")
        assert stream.next_event("heartbeat")["t"] > 0
        upstream.end()
        stream.next_event("done")


def test_a_hang_up_reaches_upstream(proxy: Proxy, server: RunningServer, upstream: LockstepUpstream) -> None:
    stream = chat(proxy, server, upstream)
    upstream.give("Goodbye.")
    stream.next_event("token")
    stream.hang_up()

    if isinstance(proxy, Nginx):  # at once, with no byte and no heartbeat to help
        assert upstream.hung_up(BEFORE_A_HEARTBEAT_S)
    else:  # Apache looks at its client only when it has something to write
        assert any(hung_up_after_a_word(upstream) for _ in range(20))


def hung_up_after_a_word(upstream: LockstepUpstream) -> bool:
    upstream.give(" still there?")
    return upstream.hung_up(0.1)


@pytest.mark.parametrize("prefix", ["/api/v1/generations", "/generations/generate", "/api/v1/turns"])
def test_a_stream_token_opens_its_stream_and_is_in_no_log(
    proxy: Proxy, server: RunningServer, upstream: LockstepUpstream, prefix: str
) -> None:
    """Neither while it is good, nor when it is refused, nor when the reader comes back."""
    signed_in = {"Authorization": f"Bearer {server.token}"}
    turn = asked(proxy, "POST", "/api/v1/turns", signed_in, {"message": "Hi", "model": "gpt-4o-mini"})
    upstream.wait_until_asked()
    upstream.give("Hello")
    name = turn["turn_id"] if prefix.endswith("turns") else turn["generations"][0]["id"]
    told = asked(proxy, "POST", f"{prefix}/{name}/stream-token", signed_in)
    assert told["stream_url"] == f"{prefix}/{name}/stream"
    address = f"{told['stream_url']}?token={told['sse_token']}"
    referer = {"Referer": f"http://elsewhere.example{address}"}

    with Stream(proxy.port, address, None, referer) as stream:
        assert stream.response.status == 200
        assert stream.next_event("token") == {"text": "Hello"}
        upstream.end()
        stream.next_event("done")
        last_id = stream.last_id
    assert status_of(proxy, address, referer) == 401
    assert status_of(proxy, address, {"Last-Event-ID": last_id}) == 204
    assert status_of(proxy, f"{address}x", referer) == 401

    server.wait_for_log(f'"GET {told["stream_url"]} HTTP/1.1" 204')
    logs = server.log_text() + proxy.log_text()
    assert told["sse_token"] not in logs
    assert '"kind": "stream token", "reason": "spent"' in logs


def asked(
    proxy: Proxy, method: str, path: str, headers: dict[str, str], body: dict[str, str] | None = None
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=20)
    try:
        sent = {**headers, "Content-Type": "application/json"} if body else headers
        connection.request(method, path, json.dumps(body) if body else None, sent)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def status_of(proxy: Proxy, path: str, headers: dict[str, str]) -> int:
    with Stream(proxy.port, path, None, headers) as stream:
        return stream.response.status


def test_no_log_has_the_query(proxy: Proxy, server: RunningServer) -> None:
    path = "/api/v1/generations/unknown/stream"
    with Stream(
        proxy.port, f"{path}?token=SECRET", {}, {"Referer": "http://a.example/?token=SECRET"}
    ) as stream:
        assert stream.response.status == 405

    server.wait_for_log(f"{path} HTTP/1.1")
    assert "SECRET" not in server.log_text() + proxy.log_text()
