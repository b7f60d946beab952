"""Access: signed in unless a view says otherwise, and proof that our own page sent what changes something."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.web.conftest import (
    PASSWORD,
    LogLines,
    Person,
    api_token,
    assert_error,
    fields_at_fault,
    form_token,
    rows,
    session_cookie,
    signed_in,
)

NAME = "session-20250819-143022-a1b2"
PUBLIC = {
    "static",
    "health.health",
    "health.ready",
    "account.token",
    "pages.sign_in",
    "pages.sign_in_form",
    "pages.sign_out_form",
    "pages.register",
    "pages.register_form",
}
FORMS = [
    "/sign-in",
    "/sign-out",
    "/register",
    "/password",
    "/messages",
    f"/c/{NAME}/messages",
    "/turns/x/stop",
    "/turns/x/again",
    "/tokens",
    "/tokens/x/revoke",
]
CALLS = [
    ("POST", "/api/v1/chat"),
    ("POST", "/api/chat/stream"),
    ("POST", "/api/v1/turns"),
    ("POST", "/api/v1/turns/x/cancel"),
    ("POST", "/api/v1/turns/x/stream-token"),
    ("POST", "/api/v1/generations/x/cancel"),
    ("POST", "/api/v1/generations/x/stream-token"),
    ("POST", "/generations/generate/x/stream-token"),
    ("POST", "/api/v1/auth/token"),
    ("PATCH", f"/api/v1/conversations/{NAME}"),
    ("DELETE", f"/api/v1/conversations/{NAME}"),
    ("POST", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/x"),
]


def path_to(rule: Rule) -> str:
    values = {name: NAME if name == "session_id" else "x" for name in rule.arguments}
    return rule.rule.replace("<path:", "<").replace("<", "{").replace(">", "}").format(**values)


def asks_for_a_token(answered: TestResponse) -> bool:
    return answered.status_code == 422 and fields_at_fault(answered) == {"token"}


def asks_on_a_page(answered: TestResponse) -> bool:
    return answered.headers.get("Location", "").startswith("/sign-in")


def test_every_view_asks_for_a_sign_in_unless_it_is_known_to_be_public(standing_app: Flask) -> None:
    asked = set()
    for rule in standing_app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answered = standing_app.test_client().open(path_to(rule), method=method)
            if answered.status_code == 401:
                assert_error(answered, 401, "UNAUTHORIZED")
                asked.add(rule.endpoint)
            elif asks_for_a_token(answered) or asks_on_a_page(answered):
                asked.add(rule.endpoint)
    endpoints = {rule.endpoint for rule in standing_app.url_map.iter_rules()}
    assert endpoints - asked == PUBLIC


def test_the_pages_are_there(standing_app: Flask) -> None:
    """A blueprint whose modules nobody imports has no views."""
    rules = {rule.rule for rule in standing_app.url_map.iter_rules()}
    assert {
        "/",
        "/sign-in",
        "/sign-out",
        "/register",
        "/password",
        "/tokens",
        "/c/<session_id>",
        "/messages",
    } <= rules


def test_every_changing_form_and_call_is_named_here(standing_app: Flask) -> None:
    changing = {
        path_to(rule)
        for rule in standing_app.url_map.iter_rules()
        if (rule.methods or set()) & {"POST", "PUT", "PATCH", "DELETE"}
    }
    assert changing == {*FORMS, *(path for _, path in CALLS)}


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


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_by_cookie_with_the_token_passes(browser: FlaskClient, method: str, path: str) -> None:
    headers = {"X-CSRFToken": api_token(browser)}
    assert browser.open(path, method=method, json={}, headers=headers).status_code in {404, 422, 200}


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_by_api_token_needs_none(standing_api: FlaskClient, method: str, path: str) -> None:
    assert standing_api.open(path, method=method, json={}).status_code in {404, 422, 200}


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
