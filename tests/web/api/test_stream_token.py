"""Stream tokens over HTTP: who gets one, what it opens, and that it is worth nothing anywhere else."""

from __future__ import annotations

import random
from typing import Any

import gevent
import pytest
from flask import Flask
from flask.testing import FlaskClient
from gevent.event import Event
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from chatapp.store.base import now
from chatapp.store.conversation import Generation, Turn
from chatapp.store.stream_token import StreamToken
from tests.scripted_upstream import STREAM_HEAD, End, ScriptedUpstream, answer, chunk, delta
from tests.streaming.wire import Client
from tests.web.conftest import (
    MODELS,
    LogLines,
    MakeApp,
    Person,
    SignUp,
    api_token,
    assert_error,
    bearer_client,
    parts_of,
    signed_in,
    submit,
)
from tests.web.event_stream import LiveStream, ids_of, patience, read, text_of

MISSING = "0" * 32
ORIGIN = "https://front.example.org"
KINDS = ["generation", "alias", "turn"]
HOSTILE_POSITIONS = ["$", "+", "0-0", "1", "' OR 1=1 --", "x" * 8000, "a%0d%0ab-1", "%00-1", "é-1", "9-9"]


class Started:
    """A turn that was started, and the paths of its streams."""

    def __init__(self, api: FlaskClient, message: str = "Hi") -> None:
        found = api.post("/api/v1/turns", json={"message": message}).get_json()
        self.turn_id: str = found["turn_id"]
        self.session_id: str = found["session_id"]
        self.generation_id: str = found["generations"][0]["id"]

    def path(self, kind: str) -> str:
        return path_of(kind, self.turn_id if kind == "turn" else self.generation_id)


def path_of(kind: str, name: str) -> str:
    """The stream's; `-token` behind it is where its token is asked for."""
    prefix = {"generation": "/api/v1/generations", "alias": "/generations/generate", "turn": "/api/v1/turns"}
    return f"{prefix[kind]}/{name}/stream"


def ask(client: FlaskClient, path: str, **headers: str) -> str:
    answered = client.post(f"{path}-token", headers=headers)
    assert answered.status_code == 200, answered.get_data(as_text=True)
    token: str = answered.get_json()["sse_token"]
    return token


def open_by(app: Flask, path: str, token: str, at: str | None = None, **more: str) -> TestResponse:
    """A reader that has nothing but the token."""
    headers = {} if at is None else {"Last-Event-ID": at}
    return app.test_client().get(path, query_string={"token": token, **more}, headers=headers, buffered=False)


def assert_worthless(answered: TestResponse) -> None:
    body = assert_error(answered, 401, "UNAUTHORIZED")
    assert body["message"] == "Invalid or expired SSE token"


def unspent(app: Flask) -> int:
    with parts_of(app).database.read() as connection:
        rows = select(func.count()).select_from(StreamToken).where(StreamToken.spent_at.is_(None))
        return connection.scalar(rows) or 0


@pytest.fixture
def turn(api: FlaskClient) -> Started:
    return Started(api)


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, turn: Started) -> str:
    """Of each stream that a token opens."""
    return turn.path(request.param)


# Asking


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_is_exact(api: FlaskClient, turn: Started, kind: str) -> None:
    told = api.post(f"{turn.path(kind)}-token").get_json()
    assert len(told.pop("sse_token")) == 43
    name = {"turn_id": turn.turn_id} if kind == "turn" else {"generation_id": turn.generation_id}
    assert told == {"expires_in": 60, "stream_url": turn.path(kind), **name}


def test_it_needs_neither_a_body_nor_a_content_type(api: FlaskClient, path: str) -> None:
    answered = api.post(f"{path}-token")
    assert "Content-Type" not in dict(answered.request.headers)
    assert "Content-Length" not in dict(answered.request.headers)
    assert answered.status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_else_s_and_a_missing_one_are_the_same_404(
    strange_api: FlaskClient, turn: Started, kind: str
) -> None:
    def told(path: str) -> dict[str, Any]:
        answered = strange_api.post(f"{path}-token")
        return {**assert_error(answered, 404, "NOT_FOUND"), "request_id": None}

    assert told(turn.path(kind)) == told(path_of(kind, MISSING))


