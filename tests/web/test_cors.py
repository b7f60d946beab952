"""CORS: other origins, matched whole."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.scripted_upstream import ScriptedUpstream
from tests.web.conftest import MODELS, LogLines, MakeApp, Person, SignUp, take_database_away

LISTED = ["https://chat.example.org", "http://localhost:3000"]
METHODS = {"GET", "POST", "PATCH", "DELETE", "OPTIONS"}
ALLOWED = {"authorization", "content-type", "last-event-id", "idempotency-key", "x-request-id", "x-csrftoken"}
EXPOSED = {
    "x-request-id",
    "x-session-id",
    "x-turn-id",
    "retry-after",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
}


@pytest.fixture
def app(make_app: MakeApp, upstream: ScriptedUpstream) -> Flask:
    return make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, CORS_ORIGINS=", ".join(LISTED))


def words(header: str) -> set[str]:
    return {each.strip().lower() for each in header.split(",")}


def assert_no_cors(headers: dict[str, str]) -> None:
    assert not [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("origin", LISTED)
@pytest.mark.parametrize("path", ["/api/v1/auth/ping", "/api/health", "/api/nowhere", "/generations/nowhere"])
def test_a_listed_origin_may_read_with_credentials(app: Flask, origin: str, path: str) -> None:
    headers = app.test_client().get(path, headers={"Origin": origin}).headers
    assert headers["Access-Control-Allow-Origin"] == origin
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert words(headers["Access-Control-Expose-Headers"]) == EXPOSED
    assert "origin" in words(headers["Vary"])


@pytest.mark.parametrize("origin", [*LISTED, "https://evil.example", None])
def test_a_stream_tells_the_same(api: FlaskClient, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    answered = api.post("/api/v1/chat", json={"message": "Hi"}, headers=headers)
    assert answered.status_code == 200
    assert answered.headers.get("Access-Control-Allow-Origin") == (origin if origin in LISTED else None)
    assert "origin" in words(answered.headers["Vary"])


REFUSALS: list[tuple[int, str, str, dict[str, Any]]] = [
    (400, "POST", "/api/v1/chat", {"data": "{", "content_type": "application/json"}),
    (401, "GET", "/api/v1/auth/ping", {"headers": {"Authorization": "Bearer worthless"}}),
    (404, "GET", "/api/v1/turns/x/stream", {}),
    (405, "HEAD", "/api/v1/turns/x/stream", {}),
    (405, "PUT", "/api/v1/chat", {}),
    (413, "POST", "/api/v1/chat", {"data": b"x" * 10_000_000, "content_type": "application/json"}),
    (415, "POST", "/api/v1/chat", {"data": "{}", "content_type": "text/plain"}),
    (422, "POST", "/api/v1/chat", {"json": {}}),
]


@pytest.mark.parametrize(("status", "method", "path", "request_"), REFUSALS)
def test_an_error_can_be_read_from_a_listed_origin(
    api: FlaskClient, status: int, method: str, path: str, request_: dict[str, Any]
) -> None:
    given = dict(request_)
    headers = {"Origin": LISTED[1], **given.pop("headers", {})}
    answered = api.open(path, method=method, headers=headers, **given)
    assert answered.status_code == status
    assert answered.headers["Access-Control-Allow-Origin"] == LISTED[1]
    assert answered.headers["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in words(answered.headers["Vary"])


def test_a_server_s_own_fault_can_be_read_too(app: Flask, person: Person) -> None:
    take_database_away(app)
    answered = app.test_client().get("/api/v1/auth/ping", headers={**person.bearer, "Origin": LISTED[0]})
    assert answered.status_code == 503
    assert answered.headers["Access-Control-Allow-Origin"] == LISTED[0]
    assert "retry-after" in words(answered.headers["Access-Control-Expose-Headers"])
    assert "origin" in words(answered.headers["Vary"])


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/v1/turns/x/stream", "/api/v1/conversations/x"])
def test_a_preflight_is_answered(app: Flask, path: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ", ".join(ALLOWED)}
    answered = app.test_client().options(path, headers={"Origin": LISTED[0], **asked})
    assert answered.status_code == 200
    assert set(answered.headers["Access-Control-Allow-Methods"].split(", ")) == METHODS
    assert words(answered.headers["Access-Control-Allow-Headers"]) == ALLOWED
    assert answered.headers["Access-Control-Allow-Origin"] == LISTED[0]


@pytest.mark.parametrize(
    "origin",
    [
        "https://chat.example.org.evil.com",
        "https://evil-chat.example.org",
        "https://chatxexample.org",
        "http://chat.example.org",
        "https://chat.example.org:444",
        "https://chat.example.org/",
        "https://chat.example.org https://evil.com",
        "http://localhost:30000",
        "null",
        "*",
        "",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_origin_that_is_not_listed_gets_nothing(app: Flask, origin: str, method: str) -> None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    answered = app.test_client().open("/api/health", method=method, headers=headers)
    assert_no_cors(dict(answered.headers))
    assert "origin" in words(answered.headers["Vary"])


def test_without_an_origin_there_is_nothing_to_say(app: Flask) -> None:
    assert_no_cors(dict(app.test_client().get("/api/health").headers))


def test_pages_are_for_nobody_else(app: Flask) -> None:
    assert_no_cors(dict(app.test_client().get("/sign-in", headers={"Origin": LISTED[0]}).headers))


def test_without_a_list_nobody_may(make_app: MakeApp) -> None:
    answered = make_app().test_client().get("/api/health", headers={"Origin": LISTED[0]})
    assert_no_cors(dict(answered.headers))


@pytest.mark.parametrize("listed", [True, False])
def test_a_refused_origin_leaves_one_line(
    make_app: MakeApp, sign_up: SignUp, log_lines: LogLines, listed: bool
) -> None:
    app = make_app(CORS_ORIGINS=LISTED[0]) if listed else make_app()
    answered = app.test_client().get("/api/v1/auth/ping", headers={"Origin": "https://evil.example"})
    (line,) = log_lines.of("Refused")
    assert line["kind"] == "origin"
    assert line["request_id"] == answered.headers["X-Request-Id"]


def test_our_own_origin_and_listed_ones_leave_none(app: Flask, person: Person, log_lines: LogLines) -> None:
    for origin in ("http://localhost", LISTED[0]):
        app.test_client().get("/api/v1/auth/ping", headers={**person.bearer, "Origin": origin})
    assert log_lines.of("Refused") == []
