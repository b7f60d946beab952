"""The HTTP client as the openai client uses it: proxies, certificates, redirects, retries, and what it is not told."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import gevent
import httpx2
import pytest
from gevent.event import Event

from chatapp.config import Settings
from chatapp.errors import ConfigurationError
from chatapp.upstream.attempts import Attempts
from chatapp.upstream.client import Upstream
from chatapp.upstream.connections import http_client
from tests.scripted_upstream import (
    LAST_CHUNK,
    STREAM_HEAD,
    End,
    Script,
    ScriptedUpstream,
    answer,
    chunk,
    refuse,
    respond,
)
from tests.upstream.calls import KEY, REQUEST, Stop, failure, read, text, until, upstream_at
from tests.upstream.certificates import server_tls, trust_file

IDLE = 60
VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def at(address: str) -> Upstream:
    return Upstream(Settings.model_validate({"openai_api_key": KEY, "openai_base_url": address}))


# Proxies.


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_used_towards_a_real_upstream(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedUpstream(answer("a")) as proxy:
        monkeypatch.setenv(variable, proxy.base_url.removesuffix("/v1"))
        upstream = at("http://models.invalid/v1")
        assert read(upstream) == "a"
        upstream.close()
    assert proxy.requests[0].path == "http://models.invalid/v1/chat/completions"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_used_towards_a_real_upstream_within_tls(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedUpstream(respond(403, b"no tunnels")) as proxy:
        monkeypatch.setenv(variable, proxy.base_url.removesuffix("/v1"))
        client = http_client(Settings(), "https://models.invalid/v1", trust_env=True, pool_s=1)
        with pytest.raises(httpx2.ProxyError):
            client.get("https://models.invalid/v1")
        client.close()
    assert (proxy.requests[0].method, proxy.requests[0].path) == ("CONNECT", "models.invalid:443")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "http://127.0.0.1:9"),  # for the other scheme
        ("NO_PROXY", "127.0.0.1"),
        ("no_proxy", "a.example,127.0.0.1"),
        ("NO_PROXY", "*"),
    ],
)
def test_no_proxy_is_used_where_none_is_wanted(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "no" in variable.lower():
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(variable, value)
    with ScriptedUpstream(answer("a")) as server, upstream_at(server) as upstream:
        assert read(upstream) == "a"


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_for_the_world_does_not_catch_the_simulator(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with ScriptedUpstream(answer("a")) as server:
        upstream = Upstream(Settings(), base_url=server.base_url, api_key="made-up")
        assert upstream.simulated
        assert read(upstream) == "a"
        upstream.close()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_stop_amid_a_handshake_through_a_proxy_hangs_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedUpstream([b"HTTP/1.1 200 Connected\r\n\r\n", End.HANG]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1"))
        upstream = at("https://models.invalid/v1")
        greenlet = gevent.spawn(read, upstream)
        assert proxy.wait_for_requests(1, 10)
        gevent.sleep(0.1)
        greenlet.kill(Stop, timeout=10)
        # The greenlet is still held here, and with it the traceback that it ended with.
        assert isinstance(greenlet.value, Stop)
        assert proxy.requests[0].hung_up.wait(10)
        upstream.close()


@pytest.mark.parametrize(
    ("variables", "trust_env", "stock"),
    [
        ({}, True, False),
        ({"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}, True, False),
        ({"HTTPS_PROXY": "http://127.0.0.1:9"}, True, False),
        ({"HTTP_PROXY": "{server}"}, True, True),
        ({"ALL_PROXY": "{server}"}, True, True),
        ({"HTTP_PROXY": "http://127.0.0.1:9"}, False, False),
    ],
)
def test_unless_it_is_asked_for_the_stock_transport_is_for_proxies_alone(
    variables: dict[str, str], trust_env: bool, stock: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedUpstream(respond(200, b"hello")) as server:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(server=server.base_url))
        client = http_client(Settings(), server.base_url, trust_env=trust_env, pool_s=1)
        found = client.get(server.base_url)
        # What the stock transport adds to its answers.
        assert (found.content, "network_stream" in found.extensions) == (b"hello", stock)
        client.close()


@pytest.mark.parametrize("direct", [True, False])
def test_the_stock_transport_can_be_asked_for(direct: bool) -> None:
    settings = Settings.model_validate({"direct_reads": direct})
    with ScriptedUpstream(respond(200, b"hello")) as server:
        client = http_client(settings, server.base_url, trust_env=False, pool_s=1)
        assert ("network_stream" in client.get(server.base_url).extensions) is not direct
        client.close()


# Certificates.


def test_a_server_behind_tls_is_asked_over_one_connection(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", trust_file(tmp_path))
    with ScriptedUpstream(answer("a", "b"), tls=server_tls("127.0.0.1")) as server:
        with upstream_at(server) as upstream:
            assert [read(upstream) for _ in range(5)] == ["ab"] * 5
        assert server.connections == 1


def test_certificates_that_cannot_be_read_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    for path in (nonsense, tmp_path / "missing.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
        at("http://models.invalid/v1").close()
        with pytest.raises(ConfigurationError, match=r"^SSL_CERT_FILE: "):
            at("https://models.invalid/v1")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        with pytest.raises(ConfigurationError, match=r"^SSL_CERT_FILE: "):
            at("https://models.invalid/v1")
        monkeypatch.delenv("HTTPS_PROXY")


# Redirects.


def redirect(address: str, *, body: Script = ()) -> Script:
    head = f"HTTP/1.1 307 Elsewhere\r\nLocation: {address}\r\n"
    return [(head + ("" if body else "Content-Length: 0\r\n\r\n")).encode(), *body]


def test_a_redirect_to_another_origin_does_not_take_the_key_along() -> None:
    with ScriptedUpstream(answer("a")) as elsewhere:
        with ScriptedUpstream(redirect(elsewhere.base_url)) as server, upstream_at(server) as upstream:
            assert read(upstream) == "a"
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in elsewhere.requests[0].headers
    assert KEY not in str(elsewhere.requests[0])
    assert elsewhere.requests[0].json() == server.requests[0].json()


def test_a_redirect_within_the_origin_is_followed_over_the_same_connection() -> None:
    with ScriptedUpstream(redirect("/v2/chat/completions"), answer("a")) as server:
        with upstream_at(server) as upstream:
            assert read(upstream) == "a"
    assert [request.path for request in server.requests] == ["/v1/chat/completions", "/v2/chat/completions"]
    assert server.requests[1].headers["authorization"] == f"Bearer {KEY}"
    assert server.connections == 1


def test_redirects_without_end_come_to_one() -> None:
    with ScriptedUpstream(redirect("/v1/again")) as server, upstream_at(server) as upstream:
        assert failure(lambda: upstream.open(REQUEST)).error_code == "SERVER_ERROR"


@pytest.mark.parametrize("kind", ["text/html", "text/event-stream"])
def test_the_body_of_a_redirect_is_bounded(kind: str) -> None:
    flood = [chunk(b"x" * 65536)] * 32
    with ScriptedUpstream(answer("a")) as elsewhere:
        head = f"Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        script = redirect(elsewhere.base_url, body=[head, *flood, End.CLOSE])
        with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
            assert read(upstream) == "a"


# Bodies that are no streams.


def test_what_is_compressed_unasked_is_bounded_more_tightly() -> None:
    listing = {"data": [], "more": random.Random(1).randbytes(200_000).hex()}
    packed = gzip.compress(json.dumps(listing).encode())
    assert 65536 < len(packed) < 1_000_000
    script = respond(200, packed, [("Content-Encoding", "gzip")])
    with ScriptedUpstream(respond(200, listing), script) as server, upstream_at(server) as upstream:
        assert upstream.models() == ()
        assert failure(upstream.models).error_code == "SERVER_ERROR"


def test_a_list_that_is_called_a_stream_is_bounded_all_the_same() -> None:
    listing = json.dumps({"data": [], "more": "x" * 2_000_000}).encode()
    script = [STREAM_HEAD, chunk(listing), LAST_CHUNK]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        assert failure(upstream.models).error_code == "SERVER_ERROR"


def test_no_other_answer_is_a_stream_whatever_it_is_called() -> None:
    script = [STREAM_HEAD, *[chunk(b"x" * 65536)] * 32, LAST_CHUNK]
    with ScriptedUpstream(script) as server:
        client = http_client(Settings(), server.base_url, trust_env=False, pool_s=1)
        with client:
            assert len(client.post(f"{server.base_url}/embeddings", json={}).content) < 2_000_000


# Retries.


def test_a_kept_connection_that_ends_when_it_is_used_costs_a_retry_that_is_counted() -> None:
    with ScriptedUpstream(answer("a"), [End.CLOSE], answer("b")) as server, upstream_at(server) as upstream:
        assert read(upstream) == "a"
        attempts = Attempts()
        reply = upstream.open(REQUEST, attempts)
        assert text(reply) == "b"
        reply.close()
        assert (reply.retries, attempts.retries) == (1, 1)
        assert [request.connection for request in server.requests] == [1, 1, 2]


def test_a_kept_connection_that_ended_before_costs_nothing() -> None:
    end = Event()
    with ScriptedUpstream([*answer("a"), end, End.CLOSE], answer("b")) as server:
        with upstream_at(server) as upstream:
            assert read(upstream) == "a"
            before = server.closed
            end.set()
            until(lambda: server.closed > before)
            reply = upstream.open(REQUEST)
            assert (text(reply), reply.retries) == ("b", 0)
            reply.close()


def test_places_come_back_from_failures_of_every_kind() -> None:
    scripts: list[Script] = [
        refuse(400, "x"),
        [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n", End.HANG],
        [STREAM_HEAD, chunk(b"data: nonsense\n\n"), End.HANG],
        [STREAM_HEAD, b"nonsense", End.HANG],
        [STREAM_HEAD, End.CLOSE],
        answer("a"),
    ]
    with ScriptedUpstream(*scripts) as server:
        with upstream_at(server, pool_s=0.01, connections=1) as upstream:
            for _ in scripts[:-1]:
                failure(lambda: read(upstream))
            # As many as there are places: none has been lost.
            replies = [upstream.open(REQUEST) for _ in range(5)]
            for reply in replies:
                assert text(reply) == "a"
                reply.close()


# Idle connections.


@pytest.mark.parametrize("proxied", [False, True])
def test_a_request_does_not_wait_for_the_connections_that_are_idle(
    proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in turns that others get meanwhile: a hundred or so, and a hundred thousand when each idle connection
    is asked through the event loop."""
    turns = 0

    def take_turns() -> None:
        nonlocal turns
        while True:
            gevent.sleep(0)
            turns += 1

    with ScriptedUpstream(answer("a")) as server:
        if proxied:
            monkeypatch.setenv("HTTP_PROXY", server.base_url.removesuffix("/v1"))
        upstream = at(server.base_url)
        replies = [upstream.open(REQUEST) for _ in range(IDLE)]
        for reply in replies:
            assert text(reply) == "a"
            reply.close()
        busy = gevent.spawn(take_turns)
        last = upstream.open(REQUEST)
        busy.kill()
        assert server.connections == IDLE, "the connections are not kept"
        last.close()
        upstream.close()

    assert turns < 100 * IDLE
