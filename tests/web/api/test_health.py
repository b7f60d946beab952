"""Health and readiness, with the database there and away."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.scripted_upstream import ScriptedUpstream, refuse
from tests.web.conftest import MODELS, MakeApp, Person, SignUp, signed_in, take_database_away
from tests.web.event_stream import until


def test_health_is_exact(standing_app: Flask) -> None:
    answered = standing_app.test_client().get("/api/health")
    assert answered.status_code == 200
    assert answered.get_data().strip() == b'{"status":"ok"}'
    assert answered.mimetype == "application/json"


@pytest.mark.parametrize("cookie", ["signed in", "made up", "none"])
def test_health_is_well_without_a_database(app: Flask, person: Person, cookie: str) -> None:
    client = signed_in(app, person) if cookie == "signed in" else app.test_client()
    if cookie == "made up":
        client.set_cookie("chatapp_session", "s.made-up")
    take_database_away(app)
    answered = client.get("/api/health")
    assert (answered.status_code, answered.get_json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answered.headers


def test_health_needs_no_tables_and_starts_nothing(make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/missing/chatapp.sqlite3")
    assert app.test_client().get("/api/health").status_code == 200
    assert app.test_client().head("/api/health").status_code == 200


def test_ready_says_that_upstream_is_real(app: Flask) -> None:
    answered = app.test_client().get("/api/ready")
    assert answered.status_code == 200
    assert answered.get_json() == {
        "status": "ready",
        "checks": {"database": {"ok": True}, "upstream": {"ok": True, "simulated": False}},
    }


def test_ready_says_that_upstream_is_simulated(make_app: MakeApp) -> None:
    checks = make_app().test_client().get("/api/ready").get_json()["checks"]
    assert checks["upstream"] == {"ok": True, "simulated": True}


@pytest.mark.parametrize("signed", [False, True])
def test_without_its_database_it_is_not_ready(app: Flask, person: Person, signed: bool) -> None:
    client = signed_in(app, person) if signed else app.test_client()
    take_database_away(app)
    answered = client.get("/api/ready")
    body = answered.get_json()
    assert answered.status_code == 503
    assert int(answered.headers["Retry-After"]) > 0
    assert (body["status"], body["checks"]["database"]["ok"]) == ("not ready", False)
    assert body["checks"]["upstream"]["ok"] is True


def test_without_tables_it_is_not_ready(make_app: MakeApp, tmp_path: Path) -> None:
    answered = make_app(DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3").test_client().get("/api/ready")
    assert answered.status_code == 503
    assert "db upgrade" in answered.get_json()["checks"]["database"]["reason"]


def test_an_upstream_that_lists_nothing_is_not_well(make_app: MakeApp, upstream: ScriptedUpstream) -> None:
    upstream.scripts = [refuse(401, "no")]
    client: FlaskClient = make_app(OPENAI_BASE_URL=upstream.base_url).test_client()
    client.get("/api/ready")
    assert until(lambda: client.get("/api/ready").status_code == 503)
    assert client.get("/api/ready").get_json()["checks"]["upstream"] == {"ok": False, "simulated": False}


def test_readiness_asks_nothing_of_upstream(make_app: MakeApp, upstream: ScriptedUpstream) -> None:
    client = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS).test_client()
    for _ in range(3):
        client.get("/api/ready")
    assert upstream.requests == []


def test_a_person_s_request_without_a_database_is_503(app: Flask, person: Person, sign_up: SignUp) -> None:
    client = signed_in(app, person)
    take_database_away(app)
    for answered in (client.get("/api/auth/user"), client.get("/")):
        assert answered.status_code == 503
        assert int(answered.headers["Retry-After"]) > 0
