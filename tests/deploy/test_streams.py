"""Streams through the shipped proxies, in lockstep: upstream speaks only after the reader has heard."""

from __future__ import annotations

from collections.abc import Iterator

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


def test_no_log_has_the_query(proxy: Proxy, server: RunningServer) -> None:
    path = "/api/v1/generations/unknown/stream"
    with Stream(
        proxy.port, f"{path}?token=SECRET", {}, {"Referer": "http://a.example/?token=SECRET"}
    ) as stream:
        assert stream.response.status in (401, 404, 405)

    server.wait_for_log(f"{path} HTTP/1.1")
    assert "SECRET" not in server.log_text() + proxy.log_text()
