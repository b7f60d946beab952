"""Who is signed in, and API tokens for a password."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import PASSWORD, LogLines, Person, assert_error, fields_at_fault

TOKEN = "/api/v1/auth/token"


def test_the_user_is_told_to_a_token_without_a_csrf_token(api: FlaskClient, person: Person) -> None:
    account = person.account
    assert api.get("/api/auth/user").get_json() == {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "role": "user",
    }


def test_a_cookie_is_told_its_csrf_token(browser: FlaskClient, person: Person) -> None:
    found = browser.get("/api/auth/user").get_json()
    assert set(found) == {"id", "email", "name", "role", "csrf_token"}
    assert found["id"] == person.id


def test_ping(api: FlaskClient, person: Person) -> None:
    assert api.get("/api/v1/auth/ping").get_json() == {"ok": True, "user_id": person.id}


@pytest.mark.parametrize("path", ["/api/auth/user", "/api/v1/auth/ping"])
def test_nobody_is_unauthorized(standing_app: Flask, path: str) -> None:
    assert (
        assert_error(standing_app.test_client().get(path), 401, "UNAUTHORIZED")["message"] == "Unauthorized"
    )


@pytest.mark.parametrize("email", ["reader@example.org", " READER@Example.org "])
def test_a_password_gives_a_token_that_works(app: Flask, person: Person, email: str) -> None:
    client = app.test_client()
    answered = client.post(TOKEN, json={"email": email, "password": PASSWORD})
    found = answered.get_json()
    assert answered.status_code == 200
    assert set(found) == {"token", "token_type", "expires_in"}
    assert found["token_type"] == "Bearer"
    assert found["expires_in"] == 30 * 24 * 3600
    headers = {"Authorization": f"Bearer {found['token']}"}
    assert client.get("/api/v1/auth/ping", headers=headers).get_json()["user_id"] == person.id
    assert "Set-Cookie" not in answered.headers


def test_a_wrong_password_and_an_unknown_e_mail_are_answered_alike(
    app: Flask, person: Person, log_lines: LogLines
) -> None:
    client = app.test_client()
    tries = [
        {"email": person.email, "password": "wrong wrong"},
        {"email": "nobody@example.org", "password": "wrong wrong"},
        {"email": person.email, "password": ""},
        {"email": "", "password": ""},
        {"email": "x" * 15_000, "password": "y" * 15_000},
    ]
    answers = [client.post(TOKEN, json=each) for each in tries]
    told = [{**assert_error(each, 401), "request_id": None} for each in answers]
    assert all(each == told[0] for each in told)
    known = [line["user_id"] for line in log_lines.of("Refused")]
    assert known == [person.id, None, person.id, None, None]
    assert "wrong wrong" not in log_lines.text


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": "a@b"}, {"password"}),
        ({"email": 1, "password": 2}, {"email", "password"}),
        ({"email": "a\0@b", "password": "a\0"}, {"email", "password"}),
        ({"email": "a@b", "password": "x", "remember": True}, {"remember"}),
    ],
)
def test_credentials_of_another_shape_are_refused(
    standing_app: Flask, body: dict[str, object], fields: set[str]
) -> None:
    assert fields_at_fault(standing_app.test_client().post(TOKEN, json=body)) == fields


def test_credentials_with_half_characters_are_refused(standing_app: Flask) -> None:
    body = '{"email":"\\ud800","password":"\\udfff"}'
    answered = standing_app.test_client().post(TOKEN, data=body, content_type="application/json")
    assert fields_at_fault(answered) == {"email", "password"}
