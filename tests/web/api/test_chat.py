"""Sending a message: the accepted turn, the repeated one, and every way in which an answer can fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.upstream.simulator.pace import Pace
from chatapp.upstream.simulator.server import SimulatorServer
from tests.scripted_upstream import (
    STREAM_HEAD,
    End,
    Script,
    ScriptedUpstream,
    answer,
    chunk,
    delta,
    event,
    refuse,
)
from tests.web.conftest import (
    MODELS,
    LogLines,
    MakeApp,
    SignUp,
    assert_error,
    bearer_client,
    fields_at_fault,
    last_reply,
    rows,
)
from tests.web.event_stream import LiveStream, read, text_of, told

CHAT, PLAIN, TURNS = "/api/v1/chat", "/api/chat/stream", "/api/v1/turns"
TIMED_OUT = "Request timed out. Please try again with a shorter message."
CUT_OFF = "The answer was cut off. What arrived is kept."


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reader is told and what is saved when the simulator fails in some way."""

    code: str
    sentence: str
    retryable: bool
    status: str = "error"
    retries: int = 0


FAILURES = {
    "timeout": Expected("OPENAI_TIMEOUT", TIMED_OUT, True),
    "rate_limit": Expected("RATE_LIMIT", "Overloaded, please try again soon.", True, retries=2),
    "server_error": Expected("SERVER_ERROR", "Server error, please try again later.", True, retries=2),
    "auth": Expected("UPSTREAM_AUTH", "The server's model key was refused. Ask an administrator.", False),
    "forbidden": Expected(
        "UPSTREAM_FORBIDDEN",
        "The server's model key may not use the model gpt-6-luna. Ask an administrator.",
        False,
    ),
    "not_found": Expected("MODEL_NOT_FOUND", "Upstream does not have the model gpt-6-luna.", False),
    "cut": Expected("UPSTREAM_INTERRUPTED", CUT_OFF, True, status="partial"),
    "malformed": Expected("SERVER_ERROR", "Server error, please try again later.", True, status="partial"),
    "silent": Expected("OPENAI_TIMEOUT", TIMED_OUT, True, status="partial"),
}


@pytest.fixture
def simulator() -> Iterator[SimulatorServer]:
    """The simulator at full speed, as any compatible server."""
    server = SimulatorServer(pace=Pace(first_token_s=0, tokens_per_s=1000))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def faulty(request: pytest.FixtureRequest, make_app: MakeApp, simulator: SimulatorServer) -> Flask:
    """Fails when it is asked to. It is impatient only where the failure is that nothing comes."""
    scenario = getattr(request.node, "callspec", None) and request.node.callspec.params.get("scenario")
    return make_app(
        OPENAI_BASE_URL=simulator.base_url,
        CHATAPP_MODELS=MODELS,
        CHATAPP_FAULTS="1",
        CHATAPP_FIRST_TOKEN_S="0.2" if scenario == "timeout" else "30",
        CHATAPP_SILENCE_S="0.2" if scenario == "silent" else "30",
    )


@pytest.mark.parametrize("scenario", FAILURES)
def test_a_failure_is_told_in_the_event_dialect_and_saved(
    faulty: Flask, sign_up: SignUp, scenario: str
) -> None:
    expected, api = FAILURES[scenario], bearer_client(faulty, sign_up(faulty))
    answered = api.post(
        CHAT,
        json={"message": "simulate 20 tokens"},
        headers={"X-Test-Scenario": scenario},
        buffered=False,
    )
    frames = read(answered)
    *before, sentence, failure, done = told(frames)
    assert sentence == ("token", {"text": expected.sentence})
    assert failure == (
        "failure",
        {
            "code": expected.code,
            "message": expected.sentence,
            "retryable": expected.retryable,
            "request_id": answered.headers["X-Request-Id"],
        },
    )
    assert done == ("done", {"finish_reason": "error"})
    reply = last_reply(faulty)
    assert (reply.status, reply.finish_reason, reply.error_code) == (expected.status, "error", expected.code)
    assert reply.content == "".join(data["text"] for name, data in before if name == "token")
    assert bool(reply.content) == (expected.status == "partial")
    assert [name for name, _ in before if name != "token"] == (["usage"] if reply.content else [])
    assert reply.provider_retry_count == expected.retries


