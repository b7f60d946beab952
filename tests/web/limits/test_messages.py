"""Messages per minute: one count for all ways to send, told on every answer, kept by every process together."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.hand_clock import HandClock
from tests.scripted_upstream import ScriptedUpstream, refuse
from tests.turns.house import until
from tests.valkey import RunningValkey
from tests.web.conftest import (
    LogLines,
    Person,
    SignUp,
    assert_error,
    bearer_client,
    form_token,
    rows,
    signed_in,
    submit,
)
from tests.web.limits.conftest import MakeLimited

WAYS = ("/api/v1/chat", "/api/chat/stream", "/api/v1/turns")
TOLD = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")


def send(api: FlaskClient, way: str = "/api/v1/turns", **headers: str) -> TestResponse:
    answered = api.post(way, json={"message": "Hi"}, headers=headers)
    answered.get_data()
    answered.close()
    return answered


def told(answered: TestResponse) -> list[str | None]:
    return [answered.headers.get(name) for name in TOLD]


def test_the_numbers_are_exact(api: FlaskClient, clock: HandClock) -> None:
    assert told(send(api)) == ["3", "2", "60", None]
    clock.wait(20)
    assert told(send(api)) == ["3", "1", "40", None]
    clock.wait(0.5)
    assert told(send(api)) == ["3", "0", "40", None]
    refused = send(api)
    assert_error(refused, 429, "RATE_LIMITED")
    assert told(refused) == ["3", "0", "40", "40"]
    clock.wait(39)
    assert told(send(api)) == ["3", "0", "1", "1"]
    clock.wait(0.5)
    assert send(api).status_code == 202
    assert told(send(api))[3] == "20"


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_send_counts_as_one(api: FlaskClient, app: Flask, way: str) -> None:
    assert [send(api, each).status_code for each in WAYS] == [200, 200, 202]
    before = rows(app)
    assert_error(send(api, way), 429, "RATE_LIMITED")
    assert rows(app) == before, "nothing was committed"


def test_a_page_says_so_and_keeps_what_was_written(app: Flask, person: Person) -> None:
    browser = signed_in(app, person)
    token = form_token(browser, "/")
    for _ in range(3):
        assert submit(browser, "/messages", "/", message="Hi").status_code == 303
    written = {"csrf_token": token, "message": "How do bees <sleep>?"}
    before = rows(app)
    refused = browser.post("/messages", data=written)
    page = refused.get_data(as_text=True)
    assert (refused.status_code, refused.mimetype) == (429, "text/html")
    assert "Please try again in 60 seconds." in page
    assert "How do bees &lt;sleep&gt;?" in page
    assert told(refused) == ["3", "0", "60", "60"]
    session_id = browser.get("/api/v1/conversations").json["items"][0]["session_id"]  # type: ignore[index]
    again = browser.post(f"/c/{session_id}/messages", data=written)
    assert again.status_code == 429
    assert "How do bees" in again.get_data(as_text=True)
    assert rows(app) == before


def test_asking_again_counts(
    app: Flask, api: FlaskClient, person: Person, upstream: ScriptedUpstream
) -> None:
    upstream.scripts = [refuse(400, "Not today.")]
    browser = signed_in(app, person)
    turn: Any = send(api).json
    path = f"/replies/{turn['generations'][0]['id']}/again"
    token = form_token(browser, "/")
    until(lambda: api.get(f"/api/v1/turns/{turn['turn_id']}").get_json()["status"] == "ended")
    statuses = [browser.post(path, data={"csrf_token": token}).status_code for _ in range(3)]
    assert statuses[-1] == 429


def test_a_user_s_messages_are_nobody_else_s(
    app: Flask, api: FlaskClient, strange_api: FlaskClient, person: Person
) -> None:
    assert [send(api).status_code for _ in range(4)][-1] == 429
    assert send(strange_api).status_code == 202
    assert send(bearer_client(app, person)).status_code == 429, "another client of the same user"


def test_what_is_no_message_does_not_count(api: FlaskClient) -> None:
    for _ in range(5):
        assert api.post("/api/v1/turns", json={"message": ""}).status_code == 422
        assert api.options("/api/v1/turns").status_code == 200
        assert api.head("/api/v1/chat").status_code == 405
        assert api.get("/api/v1/conversations").headers.get("RateLimit-Limit") is None
    assert told(send(api))[1] == "2"


def test_a_repeated_message_counts_and_is_answered_when_there_is_room(
    api: FlaskClient, clock: HandClock
) -> None:
    sent = [send(api, **{"Idempotency-Key": "m1"}) for _ in range(4)]
    assert [each.status_code for each in sent] == [202] * 3 + [429]
    clock.wait(60)
    assert send(api, **{"Idempotency-Key": "m1"}).json == sent[0].json


def test_a_refusal_leaves_one_line(api: FlaskClient, person: Person, log_lines: LogLines) -> None:
    answered = [send(api) for _ in range(4)][-1]
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["reason"], line["user_id"]) == ("limit", "messages", person.id)
    assert line["request_id"] == answered.headers["X-Request-Id"]


@pytest.mark.parametrize("variables", [{"CHATAPP_RATE_LIMITS": "0"}, {"CHATAPP_RATE_LIMITS": ""}])
def test_switched_off_nothing_counts(
    make_limited: MakeLimited, sign_up: SignUp, variables: dict[str, str]
) -> None:
    app = make_limited(**variables)
    api = bearer_client(app, sign_up(app))
    answers = [send(api) for _ in range(5)]
    assert {each.status_code for each in answers} == {202}
    assert told(answers[-1]) == [None] * 4


def test_two_applications_on_one_redis_share_the_count(
    make_limited: MakeLimited, sign_up: SignUp, redis_url: str
) -> None:
    one, other = make_limited(REDIS_URL=redis_url), make_limited(REDIS_URL=redis_url)
    person = sign_up(one)
    clients = [bearer_client(one, person), bearer_client(other, person)] * 3
    assert [send(each).status_code for each in clients] == [202] * 3 + [429] * 3


def test_without_redis_messages_go_on_and_are_counted(
    make_limited: MakeLimited, sign_up: SignUp, valkey: RunningValkey, upstream: ScriptedUpstream
) -> None:
    app = make_limited(REDIS_URL=valkey.url)
    api = bearer_client(app, sign_up(app))
    assert send(api).status_code == 202
    valkey.kill()
    assert [send(api).status_code for _ in range(4)] == [202] * 3 + [429]
