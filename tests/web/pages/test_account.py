"""The pages of accounts: sign-in, registration, sign-out, change of password."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import (
    MODELS,
    PASSWORD,
    LogLines,
    MakeApp,
    Person,
    SignUp,
    form_token,
    parts_of,
    session_cookie,
    signed_in,
    submit,
)

SECRET = "s" * 40
OTHER = "another good password"
ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    "https://evil.example",
    "http:evil.example",
    "//evil.example/%2e%2e",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\r\nSet-Cookie: a=b",
    "/\0/evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "?next=//evil.example",
    "/\u2028/evil.example",
    "//[evil",
    "",
]
HERE = ["/", "/password", "/c/session-20250819-143022-a1b2?before=abc&x=%20y#end", "/?draft=Gr%C3%BC%C3%9Fe"]


def test_signing_in_leads_to_the_start(app: Flask, person: Person) -> None:
    client = app.test_client()
    answered = submit(client, "/sign-in", email=" READER@Example.org ", password=PASSWORD)
    assert (answered.status_code, answered.headers["Location"]) == (303, "/")
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_led_elsewhere(app: Flask, person: Person, browser: FlaskClient, target: str) -> None:
    answered = submit(app.test_client(), "/sign-in", email=person.email, password=PASSWORD, next=target)
    assert (answered.status_code, answered.headers["Location"]) == (303, "/")
    already = browser.get("/sign-in", query_string={"next": target})
    assert (already.status_code, already.headers["Location"]) == (303, "/")


@pytest.mark.parametrize(
    "encoded", ["%2F%2Fevil.example", "%5C%5Cevil.example", "/%09/evil.example", "/%5Cevil.example"]
)
def test_encoded_ways_elsewhere_stay_here(browser: FlaskClient, encoded: str) -> None:
    answered = browser.get(f"/sign-in?next={encoded}")
    assert answered.headers["Location"] == "/"
    twice = browser.get("/sign-in", query_string={"next": encoded}).headers["Location"]
    assert urlsplit(twice).netloc == ""
    assert twice.startswith("/")


@given(st.text("/\\.:@?#%\t\r\n evilxample5CF20", max_size=20))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_target_leads_elsewhere(browser: FlaskClient, target: str) -> None:
    location = browser.get("/sign-in", query_string={"next": target}).headers["Location"]
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert location.isprintable()


@pytest.mark.parametrize("target", HERE)
def test_a_path_of_our_own_is_kept_with_its_query(app: Flask, person: Person, target: str) -> None:
    answered = submit(app.test_client(), "/sign-in", email=person.email, password=PASSWORD, next=target)
    assert answered.headers["Location"] == target


def test_a_page_that_needs_a_sign_in_is_come_back_to(app: Flask, person: Person) -> None:
    client = app.test_client()
    away = client.get("/c/session-20250819-143022-a1b2?before=abc")
    assert away.status_code == 303
    page = client.get(away.headers["Location"]).get_data(as_text=True)
    assert 'name="next" value="/c/session-20250819-143022-a1b2?before=abc"' in page
    assert client.post("/messages").headers["Location"] == "/sign-in"


def test_a_wrong_sign_in_is_one_sentence_the_same_for_all(
    app_on_either: Flask, sign_up: SignUp, log_lines: LogLines
) -> None:
    person = sign_up(app_on_either)
    for email, password in (
        (person.email, "wrong wrong"),
        ("nobody@example.org", PASSWORD),
        ("", ""),
        ("a\0b@example.org", PASSWORD),
        (person.email, "a\0b"),
        ("x" * 15_000, "x" * 15_000),
        ('"><script>', "xxxx"),
    ):
        client = app_on_either.test_client()
        answered = submit(client, "/sign-in", email=email, password=password)
        page = answered.get_data(as_text=True)
        assert answered.status_code == 401
        assert "The e-mail or the password is not right." in page
        assert "<script>" not in page
        assert client.get("/api/v1/auth/ping").status_code == 401
        line = log_lines.of("Refused")[-1]
        assert (line["kind"], line["request_id"]) == ("sign-in", answered.headers["X-Request-Id"])
        assert line["user_id"] == (person.id if email == person.email else None)
        assert not password or password not in log_lines.text
    assert len(log_lines.of("Refused")) == 7


def test_a_disabled_user_s_sign_in_looks_like_a_wrong_one(app: Flask, person: Person) -> None:
    from sqlalchemy import update

    from chatapp.store.account import User
    from chatapp.store.base import now

    with parts_of(app).database.write() as connection:
        connection.execute(update(User).values(disabled_at=now()))
    answered = submit(app.test_client(), "/sign-in", email=person.email, password=PASSWORD)
    assert answered.status_code == 401
    assert "The e-mail or the password is not right." in answered.get_data(as_text=True)


def test_registering_signs_in(app: Flask) -> None:
    client = app.test_client()
    answered = submit(client, "/register", email="New@Example.org", password=PASSWORD, name="Néw\0"[:3])
    assert (answered.status_code, answered.headers["Location"]) == (303, "/")
    found = client.get("/api/auth/user").get_json()
    assert (found["email"], found["name"], found["role"]) == ("new@example.org", "Néw", "user")


def test_a_registration_that_will_not_do_keeps_what_was_written(
    app_on_either: Flask, sign_up: SignUp
) -> None:
    sign_up(app_on_either)
    cases = [
        ({"email": "reader@example.org"}, "There is an account with this e-mail."),
        ({"email": "READER@EXAMPLE.ORG"}, "There is an account with this e-mail."),
        ({"email": "no-address"}, "This is not an e-mail address."),
        ({"email": "a\0@example.org"}, "This is not an e-mail address."),
        ({"password": "short"}, "A password has 8 to 1024 characters."),
        ({"password": "long enough\0"}, "A password has 8 to 1024 characters."),
        ({"name": "a\0"}, "This name has characters that cannot be kept."),
    ]
    for fields, sentence in cases:
        client = app_on_either.test_client()
        written = {"email": "new@example.org", "password": PASSWORD, **fields}
        answered = submit(client, "/register", **written)
        page = answered.get_data(as_text=True)
        assert answered.status_code == 422
        assert sentence in page
        assert written["password"] not in page
        assert client.get("/api/v1/auth/ping").status_code == 401
    assert parts_of(app_on_either).accounts.by_email("new@example.org") is None


@pytest.mark.parametrize(("registration", "status"), [("", 403), ("open", 303)])
def test_production_registers_nobody_unless_it_is_opened(
    make_app: MakeApp, registration: str, status: int
) -> None:
    secrets = {"CHATAPP_ENV": "production", "SECRET_KEY": SECRET, "JWT_SECRET": SECRET}
    app = make_app(CHATAPP_MODELS=MODELS, CHATAPP_REGISTRATION=registration, **secrets)
    client, address = app.test_client(), "https://localhost"
    page = client.get("/sign-in", base_url=address).get_data(as_text=True)
    token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "email": "new@example.org", "password": PASSWORD}
    assert client.post("/register", data=fields, base_url=address).status_code == status
    shown = app.test_client().get("/register", base_url=address).status_code
    assert shown == (403 if status == 403 else 200)
    assert (parts_of(app).accounts.by_email("new@example.org") is None) is (status == 403)


def test_signing_out_twice_is_no_error(browser: FlaskClient) -> None:
    assert submit(browser, "/sign-out", "/").headers["Location"] == "/sign-in"
    assert submit(browser, "/sign-out", "/sign-in").headers["Location"] == "/sign-in"


def test_the_form_changes_the_password(app: Flask, person: Person, browser: FlaskClient) -> None:
    page = browser.get("/password").get_data(as_text=True)
    assert 'name="old_password"' in page
    assert 'name="new_password"' in page
    answered = submit(browser, "/password", old_password=PASSWORD, new_password=OTHER)
    assert answered.status_code == 303
    assert "Your password is changed." in browser.get(answered.headers["Location"]).get_data(as_text=True)
    assert parts_of(app).accounts.with_password(person.email, OTHER)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("wrong wrong", OTHER, "The current password is not right."),
        ("", OTHER, "The current password is not right."),
        ("a\0", OTHER, "The current password is not right."),
        (PASSWORD, "short", "A password has 8 to 1024 characters."),
        (PASSWORD, "", "A password has 8 to 1024 characters."),
        (PASSWORD, "x" * 1025, "A password has 8 to 1024 characters."),
        (PASSWORD, "with nul \0", "A password has 8 to 1024 characters."),
    ],
)
def test_a_change_that_will_not_do_changes_nothing(
    app: Flask, person: Person, browser: FlaskClient, old: str, new: str, sentence: str
) -> None:
    before = session_cookie(browser)
    answered = submit(browser, "/password", old_password=old, new_password=new)
    assert answered.status_code == 422
    assert sentence in answered.get_data(as_text=True)
    assert session_cookie(browser) == before
    assert signed_in(app, person).get("/").status_code == 200


def test_pages_say_that_the_model_is_simulated(
    make_app: MakeApp, sign_up: SignUp, browser: FlaskClient
) -> None:
    app = make_app()
    page = signed_in(app, sign_up(app, "b@example.org")).get("/").get_data(as_text=True)
    assert "simulated" in page.lower()
    assert "simulated" not in browser.get("/").get_data(as_text=True).lower()


@pytest.mark.parametrize("page", ["/", "/password"])
def test_every_form_s_token_is_good_for_any_other(page: str, browser: FlaskClient) -> None:
    """Not the same text: it tells when it was made."""
    token = form_token(browser, page)
    assert browser.post("/turns/none/stop", data={"csrf_token": token}).status_code == 404
    assert browser.post("/turns/none/stop", data={"csrf_token": token[:-2]}).status_code == 403