@pytest.mark.parametrize("scenario", FAILURES)
def test_a_failure_is_told_in_the_plain_dialect(faulty: Flask, sign_up: SignUp, scenario: str) -> None:
    expected, api = FAILURES[scenario], bearer_client(faulty, sign_up(faulty))
    body, headers = {"message": "simulate 20 tokens"}, {"X-Test-Scenario": scenario}
    *before, error, done = told(read(api.post(PLAIN, json=body, headers=headers)))
    assert error == (None, {"error": expected.sentence})
    assert done == (None, {"done": True})
    assert "".join(data["content"] for _, data in before) == last_reply(faulty).content


def test_a_failed_turn_that_was_started_tells_its_sentence_once(faulty: Flask, sign_up: SignUp) -> None:
    api = bearer_client(faulty, sign_up(faulty))
    started = api.post(TURNS, json={"message": "simulate 20 tokens"}, headers={"X-Test-Scenario": "auth"})
    names = [name for name, _ in told(read(api.get(started.json["stream_url"])))]  # type: ignore[index]
    assert names == ["failure", "done"]


def test_a_slow_answer_is_whole(faulty: Flask, sign_up: SignUp) -> None:
    api = bearer_client(faulty, sign_up(faulty))
    headers = {"X-Test-Scenario": "slow"}
    frames = read(api.post(CHAT, json={"message": "simulate 1 token"}, headers=headers))
    assert frames[-1].data == {"finish_reason": "stop"}
    assert last_reply(faulty).status == "complete"


def test_the_conversation_goes_on_after_a_failure(faulty: Flask, sign_up: SignUp) -> None:
    api = bearer_client(faulty, sign_up(faulty))
    failed = api.post(CHAT, json={"message": "Hi"}, headers={"X-Test-Scenario": "auth"}, buffered=False)
    LiveStream(failed).read_until("event: done")
    again = {"message": "simulate 3 tokens", "sessionId": failed.headers["X-Session-Id"]}
    assert read(api.post(CHAT, json=again))[-1].data == {"finish_reason": "stop"}


def test_the_simulator_of_this_process_fails_too(make_app: MakeApp, sign_up: SignUp) -> None:
    app = make_app(CHATAPP_FAULTS="1")
    api = bearer_client(app, sign_up(app))
    headers = {"X-Test-Scenario": "not_found"}
    failure = told(read(api.post(CHAT, json={"message": "Hi"}, headers=headers)))[-2][1]
    assert failure["code"] == "MODEL_NOT_FOUND"


def test_without_faults_the_header_is_ignored_and_logged(
    api: FlaskClient, upstream: ScriptedUpstream, log_lines: LogLines
) -> None:
    frames = read(api.post(CHAT, json={"message": "Hi"}, headers={"X-Test-Scenario": "rate_limit"}))
    assert text_of(frames) == "Hello, world!"
    assert "x-test-scenario" not in upstream.requests[0].headers
    assert len(log_lines.of("Fault ignored")) == 1


def test_an_unknown_scenario_is_refused(faulty: Flask, sign_up: SignUp) -> None:
    api = bearer_client(faulty, sign_up(faulty))
    answered = api.post(CHAT, json={"message": "Hi"}, headers={"X-Test-Scenario": "meteor"})
    assert fields_at_fault(answered) == {"X-Test-Scenario"}
    assert set(rows(faulty).values()) == {0}


