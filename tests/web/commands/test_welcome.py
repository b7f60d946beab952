"""What `make run` says before it serves."""

from __future__ import annotations

import json
import re
import shlex

import pytest
from flask import Flask

from tests.web.conftest import MakeApp, SignUp, parts_of
from tests.web.event_stream import read, text_of

SECRET = "s" * 40


def said(app: Flask) -> str:
    done = app.test_cli_runner().invoke(args=["welcome"])
    assert done.exit_code == 0, done.output
    return done.output


def test_an_empty_database_gets_an_administrator_once(make_app: MakeApp) -> None:
    app = make_app(PORT="8123")
    first, second = said(app), said(app)
    assert "http://127.0.0.1:8123" in first
    (email,) = re.findall(r"e-mail +(\S+)", first)
    (password,) = re.findall(r"password +(\S+)", first)
    account = parts_of(app).accounts.with_password(email, password)
    assert account is not None
    assert account.is_admin
    assert "http://127.0.0.1:8123" in second
    for word in ("password", "curl", email):
        assert word not in second


def test_the_curl_line_is_complete(make_app: MakeApp) -> None:
    app = make_app()
    (line,) = [each for each in said(app).splitlines() if each.strip().startswith("curl")]
    curl, unbuffered, url, *rest = shlex.split(line)
    assert (curl, unbuffered, url) == ("curl", "-N", "http://127.0.0.1:8000/api/v1/chat")
    headers = dict(rest[n + 1].split(": ", 1) for n, word in enumerate(rest) if word == "-H")
    body = json.loads(rest[rest.index("-d") + 1])
    body["message"] += " simulate 3 tokens"
    assert text_of(read(app.test_client().post("/api/v1/chat", json=body, headers=headers)))


def test_a_simulated_model_is_said_to_be_one(make_app: MakeApp) -> None:
    assert "Simulated model" in said(make_app())
    assert "Simulated" not in said(make_app(OPENAI_API_KEY="sk-x"))


def test_production_never_makes_an_account(make_app: MakeApp) -> None:
    app = make_app(CHATAPP_ENV="production", SECRET_KEY=SECRET, JWT_SECRET=SECRET)
    assert "password" not in said(app)
    assert not parts_of(app).accounts.are_there_any()


def test_a_database_with_people_gets_no_administrator(make_app: MakeApp, sign_up: SignUp) -> None:
    app = make_app()
    sign_up(app)
    assert "password" not in said(app)
    assert parts_of(app).accounts.by_email("admin@example.org") is None


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("10.0.0.5", "10.0.0.5")],
)
def test_the_address_can_be_opened(make_app: MakeApp, host: str, address: str) -> None:
    assert f"http://{address}:8000" in said(make_app(HOST=host))
