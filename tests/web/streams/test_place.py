"""Open streams over HTTP: who has too many is told before anything is committed or spent, and a place is given back
however its connection ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, Response, request
from flask.testing import FlaskClient
from gevent.event import Event
from werkzeug.test import TestResponse

from chatapp.store.database import DatabaseUnavailable
from chatapp.web.body_size import MESSAGE
from chatapp.web.streams.open_streams import OpenStream, TooManyStreams
from tests.scripted_upstream import ScriptedUpstream, answer
from tests.web.conftest import (
    MODELS,
    LogLines,
    MakeApp,
    Person,
    assert_error,
    parts_of,
    rows,
    session_cookie,
    signed_in,
)

LIMIT = 2


@pytest.fixture(params=["memory", "redis"])
def app(request: pytest.FixtureRequest, make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    shared = {} if request.param == "memory" else {"REDIS_URL": request.getfixturevalue("redis_url")}
    app = make_app(
        OPENAI_BASE_URL=upstream.base_url,
        CHATAPP_MODELS=MODELS,
        CHATAPP_STREAMS_PER_USER=str(LIMIT),
        **shared,
    )
    app.after_request(_fail)
    return app


def _fail(response: Response) -> Response:
    """An error when the answer is there, and the stream in it."""
    errors = {"bug": ValueError("a bug"), "database": DatabaseUnavailable()}
    error = errors.get(request.headers.get("X-Fail", ""))
    if error is not None and response.is_streamed:
        raise error
    return response


@pytest.fixture
def go(upstream: ScriptedUpstream) -> Iterator[Event]:
    """Upstream waits for it before it ends."""
    event = Event()
    script = answer("Hello", "!")
    script.insert(3, event)
    upstream.scripts = [script]
    yield event
    event.set()


@pytest.fixture
def turn(api: FlaskClient, go: Event) -> dict[str, Any]:
    """One that runs."""
    started: dict[str, Any] = api.post("/api/v1/turns", json={"message": "Hi"}).json  # type: ignore[assignment]
    return started


Full = Callable[[], list[OpenStream]]


@pytest.fixture
def full(app: Flask, person: Person) -> Full:
    """Takes all places of the person."""

    def take() -> list[OpenStream]:
        return [parts_of(app).open_streams.open(person.id) for _ in range(LIMIT)]

    return take


def free(app: Flask, person: Person) -> int:
    """Places that the person has left."""
    taken: list[OpenStream] = []
    try:
        while True:
            taken.append(parts_of(app).open_streams.open(person.id))
    except TooManyStreams:
        return len(taken)
    finally:
        for place in taken:
            place.release()


def assert_too_many(answered: TestResponse) -> None:
    assert_error(answered, 429, "TOO_MANY_STREAMS")
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
    assert [answered.headers[name] for name in names] == [str(LIMIT), "0", "5", "5"]


def addresses(turn: dict[str, Any]) -> list[str]:
    (generation,) = turn["generations"]
    return [
        turn["stream_url"],
        f"/api/v1/generations/{generation['id']}/stream",
        f"/generations/generate/{generation['id']}/stream",
        f"/api/sessions/{turn['session_id']}/stream/seeker",
    ]


def test_every_stream_is_refused_who_has_too_many(
    api: FlaskClient,
    turn: dict[str, Any],
    full: Full,
    strange_api: FlaskClient,
    log_lines: LogLines,
    person: Person,
) -> None:
    places = full()
    for path in addresses(turn):
        assert_too_many(api.get(path))
        assert strange_api.get(path).status_code == 404
    lines = log_lines.of("Refused")
    assert [(line["kind"], line["reason"], line["user_id"]) for line in lines] == [
        ("limit", "open streams", person.id)
    ] * 4
    for place in places:
        place.release()


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/chat/stream"])
def test_nothing_is_committed(app: Flask, api: FlaskClient, full: Full, path: str) -> None:
    places = full()
    assert_too_many(api.post(path, json={"message": "Hi"}))
    assert set(rows(app).values()) == {0}
    assert api.post("/api/v1/turns", json={"message": "Hi"}).status_code == 202, "that is no stream"
    assert places


def test_no_stream_token_is_spent(app: Flask, api: FlaskClient, turn: dict[str, Any], full: Full) -> None:
    token = api.post(f"/api/v1/turns/{turn['turn_id']}/stream-token").json["sse_token"]  # type: ignore[index]
    places, path = full(), f"{turn['stream_url']}?token={token}"
    assert_too_many(app.test_client().get(path))
    for place in places:
        place.release()
    with app.test_client().get(path, buffered=False) as opened:
        assert opened.status_code == 200
    assert app.test_client().get(path).status_code == 401, "now it is"


def test_a_place_is_taken_while_a_stream_is_open(
    app: Flask, api: FlaskClient, person: Person, turn: dict[str, Any], go: Event
) -> None:
    first = api.get(turn["stream_url"], buffered=False)
    next(iter(first.response))
    assert free(app, person) == LIMIT - 1
    first.close()
    assert free(app, person) == LIMIT
    go.set()
    with api.get(turn["stream_url"]) as whole:
        assert b"done" in whole.get_data()
    assert free(app, person) == LIMIT


def test_a_stream_that_never_began_to_be_read_gives_its_place_back(
    app: Flask, api: FlaskClient, person: Person, turn: dict[str, Any]
) -> None:
    opened = api.get(turn["stream_url"], buffered=False)
    assert free(app, person) == LIMIT - 1
    opened.close()
    assert free(app, person) == LIMIT


def test_whatever_else_is_answered_keeps_no_place(
    app: Flask, api: FlaskClient, person: Person, turn: dict[str, Any], go: Event
) -> None:
    go.set()
    with api.get(turn["stream_url"]) as whole:
        last = [line for line in whole.get_data(as_text=True).split("\n") if line.startswith("id: ")][-1][4:]
    bad = {"message": "Hi", "what": 1}
    answers = [
        api.get(turn["stream_url"], headers={"Last-Event-ID": last}),
        api.get("/api/v1/turns/nothing/stream"),
        api.post("/api/v1/chat", json=bad),
        api.post("/api/v1/chat", data="{"),
        api.post("/api/v1/chat", data=b"x" * (MESSAGE + 1)),
        api.head(turn["stream_url"]),
        api.options("/api/v1/chat"),
        api.put("/api/v1/chat"),
        app.test_client().get(turn["stream_url"]),
    ]
    assert [each.status_code for each in answers] == [204, 404, 422, 415, 413, 405, 200, 405, 401]
    assert free(app, person) == LIMIT


def test_a_bug_and_a_database_that_is_away_keep_no_place(
    app: Flask, api: FlaskClient, person: Person, turn: dict[str, Any]
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    for name, status in (("bug", 500), ("database", 503)):
        answered = api.get(turn["stream_url"], headers={"X-Fail": name})
        assert answered.status_code == status
        assert free(app, person) == LIMIT


def test_looking_at_the_head_of_a_streamed_page_keeps_no_place(
    app: Flask, person: Person, turn: dict[str, Any]
) -> None:
    browser = signed_in(app, person)
    with browser.head(f"/c/{turn['session_id']}") as answered:
        assert answered.status_code == 200
    assert free(app, person) == LIMIT


def test_who_comes_without_scripts_gets_the_page_and_a_way_to_try_again(
    app: Flask, person: Person, turn: dict[str, Any], full: Full
) -> None:
    browser = signed_in(app, person)
    path, places = f"/c/{turn['session_id']}", full()
    crowded = browser.get(path)
    page = crowded.get_data(as_text=True)
    assert (crowded.status_code, crowded.mimetype) == (429, "text/html")
    assert "You are following too many answers at once." in page
    assert '<a href="?live=1">' in page
    assert "http-equiv" not in page, "it must not come back by itself at once"
    assert page.rstrip().endswith("</html>")
    for place in places:
        place.release()
    with browser.get(path, buffered=False) as live:
        next(iter(live.response))
        assert live.status_code == 200
        assert free(app, person) == LIMIT - 1
    assert free(app, person) == LIMIT
    assert session_cookie(browser)