UPSTREAMS: dict[str, tuple[Script, str, bool, str]] = {
    "a refusal with a reason": (refuse(400, "max tokens is too large"), "UPSTREAM_REJECTED", False, "error"),
    "an error in mid-stream": (
        [STREAM_HEAD, chunk(delta("Hel")), chunk(event({"error": {"message": "oops"}})), End.CLOSE],
        "SERVER_ERROR",
        True,
        "partial",
    ),
    "an end without a finish": (
        [STREAM_HEAD, chunk(delta("Hel")), b"0\r\n\r\n"],
        "UPSTREAM_INTERRUPTED",
        True,
        "partial",
    ),
    "a crash": ([STREAM_HEAD, chunk(delta("Hel")), End.RESET], "UPSTREAM_INTERRUPTED", True, "partial"),
}


@pytest.mark.parametrize("case", UPSTREAMS)
def test_what_else_upstream_may_do(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, case: str
) -> None:
    script, code, retryable, status = UPSTREAMS[case]
    upstream.scripts = [script]
    (_, failure), (_, done) = told(read(api.post(CHAT, json={"message": "Hi"})))[-2:]
    assert (failure["code"], failure["retryable"], done) == (code, retryable, {"finish_reason": "error"})
    assert (last_reply(app).status, last_reply(app).error_code) == (status, code)
    assert last_reply(app).content == ("Hel" if status == "partial" else "")


def test_nobody_at_upstream_s_address_is_a_server_error(make_app: MakeApp, sign_up: SignUp) -> None:
    app = make_app(OPENAI_BASE_URL="http://127.0.0.1:9/v1", CHATAPP_MODELS=MODELS)
    api = bearer_client(app, sign_up(app))
    (_, failure), _ = told(read(api.post(CHAT, json={"message": "Hi"})))[-2:]
    assert failure["code"] == "SERVER_ERROR"
    assert last_reply(app).provider_retry_count == 2


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_upstream_s_finish_reason_is_told_and_saved(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, reason: str
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("cut")), chunk(delta("", reason)), b"0\r\n\r\n"]]
    frames = read(api.post(CHAT, json={"message": "Hi"}))
    assert frames[-1].data == {"finish_reason": reason}
    assert (last_reply(app).status, last_reply(app).finish_reason) == ("complete", reason)


def test_without_usage_the_counts_are_null(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("a")), chunk(delta("", "stop")), b"0\r\n\r\n"]]
    used = dict(told(read(api.post(CHAT, json={"message": "Hi", "model": "gpt-4o-mini"}))))["usage"]
    assert used == {"tokens_in": None, "tokens_out": None, "cost_usd": None, "model": "gpt-4o-mini"}


def test_a_turn_is_accepted_with_where_to_follow_it(api: FlaskClient) -> None:
    answered = api.post(TURNS, json={"message": "Hi"})
    found = answered.get_json()
    assert answered.status_code == 202
    assert answered.mimetype == "application/json"
    assert set(found) == {"turn_id", "session_id", "generations", "stream_url"}
    (generation,) = found["generations"]
    assert set(generation) == {"id", "voice"}
    assert generation["voice"] == "seeker"
    assert found["stream_url"] == f"/api/v1/turns/{found['turn_id']}/stream"
    assert text_of(read(api.get(found["stream_url"]))) == "Hello, world!"
    assert api.get(f"/api/v1/generations/{generation['id']}").json["turn_id"] == found["turn_id"]  # type: ignore[index]


