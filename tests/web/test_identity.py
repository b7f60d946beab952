"""Identity: API tokens and cookies side by side."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.web.conftest import LogLines, Person, SignUp, assert_error, bearer_client, parts_of

PING = "/api/v1/auth/ping"


def minted(app: Flask, claims: dict[str, Any]) -> dict[str, str]:
    """A header with a token that somebody else has made with the same secret."""
    secret = parts_of(app).settings.jwt_secret.get_secret_value()
    body = {"aud": "authenticated", "exp": time.time() + 60, **claims}
    return {"Authorization": f"Bearer {jwt.encode(body, secret, algorithm='HS256')}"}


def test_a_token_minted_elsewhere_is_accepted(app: Flask, person: Person) -> None:
    client = app.test_client()
    for claims in ({"sub": person.id}, {"sub": "unknown", "email": person.email}, {"email": person.email}):
        assert client.get(PING, headers=minted(app, claims)).get_json() == {"ok": True, "user_id": person.id}


def test_a_token_that_names_two_people_is_refused(app: Flask, person: Person, stranger: Person) -> None:
    headers = minted(app, {"sub": person.id, "email": stranger.email})
    assert_error(app.test_client().get(PING, headers=headers), 401)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_as_one_likes(app: Flask, person: Person, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {person.token}"}
    assert app.test_client().get(PING, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer " + "x" * 9000,
        "Basic YTpi",
        "Token x",
        "\xff",
    ],
)
def test_other_authorizations_are_nobody_s(standing_app: Flask, header: str) -> None:
    assert_error(standing_app.test_client().get(PING, headers={"Authorization": header}), 401)


def test_the_api_token_beats_the_cookie(browser: FlaskClient, stranger: Person) -> None:
    assert browser.get(PING, headers=stranger.bearer).get_json()["user_id"] == stranger.id


def test_a_worthless_api_token_is_not_made_good_by_a_cookie(browser: FlaskClient) -> None:
    assert_error(browser.get(PING, headers={"Authorization": "Bearer worthless"}), 401)


def test_cookies_of_other_applications_change_nothing(app: Flask, person: Person) -> None:
    client = bearer_client(app, person)
    for name in ("session", "remember_token"):
        client.set_cookie(name, "of-another-application|on-this-host")
    assert client.get(PING).status_code == 200


def test_an_api_token_gets_no_cookie(api: FlaskClient) -> None:
    for path in (PING, "/api/auth/user"):
        assert "Set-Cookie" not in api.get(path).headers


def test_a_worthless_token_leaves_one_line_and_not_the_secret(app: Flask, log_lines: LogLines) -> None:
    token = "eyJhbGciOiJub25lIn0.canary.canary"
    answered = app.test_client().get(PING, headers={"Authorization": f"Bearer {token}"})
    (line,) = log_lines.of("Refused")
    assert (line["kind"], line["address"]) == ("API token", "127.0.0.1")
    assert line["reason"]
    assert line["request_id"] == answered.headers["X-Request-Id"]
    assert "canary" not in log_lines.text


def test_claims_that_no_database_can_hold_are_nobody_s(app_on_either: Flask, sign_up: SignUp) -> None:
    sign_up(app_on_either)
    for claims in (
        {"sub": "a\0b"},
        {"sub": "\ud800"},
        {"email": "a\0b"},
        {"email": "\udfff"},
        {"sub": "", "email": ""},
        {"jti": "a\0"},
        {"jti": "\ud800"},
        {"sub": "x" * 100_000},
    ):
        answered = app_on_either.test_client().get(PING, headers=minted(app_on_either, claims))
        assert_error(answered, 401)