@pytest.mark.parametrize("name", ["%00", "a%00b", "' OR 1=1 --", "x" * 3000, "%ed%a0%80", "é", ".."])
@pytest.mark.parametrize("kind", KINDS)
def test_names_that_nothing_can_have_are_missing(standing_api: FlaskClient, kind: str, name: str) -> None:
    assert_error(standing_api.post(f"{path_of(kind, name)}-token"), 404)
    assert_error(standing_api.get(path_of(kind, name)), 404)
    assert_error(
        standing_api.get(path_of(kind, name), query_string={"token": "x"}), 404 if "%00" in name else 401
    )


def test_it_needs_a_sign_in(app: Flask, path: str) -> None:
    assert_error(app.test_client().post(f"{path}-token"), 401, "UNAUTHORIZED")


def test_a_browser_must_prove_that_its_own_page_asks(browser: FlaskClient, path: str) -> None:
    assert_error(browser.post(f"{path}-token"), 403, "CSRF_FAILED")
    assert browser.post(f"{path}-token", headers={"X-CSRFToken": api_token(browser)}).status_code == 200


# Opening


def test_it_opens_its_stream_once_for_who_has_nothing_else(app: Flask, api: FlaskClient, path: str) -> None:
    token = ask(api, path)
    assert text_of(read(open_by(app, path, token))) == "Hello, world!"
    assert_worthless(open_by(app, path, token))