def test_a_turn_runs_though_nobody_follows_it(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    api.post(TURNS, json={"message": "Hi"})
    assert upstream.wait_for_requests(1)


def test_earlier_messages_are_sent_along(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    first = api.post(CHAT, json={"message": "Hi"}, buffered=False)
    read(first)
    read(api.post(CHAT, json={"message": "And?", "sessionId": first.headers["X-Session-Id"]}))
    system, *said = upstream.requests[1].json()["messages"]
    assert system["role"] == "system"
    assert [each["content"] for each in said] == ["Hi", "Hello, world!", "And?"]


def test_the_session_id_of_a_client_is_kept(api: FlaskClient) -> None:
    own = "session-20250819-143022-a1b2"
    answered = api.post(CHAT, json={"message": "Hi", "sessionId": own}, buffered=False)
    assert answered.headers["X-Session-Id"] == own
    read(answered)


def test_the_plain_dialect_continues_a_conversation(api: FlaskClient, upstream: ScriptedUpstream) -> None:
    first = api.post(PLAIN, json={"message": "Hi"}, buffered=False)
    read(first)
    name = first.headers["X-Session-Id"]
    read(api.post(PLAIN, json={"message": "And?", "conversationId": name, "model": "gpt-4o-mini"}))
    assert len(upstream.requests[1].json()["messages"]) == 4
    assert upstream.requests[1].json()["model"] == "gpt-4o-mini"


@pytest.mark.parametrize("path", [CHAT, TURNS, PLAIN])
def test_a_message_to_a_conversation_that_is_answering_is_refused(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, path: str
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    running = api.post(TURNS, json={"message": "Hi"}).get_json()
    before = rows(app)
    field = "conversationId" if path == PLAIN else "sessionId"
    answered = api.post(path, json={"message": "Me too", field: running["session_id"]})
    assert_error(answered, 409, "TURN_RUNNING")
    assert rows(app) == before


@pytest.mark.parametrize("path", [CHAT, TURNS])
@pytest.mark.parametrize("by_header", [False, True])
def test_a_repeated_message_posts_nothing_and_gets_the_same_answer(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, path: str, by_header: bool
) -> None:
    body = {"message": "Hi"} if by_header else {"message": "Hi", "clientMessageId": "m_1-A"}
    headers = {"Idempotency-Key": "m_1-A"} if by_header else {}

    def send() -> tuple[int, str, object]:
        answered = api.post(path, json=body, headers=headers, buffered=False)
        if path == TURNS:
            url = answered.get_json()["stream_url"]
            return answered.status_code, answered.get_data(as_text=True), read(api.get(url))
        return answered.status_code, answered.headers["X-Turn-Id"], read(answered)

    first = send()
    before = rows(app)
    assert send() == first
    assert rows(app) == before
    assert len(upstream.requests) == 1


def test_a_message_that_is_repeated_while_it_is_answered_joins_the_answer(
    api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one")), End.HANG]]
    body = {"message": "Hi", "clientMessageId": "m1"}
    first = LiveStream(api.post(CHAT, json=body, buffered=False))
    second = LiveStream(api.post(CHAT, json=body, buffered=False))
    assert first.read_until("one") == second.read_until("one")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "other", [{"message": "Bye"}, {"model": "gpt-4o-mini"}, {"sessionId": "session-20250819-143022-a1b2"}]
)
def test_the_same_id_with_other_content_is_refused(
    app: Flask, api: FlaskClient, other: dict[str, str]
) -> None:
    body = {"message": "Hi", "clientMessageId": "m1"}
    read(api.post(CHAT, json=body))
    before = rows(app)
    assert_error(api.post(CHAT, json={**body, **other}), 409)
    assert rows(app) == before


def test_client_message_ids_are_each_user_s_own(api: FlaskClient, strange_api: FlaskClient) -> None:
    body = {"message": "Hi", "clientMessageId": "m1"}
    first, second = (client.post(TURNS, json=body).get_json() for client in (api, strange_api))
    assert first["turn_id"] != second["turn_id"]


def test_a_draining_server_takes_no_messages(app: Flask, api: FlaskClient) -> None:
    api.get("/api/v1/voices")
    app.extensions["chatapp"].drain()
    answered = api.post(CHAT, json={"message": "Hi"})
    assert_error(answered, 503, "DRAINING")
    assert int(answered.headers["Retry-After"]) > 0
    assert set(rows(app).values()) == {0}


def test_an_answer_in_many_scripts_arrives_whole(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    texts = ["Grüße ", "日本語 ", "🤖", "\n\n", "data: x\n\n", "\r\n", "\u2028", '"\\']
    upstream.scripts = [answer(*texts)]
    assert text_of(read(api.post(CHAT, json={"message": "Hi"}))) == "".join(texts) == last_reply(app).content
