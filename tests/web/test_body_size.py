"""Bodies are bounded by what their view takes: all that is allowed fits, and no more is read than that."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.accounts.account import EMAIL_LENGTH, PASSWORD_LENGTH
from chatapp.web.api.message_body import MESSAGE_LENGTH
from chatapp.web.body_size import BODY, MESSAGE, NOTHING, PASSWORDS, TOML, VOICE
from chatapp.web.voice_body import DESCRIPTION_LENGTH, NAME_LENGTH, PROMPT_LENGTH
from tests.web.conftest import Person, assert_error, form_token, signed_in

LONGEST = "\U0001f916"
"""A character that takes the most bytes, however it is written."""
JSON = "application/json"

BOUNDS = [
    ("POST", "/api/v1/chat", MESSAGE),
    ("POST", "/api/chat/stream", MESSAGE),
    ("POST", "/api/v1/turns", MESSAGE),
    ("POST", "/api/v1/voices.toml", TOML),
    ("POST", "/api/v1/voices", VOICE),
    ("PATCH", "/api/v1/voices/x", VOICE),
    ("POST", "/api/v1/auth/token", PASSWORDS),
    ("POST", "/api/v1/turns/x/cancel", NOTHING),
    ("POST", "/api/v1/turns/x/stream-token", NOTHING),
    ("POST", "/api/v1/generations/x/cancel", NOTHING),
    ("POST", "/api/v1/generations/x/stream-token", NOTHING),
    ("POST", "/generations/generate/x/stream-token", NOTHING),
    ("PATCH", "/api/v1/conversations/x", BODY),
    ("DELETE", "/api/v1/conversations/x", BODY),
    ("GET", "/api/v1/conversations", BODY),
]


@pytest.mark.parametrize(("method", "path", "most"), BOUNDS)
@pytest.mark.parametrize(
    "kind", [JSON, "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_one_byte_more_is_too_large_whatever_it_is(
    standing_api: FlaskClient, method: str, path: str, most: int, kind: str
) -> None:
    within = standing_api.open(path, method=method, data=b" " * most, content_type=kind)
    assert within.status_code not in {413, 500}
    beyond = standing_api.open(path, method=method, data=b" " * (most + 1), content_type=kind)
    assert_error(beyond, 413, "TOO_LARGE")


@pytest.mark.parametrize("path", ["/api/v1/chat", "/api/chat/stream", "/api/v1/turns"])
@pytest.mark.parametrize("written", [LONGEST, "\u4e2d", '"', "\n", "\x01"])
def test_every_message_that_is_allowed_fits(api: FlaskClient, path: str, written: str) -> None:
    body = json.dumps({"message": "a" + written * (MESSAGE_LENGTH - 2) + "z", "voices": None})
    body = body if "turns" in path else body.replace(', "voices": null', "")
    answered = api.post(path, data=body, content_type=JSON)
    assert answered.status_code in {200, 202}, answered.get_data(as_text=True)
    answered.close()


def test_every_message_that_is_allowed_fits_into_the_form(app: Flask, person: Person) -> None:
    browser = signed_in(app, person)
    token = form_token(browser, "/")
    for number, written in enumerate((LONGEST, "\r\n")):
        message = "a" + written * (MESSAGE_LENGTH - 2) + "z"
        fields = {"csrf_token": token, "client_message_id": f"{number}" * 64, "message": message}
        assert browser.post("/messages", data=fields).status_code == 303


def test_every_password_that_is_allowed_fits(app: Flask, person: Person) -> None:
    longest = LONGEST * (PASSWORD_LENGTH.stop - 1)
    browser = signed_in(app, person)
    fields = {
        "csrf_token": form_token(browser, "/password"),
        "old_password": longest,
        "new_password": longest,
    }
    assert browser.post("/password", data=fields).status_code == 422
    body = json.dumps({"email": LONGEST * EMAIL_LENGTH, "password": longest})
    assert_error(app.test_client().post("/api/v1/auth/token", data=body, content_type=JSON), 401)


@pytest.mark.parametrize("written", [LONGEST, "\u4e2d", '"', "\n", "\x01"])
def test_every_voice_that_is_allowed_fits(api: FlaskClient, browser: FlaskClient, written: str) -> None:
    shown = written if written.isprintable() else "x"
    voice = {
        "key": "k" * 32,
        "name": "n" + shown * (NAME_LENGTH - 1),
        "colour": "#2f6f8f",
        "description": "d" + shown * (DESCRIPTION_LENGTH - 1),
        "prompt": "a" + written * (PROMPT_LENGTH - 2) + "z",
    }
    made = api.post("/api/v1/voices", data=json.dumps(voice), content_type=JSON)
    assert made.status_code == 201, made.get_data(as_text=True)
    in_form = {**voice, "prompt": voice["prompt"].replace("\n", "\r\n"), "history": "branch"}
    token = form_token(browser, "/new-voice")
    sent = browser.post(f"/voices/{'k' * 32}", data={**in_form, "csrf_token": token})
    assert sent.status_code == 303
    assert api.get(f"/api/v1/voices/{'k' * 32}").get_json() == made.get_json()