def test_the_first_frame_is_an_id_alone_and_who_drops_there_comes_back(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    gate = Event()
    upstream.scripts = [[STREAM_HEAD, gate, *answer("one ", "two")[1:]]]
    for kind in KINDS:
        path = Started(api).path(kind)
        token = ask(api, path)
        stream = LiveStream(open_by(app, path, token))
        first = stream.read_until("id:")[0]
        assert (first.event, first.data) == (None, None)
        assert first.id is not None
        assert first.id.endswith("-0")
        stream.hang_up()
        again = LiveStream(open_by(app, path, token, first.id))
        again.read_until("id:")
        gate.set()
        assert text_of(again.read_to_the_end()) == "one two"


def test_a_reader_reconnects_fifty_times_with_a_spent_token(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream
) -> None:
    """As `EventSource` does: the same address, and the last id that it holds. The line drops after any byte."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    gate = Event()
    words = [f"{number} " for number in range(90)]
    upstream.scripts = [[*answer(*words[:30])[:-4], gate, *answer(*words[30:])[1:]]]
    path = Started(api).path("generation")
    token, client, connections = ask(api, path), Client(), 0
    while "done" not in client.names():
        answered = open_by(app, path, token, client.last_id or None)
        assert answered.status_code == 200, (connections, answered.get_data(as_text=True))
        room = chance.randrange(100, 330) if connections < 55 else 1_000_000
        drop_after(answered, client, room)
        connections += 1
        if connections > 25 or client.text().count(" ") > 15:
            gate.set()
    assert connections > 50
    assert client.text() == "".join(words)
    assert client.names().count("done") == 1
    values = [frame.json()["progress"] for frame in client.frames if frame.name == "progress"]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert open_by(app, path, token, client.last_id).status_code == 204
    assert_worthless(open_by(app, path, token))


def drop_after(answered: TestResponse, client: Client, room: int) -> None:
    """Feeds the client `room` bytes, and hangs up."""
    with patience():
        for piece in answered.response:
            assert isinstance(piece, bytes)
            client.feed(piece[:room])
            room -= len(piece)
            if room <= 0:
                break
    answered.response.close()  # type: ignore[union-attr]
    answered.close()
    client.cut()


@pytest.mark.parametrize("by_query", [False, True])
def test_a_spent_token_opens_again_with_an_id_of_that_stream(
    app: Flask, api: FlaskClient, path: str, by_query: bool
) -> None:
    token = ask(api, path)
    whole = read(open_by(app, path, token))
    position = ids_of(whole)[2]
    asked = {"last_event_id": position} if by_query else {"at": position}
    answered = open_by(app, path, token, **asked)
    assert ids_of(read(answered)) == ids_of(whole)[2:]


def test_the_header_wins_over_the_query(app: Flask, api: FlaskClient, path: str) -> None:
    token = ask(api, path)
    position = ids_of(read(open_by(app, path, token)))[2]
    assert_worthless(open_by(app, path, token, "0-0", last_event_id=position))
    assert open_by(app, path, token, position, last_event_id="0-0").status_code == 200


def test_a_spent_token_with_a_made_up_position_opens_nothing(app: Flask, api: FlaskClient, path: str) -> None:
    another = Started(api, "Another")
    token = ask(api, path)
    read(open_by(app, path, token))
    theirs = ids_of(read(api.get(another.path("turn"))))[1]
    for position in (*HOSTILE_POSITIONS, "", theirs):
        assert_worthless(app.test_client().get(f"{path}?token={token}&last_event_id={position}"))
        if position.isascii():
            assert_worthless(open_by(app, path, token, position))


def test_an_unspent_token_may_come_with_any_position(app: Flask, api: FlaskClient, path: str) -> None:
    for position in HOSTILE_POSITIONS:
        frames = read(
            app.test_client().get(f"{path}?token={ask(api, path)}&last_event_id={position}", buffered=False)
        )
        assert text_of(frames) == "Hello, world!"


def test_after_a_minute_an_unspent_token_is_worthless(app: Flask, api: FlaskClient, path: str) -> None:
    position = ids_of(read(api.get(path)))[0]
    token = ask(api, path)
    with parts_of(app).database.write() as connection:
        connection.execute(update(StreamToken).values(expires_at=now()))
    assert_worthless(open_by(app, path, token))
    assert_worthless(open_by(app, path, token, position))


def test_a_minute_after_the_end_a_spent_token_is_worthless(app: Flask, api: FlaskClient, path: str) -> None:
    token = ask(api, path)
    position = ids_of(read(open_by(app, path, token)))[1]
    with parts_of(app).database.write() as connection:
        connection.execute(update(Turn).values(ended_at=func.datetime(Turn.ended_at, "-61 seconds")))
        connection.execute(
            update(Generation).values(ended_at=func.datetime(Generation.ended_at, "-61 seconds"))
        )
    assert_worthless(open_by(app, path, token, position))


def test_it_opens_no_other_stream_and_tells_nothing_of_them(
    app: Flask, api: FlaskClient, turn: Started
) -> None:
    another = Started(api, "Another")
    for kind in KINDS:
        token = ask(api, turn.path(kind))
        mine = {turn.path(kind)} | (
            {turn.path("generation"), turn.path("alias")} if kind != "turn" else set()
        )
        answers = set()
        for other in (
            *(each.path(every) for each in (turn, another) for every in KINDS),
            *(path_of(every, MISSING) for every in KINDS),
        ):
            if other not in mine:
                answered = open_by(app, other, token)
                assert_worthless(answered)
                answers.add(answered.get_data(as_text=True).replace(answered.headers["X-Request-Id"], ""))
        assert len(answers) == 1
        read(open_by(app, turn.path(kind), token))


def test_both_paths_of_a_generation_take_its_token(app: Flask, api: FlaskClient, turn: Started) -> None:
    read(open_by(app, turn.path("alias"), ask(api, turn.path("generation"))))
    read(open_by(app, turn.path("generation"), ask(api, turn.path("alias"))))


def test_a_hundred_at_once_open_one_stream(app_on_either: Flask, sign_up: SignUp) -> None:
    app = app_on_either
    api = bearer_client(app, sign_up(app))
    path = Started(api).path("generation")
    read(api.get(path))
    token = ask(api, path)
    attempts = [gevent.spawn(lambda: open_by(app, path, token)) for _ in range(100)]
    gevent.joinall(attempts, timeout=60, raise_error=True)
    answers = [each.get() for each in attempts]
    (won,) = [each for each in answers if each.status_code == 200]
    assert text_of(read(won)) == "Hello, world!"
    for each in answers:
        if each is not won:
            assert_worthless(each)


def test_head_spends_nothing(app: Flask, api: FlaskClient, path: str) -> None:
    token = ask(api, path)
    for query in ({"token": token}, {}):
        answered = app.test_client().head(path, query_string=query)
        assert answered.status_code == 405
        assert "GET" in answered.headers["Allow"]
    assert app.test_client().post(path, query_string={"token": token}).status_code == 405
    assert app.test_client().options(path, query_string={"token": token}).status_code == 200
    assert unspent(app) == 1
    read(open_by(app, path, token))


# Without a token, and with more than one


@pytest.mark.parametrize("kind", ["generation", "alias"])
def test_with_neither_a_token_nor_a_sign_in_a_generation_asks_for_the_token(
    app: Flask, turn: Started, kind: str
) -> None:
    body = assert_error(app.test_client().get(turn.path(kind)), 422, "VALIDATION_ERROR")
    assert [each["field"] for each in body["errors"]] == ["token"]
    missing = assert_error(app.test_client().get(path_of(kind, MISSING)), 422)
    assert {**missing, "request_id": ""} == {**body, "request_id": ""}


def test_with_neither_a_turn_asks_for_a_sign_in(app: Flask, turn: Started) -> None:
    body = assert_error(app.test_client().get(turn.path("turn")), 401, "UNAUTHORIZED")
    assert body["message"] == "Unauthorized"


def test_a_sign_in_opens_it_too(api: FlaskClient, browser: FlaskClient, path: str) -> None:
    for client in (api, browser):
        assert text_of(read(client.get(path, buffered=False))) == "Hello, world!"


def test_where_there_is_a_token_it_decides(
    app: Flask,
    api: FlaskClient,
    browser: FlaskClient,
    strange_api: FlaskClient,
    stranger: Person,
    path: str,
) -> None:
    for client in (api, browser):
        assert_worthless(client.get(path, query_string={"token": "worthless"}))
        assert_worthless(client.get(path, query_string={"token": ""}))
    assert_error(strange_api.get(path), 404)
    token = ask(api, path)
    read(strange_api.get(path, query_string={"token": token}, buffered=False))
    strange_browser = signed_in(app, stranger)
    read(strange_browser.get(path, query_string={"token": ask(api, path)}, buffered=False))
    assert strange_browser.get("/api/v1/auth/ping").get_json()["user_id"] == stranger.id
    worthless = app.test_client()
    worthless.environ_base["HTTP_AUTHORIZATION"] = "Bearer worthless"
    read(worthless.get(path, query_string={"token": ask(api, path)}, buffered=False))
    assert_error(worthless.get(path), 401)


def test_its_reader_is_signed_in_for_that_request_alone(app: Flask, api: FlaskClient, path: str) -> None:
    client = app.test_client()
    answered = client.get(path, query_string={"token": ask(api, path)}, buffered=False)
    read(answered)
    assert "Set-Cookie" not in answered.headers
    assert_error(client.get("/api/v1/auth/ping"), 401)
    assert client.get(path).status_code in (401, 422)


# Elsewhere


def test_it_is_worth_nothing_anywhere_else(app: Flask, api: FlaskClient, turn: Started) -> None:
    for kind in KINDS:
        token = ask(api, turn.path(kind))
        query = {"token": token}
        for method, path in (
            ("GET", "/api/auth/user"),
            ("GET", "/api/v1/auth/ping"),
            ("GET", "/api/v1/conversations"),
            ("GET", f"/api/v1/conversations/{turn.session_id}/messages"),
            ("GET", f"/api/v1/generations/{turn.generation_id}"),
            ("GET", f"/api/sessions/{turn.session_id}/stream/seeker"),
            ("POST", f"/api/v1/generations/{turn.generation_id}/cancel"),
            ("POST", f"/api/v1/turns/{turn.turn_id}/cancel"),
            ("POST", f"{turn.path(kind)}-token"),
            ("POST", "/api/v1/chat"),
        ):
            assert_error(app.test_client().open(path, method=method, query_string=query), 401)
        page = app.test_client().get(f"/c/{turn.session_id}", query_string=query)
        assert page.headers["Location"].startswith("/sign-in")
        bearer = {"Authorization": f"Bearer {token}"}
        for path in ("/api/v1/auth/ping", turn.path(kind)):
            assert_error(app.test_client().get(path, headers=bearer), 401)
        cookie = app.test_client()
        cookie.set_cookie("chatapp_session", f"s.{token}")
        assert_error(cookie.get("/api/v1/auth/ping"), 401)
    assert unspent(app) == len(KINDS)


# What asked for it


def reader_of(app: Flask, path: str, token: str) -> str:
    """A position, from a reader that has opened the stream."""
    return ids_of(read(open_by(app, path, token)))[1]


def test_a_sign_out_ends_it(app: Flask, browser: FlaskClient, path: str) -> None:
    csrf = api_token(browser)
    tokens = [ask(browser, path, **{"X-CSRFToken": csrf}) for _ in range(2)]
    position = reader_of(app, path, tokens[1])
    assert open_by(app, path, tokens[1], position).status_code == 200
    submit(browser, "/sign-out", "/")
    assert_worthless(open_by(app, path, tokens[0]))
    assert_worthless(open_by(app, path, tokens[1], position))


def test_another_browser_s_sign_out_does_not(
    app: Flask, api: FlaskClient, browser: FlaskClient, path: str
) -> None:
    token = ask(api, path)
    submit(browser, "/sign-out", "/")
    position = reader_of(app, path, token)
    assert open_by(app, path, token, position).status_code == 200


def test_a_change_of_the_password_ends_it(app: Flask, api: FlaskClient, person: Person, path: str) -> None:
    tokens = [ask(api, path) for _ in range(2)]
    position = reader_of(app, path, tokens[1])
    parts_of(app).accounts.set_password(person.account, "another long password")
    assert_worthless(open_by(app, path, tokens[0]))
    assert_worthless(open_by(app, path, tokens[1], position))


# How it is kept out of sight


def test_a_refused_token_leaves_one_line_without_it(
    app: Flask, api: FlaskClient, person: Person, path: str, log_lines: LogLines
) -> None:
    token = ask(api, path)
    read(open_by(app, path, token))
    assert log_lines.of("Refused") == []
    refused = open_by(app, path, token)
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["reason"], line["user_id"]) == ("stream token", "spent", person.id)
    assert (line["address"], line["request_id"]) == ("127.0.0.1", refused.headers["X-Request-Id"])
    open_by(app, path, "canary-canary")
    assert [line["reason"] for line in log_lines.of("Refused")] == ["spent", "unknown"]
    assert token not in log_lines.text
    assert "canary" not in log_lines.text


def test_no_stream_s_address_is_told_to_others(app: Flask, api: FlaskClient, path: str) -> None:
    token = ask(api, path)
    answers = [
        app.test_client().get(path),
        open_by(app, path, "worthless"),
        open_by(app, path, token),
        api.get(path, headers={"Last-Event-ID": "x-9"}, buffered=False),
        api.post("/api/v1/chat", json={"message": "Hi"}),
    ]
    position = ids_of(read(answers[2]))[-1]
    answers.append(open_by(app, path, token, position))
    assert [each.status_code for each in answers[1:]] == [401, 200, 200, 200, 204]
    assert {each.headers["Referrer-Policy"] for each in answers} == {"no-referrer"}
    assert app.test_client().get("/sign-in").headers["Referrer-Policy"] == "same-origin"


# From other sites


@pytest.fixture
def open_app(make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    return make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, CORS_ORIGINS=ORIGIN)


@pytest.mark.parametrize("kind", KINDS)
def test_another_site_may_ask_and_read(open_app: Flask, sign_up: SignUp, kind: str) -> None:
    api = bearer_client(open_app, sign_up(open_app))
    path = Started(api).path(kind)
    asked = api.post(f"{path}-token", headers={"Origin": ORIGIN})
    opened = open_app.test_client().get(
        path,
        query_string={"token": asked.get_json()["sse_token"]},
        headers={"Origin": ORIGIN},
        buffered=False,
    )
    refused = open_app.test_client().get(path, query_string={"token": "x"}, headers={"Origin": ORIGIN})
    preflight = open_app.test_client().options(
        f"{path}-token", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    )
    for answered in (asked, opened, refused, preflight):
        assert answered.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert answered.headers["Access-Control-Allow-Credentials"] == "true"
        assert "Origin" in answered.headers["Vary"]
    read(opened)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_read_holds_no_connection_of_the_database(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, kind: str
) -> None:
    upstream.scripts = [[STREAM_HEAD, chunk(delta("one ")), End.HANG]]
    path = Started(api).path(kind)
    streams = [LiveStream(open_by(app, path, ask(api, path))) for _ in range(15)]
    for stream in streams:
        stream.read_until("one")
    pool: Any = parts_of(app).database.engine.pool
    assert pool.checkedout() == 0
    for stream in streams:
        stream.hang_up()
