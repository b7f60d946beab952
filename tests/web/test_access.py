"""Access: signed in unless a view says otherwise, and proof that our own page sent what changes something."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.conftest import (
    PASSWORD,
    LogLines,
    Person,
    api_token,
    assert_error,
    form_token,
    rows,
    session_cookie,
    signed_in,
)
from tests.web.policy import POLICY
from tests.web.world import Things

NAME = "session-20250819-143022-a1b2"
MISSING = Things(NAME, "x", "x", "x", "")
FORMS = [MISSING.fill(row.split(" ")[1]) for row, route in POLICY.items() if route.form is not None]
CALLS = [
    (method, MISSING.fill(rule))
    for (method, rule), route in ((row.split(" "), route) for row, route in POLICY.items())
    if method != "GET" and route.form is None
]


def bad_tokens(app: Flask, person: Person, client: FlaskClient) -> list[str | None]:
    """No token, and others: made up, cut, of another session."""
    good = api_token(client)
    return [None, "", "x", good[:-1], good + "x", "\xe4", api_token(signed_in(app, person))]


@pytest.mark.parametrize("path", FORMS)
def test_a_form_without_its_token_is_refused_with_a_page(
    app: Flask, person: Person, browser: FlaskClient, path: str
) -> None:
    before = (rows(app), session_cookie(browser))
    for token in bad_tokens(app, person, browser):
        fields = {} if token is None else {"csrf_token": token}
        answered = browser.post(path, data={"message": "Hi", **fields})
        assert answered.status_code == 403
        assert answered.mimetype == "text/html"
        assert "expired" in answered.get_data(as_text=True)
    assert browser.get("/api/v1/auth/ping").status_code == 200
    assert (rows(app), session_cookie(browser)) == before


@pytest.mark.parametrize("path", ["/sign-in", "/register"])
def test_a_visitor_s_form_needs_its_token_too(app: Flask, person: Person, path: str) -> None:
    other = form_token(app.test_client(), "/sign-in")
    fields = {"email": person.email, "password": PASSWORD}
    for token in ({}, {"csrf_token": other}):
        client = app.test_client()
        client.get(path)
        assert client.post(path, data={**fields, **token}).status_code == 403
        assert client.get("/api/v1/auth/ping").status_code == 401


def test_a_form_s_token_works_again_and_in_the_api(browser: FlaskClient) -> None:
    token = form_token(browser, "/password")
    body = {"email": "nobody@example.org", "password": "x"}
    for _ in range(2):
        assert (
            browser.post("/api/v1/auth/token", json=body, headers={"X-CSRFToken": token}).status_code == 401
        )


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_by_cookie_without_the_token_is_refused(
    app: Flask, person: Person, browser: FlaskClient, method: str, path: str
) -> None:
    before = rows(app)
    for token in bad_tokens(app, person, browser):
        headers = {} if token is None else {"X-CSRFToken": token}
        answered = browser.open(path, method=method, json={"message": "Hi"}, headers=headers)
        assert_error(answered, 403, "CSRF_FAILED")
    assert rows(app) == before


@pytest.mark.parametrize(
    "disguise",
    [
        {"data": '{"message": "Hi"}', "content_type": "text/plain"},
        {"data": '{"message": "Hi"}', "content_type": ""},
        {"data": {"message": "Hi", "_method": "DELETE"}},
        {"data": {"message": "Hi", "X-CSRFToken": "x"}, "content_type": "multipart/form-data"},
        {"json": {"message": "Hi"}, "query_string": {"_method": "GET", "csrf_token": "{token}"}},
        {"json": {"message": "Hi", "csrf_token": "{token}"}},
        {"data": {"message": "Hi", "csrf_token": "{token}"}},
        {"headers": {"X-HTTP-Method-Override": "GET"}},
        {"headers": {"X-HTTP-Method": "GET", "X-Method-Override": "OPTIONS"}},
        {"headers": {"Authorization": "Basic eDp5"}},
        {"headers": {"Origin": "http://localhost", "X-Requested-With": "XMLHttpRequest"}},
    ],
    ids=repr,
)
def test_no_disguise_saves_a_call_by_cookie_the_header(
    app: Flask, browser: FlaskClient, disguise: dict[str, Any]
) -> None:
    """The token in another place than its header is no token."""
    good, before = api_token(browser), rows(app)
    for name in ("json", "data", "query_string"):
        if isinstance(disguise.get(name), dict):
            filled = {key: value.replace("{token}", good) for key, value in disguise[name].items()}
            disguise = {**disguise, name: filled}
    for method, path in CALLS:
        assert_error(browser.open(path, method=method, **disguise), 403, "CSRF_FAILED")
    assert rows(app) == before


@pytest.mark.parametrize("trick", [{"query_string": {"_method": "DELETE"}}, {"data": {"_method": "DELETE"}},
                                   {"headers": {"X-HTTP-Method-Override": "DELETE"}}], ids=repr)  # fmt: skip
def test_no_reading_is_made_a_change(app: Flask, browser: FlaskClient, trick: dict[str, Any]) -> None:
    answered = browser.post("/messages", data={"csrf_token": form_token(browser, "/"), "message": "Hi"})
    name = answered.headers["Location"].rpartition("/")[2]
    before = rows(app)
    assert browser.get(f"/api/v1/conversations/{name}", **trick).status_code == 200
    assert rows(app) == before


def assert_let_through(answered: TestResponse) -> None:
    """By the proof that it comes from us; what is for administrators is refused for its own reason."""
    if answered.status_code == 403:
        assert_error(answered, 403, "FORBIDDEN")
    else:
        assert answered.status_code in {404, 422, 200}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_by_cookie_with_the_token_passes(browser: FlaskClient, method: str, path: str) -> None:
    headers = {"X-CSRFToken": api_token(browser)}
    assert_let_through(browser.open(path, method=method, json={}, headers=headers))


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_by_api_token_needs_none(standing_api: FlaskClient, method: str, path: str) -> None:
    assert_let_through(standing_api.open(path, method=method, json={}))


def test_a_call_with_both_sign_ins_is_by_api_token(browser: FlaskClient, stranger: Person) -> None:
    answered = browser.post("/api/v1/chat", json={}, headers=stranger.bearer)
    assert_error(answered, 422)


def test_each_refused_form_leaves_one_line(person: Person, browser: FlaskClient, log_lines: LogLines) -> None:
    answered = browser.post("/messages", data={"csrf_token": "made-up-token", "message": "canary"})
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["user_id"], line["address"]) == ("CSRF", person.id, "127.0.0.1")
    assert line["reason"]
    assert line["request_id"] == answered.headers["X-Request-Id"]
    assert "made-up-token" not in log_lines.text
    assert "canary" not in log_lines.text


def test_a_missing_sign_in_comes_before_everything_else(standing_app: Flask) -> None:
    client = standing_app.test_client()
    assert_error(client.post("/api/v1/chat", data="{", content_type="text/plain"), 401)
    assert_error(client.post("/api/v1/chat", data=b"x" * 10_000_000), 401)
    assert_error(client.get("/api/v1/turns/x/stream"), 401)
    assert_error(client.delete(f"/api/v1/conversations/{NAME}"), 401)
