"""Browser sessions: the cookie, what it holds, and when it is worthless."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from chatapp.store.account import BrowserSession, User
from chatapp.store.base import now
from chatapp.web.identity import browser_session
from tests.web.conftest import (
    MODELS,
    PASSWORD,
    MakeApp,
    Person,
    SignUp,
    form_token,
    parts_of,
    session_cookie,
    signed_in,
    submit,
)

COOKIE = "chatapp_session"
SECRET = "s" * 32


def with_cookie(app: Flask, cookie: str | None) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(COOKIE, cookie or "")
    return client


def status_of(client: FlaskClient) -> int:
    return client.get("/api/v1/auth/ping").status_code


def session_rows(app: Flask) -> int:
    with parts_of(app).database.read() as connection:
        return connection.scalar(select(func.count()).select_from(BrowserSession)) or 0


def set_cookie(answered: TestResponse) -> tuple[str, dict[str, str]]:
    """The value and the attributes of the one cookie that an answer sets."""
    (header,) = answered.headers.getlist("Set-Cookie")
    ((_, morsel),) = SimpleCookie(header).items()
    return morsel.value, {name: value for name, value in morsel.items() if value}


def test_signing_in_makes_a_new_id_each_time(app: Flask, person: Person) -> None:
    first, second = (session_cookie(signed_in(app, person)) for _ in range(2))
    assert first != second
    assert session_rows(app) == 2


def test_the_id_from_before_the_sign_in_is_worthless(app: Flask, person: Person) -> None:
    client = app.test_client()
    form_token(client, "/sign-in")
    before = session_cookie(client)
    submit(client, "/sign-in", email=person.email, password=PASSWORD)
    assert session_cookie(client) != before
    assert status_of(client) == 200
    assert status_of(with_cookie(app, before)) == 401


def test_signing_in_again_ends_the_session_before(app: Flask, person: Person, stranger: Person) -> None:
    client = signed_in(app, stranger)
    before = session_cookie(client)
    token = form_token(client, "/password")
    fields = {"csrf_token": token, "email": person.email, "password": PASSWORD}
    assert client.post("/sign-in", data=fields).status_code == 303
    assert client.get("/api/v1/auth/ping").get_json()["user_id"] == person.id
    assert status_of(with_cookie(app, before)) == 401
    assert session_rows(app) == 1


def test_an_id_that_somebody_planted_does_not_become_the_session_s(app: Flask, person: Person) -> None:
    client = with_cookie(app, "s.planted-by-somebody-else")
    submit(client, "/sign-in", email=person.email, password=PASSWORD)
    assert status_of(client) == 200
    assert status_of(with_cookie(app, "s.planted-by-somebody-else")) == 401


def test_the_id_is_worthless_after_sign_out(app: Flask, browser: FlaskClient) -> None:
    before = session_cookie(browser)
    assert submit(browser, "/sign-out", "/").status_code == 303
    assert session_cookie(browser) is None
    assert status_of(browser) == 401
    assert status_of(with_cookie(app, before)) == 401
    assert session_rows(app) == 0


@pytest.mark.parametrize("production", [False, True])
def test_the_flags_of_the_cookie(
    make_app: MakeApp, sign_up: SignUp, upstream: object, production: bool
) -> None:
    secrets = {"CHATAPP_ENV": "production", "SECRET_KEY": SECRET, "JWT_SECRET": SECRET} if production else {}
    app = make_app(CHATAPP_MODELS=MODELS, OPENAI_BASE_URL="http://127.0.0.1:9/v1", **secrets)
    person, address = sign_up(app), "https://localhost" if production else "http://localhost"
    client = app.test_client()
    visit = client.get("/sign-in", base_url=address)
    token = visit.get_data(as_text=True).partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "email": person.email, "password": PASSWORD}
    entered = client.post("/sign-in", data=fields, base_url=address)
    assert entered.status_code == 303
    left = client.post("/sign-out", data={"csrf_token": csrf_of(client, address)}, base_url=address)
    for answered in (visit, entered, left):
        _, flags = set_cookie(answered)
        assert flags["httponly"]
        assert flags["samesite"] == "Lax"
        assert flags["path"] == "/"
        assert ("secure" in flags) is production
        assert "domain" not in flags
    assert set_cookie(left)[0] == ""


def csrf_of(client: FlaskClient, address: str) -> str:
    token: str = client.get("/api/auth/user", base_url=address).get_json()["csrf_token"]
    return token


def test_the_cookie_holds_nothing_but_an_opaque_id(app: Flask, person: Person, browser: FlaskClient) -> None:
    cookie = session_cookie(browser) or ""
    assert cookie.startswith("s.")
    assert len(cookie) == 2 + 43
    assert person.id not in cookie
    with parts_of(app).database.read() as connection:
        row = connection.execute(select(BrowserSession)).one()
    assert cookie.removeprefix("s.") not in (row.id_hash, str(row.data))


def test_visitors_leave_no_row(app: Flask) -> None:
    for path in ("/", "/sign-in", "/register", "/nowhere", "/api/v1/auth/ping", "/api/health"):
        app.test_client().get(path)
    client = app.test_client()
    submit(client, "/sign-in", email="nobody@example.org", password="wrong wrong")
    assert session_rows(app) == 0


def test_an_answer_that_changes_no_session_sets_no_cookie(browser: FlaskClient, app: Flask) -> None:
    browser.get("/")
    for path in ("/", "/api/auth/user", "/api/v1/conversations", "/static/style.css"):
        assert "Set-Cookie" not in browser.get(path, buffered=True).headers
    assert "Set-Cookie" not in app.test_client().get("/api/health").headers


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "s.",
        "v.",
        "x",
        "s." + "x" * 8000,
        "s.' OR 1=1 --",
        "v.eyJfdXNlcl9pZCI6ImFkbWluIn0.aaaa.bbbb",
        "v.W10.Z0FBQUE.x",
        "s.%00",
        "é",
        "s.\udcff",
    ],
)
def test_made_up_cookies_are_the_same_as_none(standing_app: Flask, cookie: str) -> None:
    headers = {"Cookie": f"{COOKIE}={cookie.encode('utf-8', 'replace').decode('latin-1')}"}
    client = standing_app.test_client(use_cookies=False)
    assert client.get("/api/v1/auth/ping", headers=headers).status_code == 401
    assert client.get("/sign-in", headers=headers).status_code == 200


def test_a_visitor_s_cookie_cannot_sign_anybody_in(app: Flask, person: Person) -> None:
    """Even one that we have signed."""
    with app.test_request_context("/"):
        session = browser_session()
        session["_user_id"] = person.id
        assert status_of(with_cookie(app, session.cookie_after())) == 401


def test_a_session_whose_time_is_over_is_worthless(app: Flask, browser: FlaskClient) -> None:
    with parts_of(app).database.write() as connection:
        connection.execute(update(BrowserSession).values(expires_at=now()))
    assert status_of(browser) == 401


def test_a_disabled_user_is_out_at_the_next_request(
    app: Flask, browser: FlaskClient, api: FlaskClient
) -> None:
    assert status_of(browser) == status_of(api) == 200
    with parts_of(app).database.write() as connection:
        connection.execute(update(User).values(disabled_at=now()))
    assert status_of(browser) == status_of(api) == 401
    assert browser.get("/").headers["Location"].startswith("/sign-in")


def test_a_change_of_password_ends_every_other_browser_and_token(
    app: Flask, person: Person, browser: FlaskClient, api: FlaskClient
) -> None:
    other = signed_in(app, person)
    before = session_cookie(browser)
    changed = submit(browser, "/password", old_password=PASSWORD, new_password="another good password")
    assert changed.status_code == 303
    assert status_of(browser) == 200
    assert session_cookie(browser) != before
    assert status_of(other) == status_of(api) == status_of(with_cookie(app, before)) == 401
