"""The client against a scripted server: what it sends, what failures become, and what it keeps to itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

import gevent
import pytest

from chatapp.config import Settings
from chatapp.errors import ConfigurationError
from chatapp.upstream.attempts import Attempts
from chatapp.upstream.client import Upstream
from chatapp.upstream.usage import Usage
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    Script,
    ScriptedUpstream,
    answer,
    chunk,
    delta,
    refuse,
    respond,
)
from tests.upstream.calls import KEY, REQUEST, Stop, failure, follow, read, stop, text, until, upstream_at


def test_an_answer_and_what_was_asked_for_it() -> None:
    with ScriptedUpstream(answer("Hel", "lo")) as server, upstream_at(server, temperature=0.5) as upstream:
        reply = upstream.open(REQUEST)
        assert text(reply) == "Hello"
        reply.close()
        assert (reply.finish_reason, reply.usage, reply.retries) == ("stop", Usage(5, 15), 0)
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "identity"
    assert "x-test-scenario" not in request.headers
    assert request.json() == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 2000,
        "temperature": 0.5,
    }


def test_the_temperature_is_the_models_own_unless_it_is_set() -> None:
    with ScriptedUpstream(answer("a")) as server, upstream_at(server) as upstream:
        read(upstream)
    assert "temperature" not in server.requests[0].json()


def test_a_scenario_travels_and_nothing_but_a_scenario() -> None:
    with ScriptedUpstream(answer("a")) as server, upstream_at(server) as upstream:
        read(upstream, replace(REQUEST, scenario="cut"))
        read(upstream, replace(REQUEST, scenario="cut\r\nX-Evil: 1"))
    assert server.requests[0].headers["x-test-scenario"] == "cut"
    assert not {"x-test-scenario", "x-evil"} & server.requests[1].headers.keys()


def test_a_server_without_a_key_gets_a_made_up_one() -> None:
    with ScriptedUpstream(answer("a")) as server, upstream_at(server, openai_api_key=None) as upstream:
        read(upstream)
        assert not upstream.simulated
    assert server.requests[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize(
    ("status", "code", "retries", "retryable"),
    [
        (400, "UPSTREAM_REJECTED", 0, False),
        (401, "UPSTREAM_AUTH", 0, False),
        (402, "UPSTREAM_REJECTED", 0, False),
        (403, "UPSTREAM_FORBIDDEN", 0, False),
        (404, "MODEL_NOT_FOUND", 0, False),
        (408, "SERVER_ERROR", 2, True),
        (409, "SERVER_ERROR", 2, True),
        (413, "UPSTREAM_REJECTED", 0, False),
        (422, "UPSTREAM_REJECTED", 0, False),
        (429, "RATE_LIMIT", 2, True),
        (499, "UPSTREAM_REJECTED", 0, False),
        (500, "SERVER_ERROR", 2, True),
        (503, "SERVER_ERROR", 2, True),
        (599, "SERVER_ERROR", 2, True),
    ],
)
def test_statuses(status: int, code: str, retries: int, retryable: bool) -> None:
    with ScriptedUpstream(refuse(status, "Because.")) as server, upstream_at(server) as upstream:
        found = failure(lambda: upstream.open(REQUEST))
    assert (found.error_code, found.retries, found.retryable) == (code, retries, retryable)
    assert len(server.requests) == retries + 1
    named = code in {"UPSTREAM_FORBIDDEN", "MODEL_NOT_FOUND"}
    assert ("gpt-4o-mini" in found.message) == named
    assert (found.message == "Because.") == (code == "UPSTREAM_REJECTED")


def test_retries_before_the_stream_are_counted() -> None:
    scripts = [refuse(500, "x"), refuse(429, "x"), answer("a")]
    with ScriptedUpstream(*scripts) as server, upstream_at(server) as upstream:
        reply = upstream.open(REQUEST)
        assert text(reply) == "a"
        reply.close()
        assert reply.retries == 2
    counts = [request.headers["x-stainless-retry-count"] for request in server.requests]
    assert counts == ["0", "1", "2"]


@pytest.mark.parametrize(
    "script",
    [
        respond(200, {"choices": [{"message": {"content": "not streamed"}}]}),
        [b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\noops"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nx-should-retry: false\r\n\r\n"],
    ],
)
def test_an_answer_that_is_no_stream_is_a_server_error(script: Script) -> None:
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        assert failure(lambda: upstream.open(REQUEST)).error_code == "SERVER_ERROR"


def test_a_connection_that_breaks_before_any_answer_is_a_server_error() -> None:
    def broken(script: Script, *, listening: bool) -> tuple[str, int]:
        with ExitStack() as stack:
            server = stack.enter_context(ScriptedUpstream(script))
            upstream = stack.enter_context(upstream_at(server))
            if not listening:
                server.stop()
            found = failure(lambda: upstream.open(REQUEST))
            return found.error_code, found.retries

    # At once, because each takes the second and a half for which the client waits between its tries.
    calls = [
        gevent.spawn(broken, [End.CLOSE], listening=True),
        gevent.spawn(broken, [End.RESET], listening=True),
        gevent.spawn(broken, [b"nonsense\r\n\r\n", End.CLOSE], listening=True),
        gevent.spawn(broken, [End.CLOSE], listening=False),
    ]
    assert [call.get() for call in calls] == [("SERVER_ERROR", 2)] * 4


def test_more_streams_than_connections_is_an_overload() -> None:
    script: Script = [STREAM_HEAD, chunk(delta("a")), End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server, pool_s=0.01, connections=1) as upstream:
        replies = [upstream.open(REQUEST) for _ in range(5)]
        assert failure(lambda: upstream.open(REQUEST)).error_code == "RATE_LIMIT"
        replies[0].close()
        upstream.open(REQUEST).close()
        for reply in replies:
            reply.close()


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"Bad key {KEY}\nBearer abc.def sk-live-abcdef123456\x00 {'y' * 500}"}},
        {"detail": f"Bad key {KEY} Bearer abc.def"},
        {"error": f"{KEY} and sk-proj-abcdefgh"},
        b"<html>" + KEY.encode(),
        b"[",
        [],
        {"error": {"message": {"nested": KEY}}},
        {"error": {"message": "\ud800 lone"}},
    ],
)
def test_a_rejections_reason_is_one_safe_line(body: object) -> None:
    with ScriptedUpstream(respond(400, body)) as server, upstream_at(server) as upstream:
        found = failure(lambda: upstream.open(REQUEST))
    assert found.error_code == "UPSTREAM_REJECTED"
    assert 0 < len(found.message) <= 300
    assert found.message.isprintable()
    found.message.encode()
    for shown in (found.message, repr(found), str(found.__notes__)):
        assert not any(secret in shown for secret in (KEY, "abc.def", "abcdef", "<html>"))
    assert found.__suppress_context__


def test_an_error_body_without_end_is_bounded() -> None:
    head = b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    script: Script = [head, *[chunk(b"x" * 8192)] * 32, End.HANG]
    with ScriptedUpstream(script) as server, upstream_at(server) as upstream:
        assert failure(lambda: upstream.open(REQUEST)).error_code == "UPSTREAM_REJECTED"
        assert server.requests[0].hung_up.wait(1)


def waiting_for_headers() -> Script:
    return [End.HANG]


def waiting_for_an_error_body() -> Script:
    return [b"HTTP/1.1 400 Bad\r\nContent-Length: 10\r\n\r\nx", End.HANG]


def waiting_for_text() -> Script:
    return [STREAM_HEAD, End.HANG]


def amid_the_text() -> Script:
    return [STREAM_HEAD, chunk(delta("a")), chunk(delta("b")), End.HANG]


@pytest.mark.parametrize(
    "script", [waiting_for_headers, waiting_for_an_error_body, waiting_for_text, amid_the_text]
)
def test_a_stop_hangs_up_and_gives_the_connection_back(script: Callable[[], Script]) -> None:
    scripts = [*[script()] * 8, answer("a")]
    with ScriptedUpstream(*scripts) as server, upstream_at(server, pool_s=0.01, connections=1) as upstream:
        # More than the pool holds: one leak each would exhaust it.
        for turn in range(8):
            greenlet = gevent.spawn(read, upstream)
            assert server.wait_for_requests(turn + 1)
            gevent.sleep(0.005)
            stop(greenlet, server, server.requests[turn])
        assert read(upstream) == "a"


def test_a_stop_while_connecting_gives_the_connection_back() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        address = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
        settings = Settings.model_validate({"openai_base_url": address, "connections": 1})
        upstream = Upstream(settings, pool_s=0.01)
        for _ in range(8):
            greenlet = gevent.spawn(read, upstream)
            gevent.sleep(0.01)
            assert not greenlet.ready()
            greenlet.kill(Stop, timeout=1)
            assert isinstance(greenlet.value, Stop)
        upstream.close()
        for filler in fillers:
            filler.close()


def test_a_stop_between_two_tries_goes_through() -> None:
    slow_down = respond(500, {}, [("Retry-After", "60")])
    with ScriptedUpstream(refuse(500, "x"), slow_down) as server, upstream_at(server) as upstream:
        attempts = Attempts()
        greenlet = gevent.spawn(upstream.open, REQUEST, attempts)
        assert server.wait_for_requests(2)
        gevent.sleep(0.02)
        greenlet.kill(Stop, timeout=1)
        assert isinstance(greenlet.value, Stop)
        assert attempts.retries == 1


def test_models_are_listed_in_upstreams_order() -> None:
    listing = {"object": "list", "data": [{"id": "b", "more": 1}, {"id": "a"}, {"id": "b"}]}
    with ScriptedUpstream(respond(200, listing)) as server, upstream_at(server) as upstream:
        assert upstream.models() == ("b", "a")
    assert server.requests[0].path == "/v1/models"


@pytest.mark.parametrize("body", [b"<html>", {}, {"data": 5}, {"data": [{}]}, {"data": [{"id": 5}]}, []])
def test_an_unreadable_list_is_a_server_error(body: object) -> None:
    with ScriptedUpstream(respond(200, body)) as server, upstream_at(server) as upstream:
        assert failure(upstream.models).error_code == "SERVER_ERROR"


def test_a_refused_list_is_a_failure() -> None:
    with ScriptedUpstream(refuse(401, KEY)) as server, upstream_at(server) as upstream:
        assert failure(upstream.models).error_code == "UPSTREAM_AUTH"


@pytest.mark.parametrize(
    ("settings", "variable"),
    [
        ({}, "OPENAI_API_KEY"),
        ({"openai_base_url": "http://[::"}, "OPENAI_BASE_URL"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(settings: dict[str, object], variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable}: ") as caught:
        Upstream(Settings.model_validate(settings))
    assert "sk-" not in caught.value.message


def test_closing_ends_open_answers() -> None:
    with (
        ScriptedUpstream([STREAM_HEAD, chunk(delta("a")), End.HANG]) as server,
        upstream_at(server) as upstream,
    ):
        told: list[str] = []
        reply = upstream.open(REQUEST)

        def close_upstream() -> None:
            until(lambda: told)
            upstream.close()

        gevent.spawn(close_upstream)
        assert failure(lambda: follow(reply, told.append)).error_code == "UPSTREAM_INTERRUPTED"
        assert told == ["a"]
