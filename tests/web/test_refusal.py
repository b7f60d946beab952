"""The security log: one line for each thing that was refused, with all that is known of it, and never the secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import (
    LogLines,
    MakeApp,
    Person,
    SignUp,
    api_token,
    bearer_client,
    conversation_of,
    form_token,
    signed_in,
)
from tests.web.world import made_up_token

CANARY = "canary-secret"
ADDRESS = "203.0.113.9"
FIELDS = {"level", "levelname", "event", "kind", "reason", "user_id", "address", "request_id"}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(
        OPENAI_BASE_URL="http://127.0.0.1:9/v1",
        CORS_ORIGINS="https://a.example",
        CHATAPP_MODELS="gpt-4o-mini",
    )


class Someone:
    """What a refused request may need."""

    def __init__(self, app: Flask, person: Person) -> None:
        self.app, self.person = app, person
        self.nobody, self.bearer, self.browser = (
            app.test_client(),
            bearer_client(app, person),
            signed_in(app, person),
        )
        self.visitor_token = form_token(self.nobody, "/sign-in")
        self.browser_token = api_token(self.browser)
        conversation = conversation_of(app, person, ["Hi"])
        said = self.bearer.get(f"/api/v1/conversations/{conversation}/messages").get_json()["items"]
        self.generation = f"/api/v1/generations/{said[0]['generation_id']}"
        self.turn = f"/api/v1/turns/{said[0]['turn_id']}"

    def spent(self) -> str:
        """A stream token that has done its work."""
        token: str = self.bearer.post(f"{self.turn}/stream-token").get_json()["sse_token"]
        self.nobody.get(f"{self.turn}/stream", query_string={"token": token}, buffered=True)
        return token


def ask(client: FlaskClient, method: str, path: str, **more: Any) -> TestResponse:
    return client.open(path, method=method, environ_overrides={"REMOTE_ADDR": ADDRESS}, **more)


def page_sign_in(who: Someone, email: str) -> TestResponse:
    fields = {"email": email, "password": CANARY, "csrf_token": who.visitor_token}
    return ask(who.nobody, "POST", "/sign-in", data=fields)


def api_sign_in(who: Someone, email: str) -> TestResponse:
    return ask(who.nobody, "POST", "/api/v1/auth/token", json={"email": email, "password": CANARY})


def with_bearer(who: Someone, method: str, path: str, token: str) -> TestResponse:
    return ask(who.nobody, method, path, headers={"Authorization": f"Bearer {token}"})


Refuse = Callable[[Someone], TestResponse]
REFUSALS: dict[str, tuple[Refuse, int, str, bool]] = {
    "a wrong password": (lambda who: page_sign_in(who, who.person.email), 401, "sign-in", True),
    "an unknown e-mail": (lambda who: page_sign_in(who, f"{CANARY}@example.org"), 401, "sign-in", False),
    "a wrong password for a token": (lambda who: api_sign_in(who, who.person.email), 401, "sign-in", True),
    "an unknown e-mail for a token": (lambda who: api_sign_in(who, "x@example.org"), 401, "sign-in", False),
    "a made-up API token": (lambda who: with_bearer(who, "GET", "/api/v1/voices", CANARY), 401, "API token", False),
    "one on a page": (lambda who: with_bearer(who, "GET", "/", CANARY), 303, "API token", False),
    "one on a page that is missing": (lambda who: with_bearer(who, "GET", "/no", CANARY), 404, "API token", False),
    "one at a change": (lambda who: with_bearer(who, "DELETE", "/api/v1/conversations/x", made_up_token()),
                        401, "API token", False),
    "one at a stream": (lambda who: with_bearer(who, "GET", f"{who.generation}/stream", CANARY),
                        401, "API token", False),
    "a made-up stream token": (lambda who: ask(who.nobody, "GET", f"{who.generation}/stream",
                                               query_string={"token": CANARY}), 401, "stream token", False),
    "a spent stream token": (lambda who: ask(who.nobody, "GET", f"{who.turn}/stream",
                                             query_string={"token": who.spent()}), 401, "stream token", True),
    "another stream's token": (lambda who: ask(who.bearer, "GET", f"{who.generation}/stream",
                                               query_string={"token": who.spent()}), 401, "stream token", True),
    "a form without its token": (lambda who: ask(who.browser, "POST", "/messages", data={"message": CANARY}),
                                 403, "CSRF", True),
    "a form with another": (lambda who: ask(who.browser, "POST", "/sign-out", data={"csrf_token": CANARY}),
                            403, "CSRF", True),
    "a visitor's form": (lambda who: ask(who.nobody, "POST", "/sign-in", data={"csrf_token": CANARY}),
                         403, "CSRF", False),
    "a call without its token": (lambda who: ask(who.browser, "POST", "/api/v1/chat", json={"message": CANARY}),
                                 403, "CSRF", True),
    "a call with another": (lambda who: ask(who.browser, "DELETE", "/api/v1/conversations/x",
                                            headers={"X-CSRFToken": CANARY}), 403, "CSRF", True),
    "an origin": (lambda who: ask(who.nobody, "GET", "/api/health",
                                  headers={"Origin": f"https://{CANARY}.example"}), 200, "origin", False),
    "an origin's preflight": (lambda who: ask(who.nobody, "OPTIONS", "/api/v1/chat",
                                              headers={"Origin": "https://b.example",
                                                       "Access-Control-Request-Method": "POST"}),
                              200, "origin", False),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_each_refusal_leaves_one_line(app: Flask, sign_up: SignUp, log_lines: LogLines, name: str) -> None:
    refuse, status, kind, is_known = REFUSALS[name]
    who = Someone(app, sign_up(app))
    log_lines.written.clear()
    answered = refuse(who)
    assert answered.status_code == status, answered.get_data(as_text=True)
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["user_id"]) == (kind, who.person.id if is_known else None)
    assert (line["address"], line["request_id"]) == (ADDRESS, answered.headers["X-Request-Id"])
    assert line["reason"]
    assert set(line) <= FIELDS
    assert CANARY not in log_lines.text
    assert who.person.token not in log_lines.text
    assert who.browser_token not in log_lines.text


def test_what_is_not_refused_leaves_none(app: Flask, sign_up: SignUp, log_lines: LogLines) -> None:
    who = Someone(app, sign_up(app))
    log_lines.written.clear()
    for client, token in (
        (who.bearer, ""),
        (who.browser, who.browser_token),
        (who.nobody, who.visitor_token),
    ):
        for method, path in (("GET", "/api/v1/voices"), ("GET", "/"), ("GET", "/nowhere"), ("OPTIONS", "/messages"),
                             ("GET", "/api/health"), ("DELETE", "/api/v1/conversations/x")):  # fmt: skip
            ask(client, method, path, headers={"X-CSRFToken": token, "Origin": "https://a.example"})
    assert log_lines.of("Refused") == []


def test_two_things_that_are_refused_leave_a_line_each(
    app: Flask, sign_up: SignUp, log_lines: LogLines
) -> None:
    who = Someone(app, sign_up(app))
    log_lines.written.clear()
    headers = {"Authorization": f"Bearer {CANARY}", "Origin": "https://b.example"}
    ask(who.nobody, "GET", "/api/v1/voices", headers=headers)
    ask(who.nobody, "POST", "/messages", headers=headers, data={"csrf_token": CANARY})
    assert sorted(line["kind"] for line in log_lines.of("Refused")) == ["API token", "API token", "origin"]
