"""Attempts to sign in: by address, by account, by both; nobody is told who has an account, or locked out for good."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from chatapp.web.limits.keys import account_key, address_key
from tests.hand_clock import HandClock
from tests.valkey import RunningValkey
from tests.web.conftest import (
    PASSWORD,
    LogLines,
    Person,
    SignUp,
    assert_error,
    form_token,
    signed_in,
    submit,
)
from tests.web.limits.conftest import MakeLimited

TOKEN = "/api/v1/auth/token"
HERE, THERE = "192.0.2.1", "198.51.100.7"


def attempt(
    app: Flask, email: str, password: str = "wrong wrong", address: str = HERE, **headers: str
) -> TestResponse:
    client = app.test_client()
    return client.post(
        TOKEN,
        json={"email": email, "password": password},
        environ_base={"REMOTE_ADDR": address},
        headers=headers,
    )


def statuses(app: Flask, count: int, email: str, **more: str) -> list[int]:
    return [attempt(app, email, **more).status_code for _ in range(count)]


@pytest.mark.parametrize("email", ["reader@example.org", "nobody@example.org"])
def test_an_account_that_is_not_there_is_limited_as_one_that_is(
    app: Flask, person: Person, clock: HandClock, email: str
) -> None:
    answers = [attempt(app, email) for _ in range(12)]
    assert [each.status_code for each in answers] == [401] * 10 + [429] * 2
    refused = answers[-1]
    told = assert_error(refused, 429, "RATE_LIMITED")
    assert told["message"] == "That was too often. Please try again in 15 minutes."
    assert refused.headers["Retry-After"] == refused.headers["RateLimit-Reset"] == "900"
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("10", "0")
    assert attempt(app, email, PASSWORD).status_code == 429, "the right password is not tried either"
    clock.wait(900)
    assert attempt(app, email).status_code == 401


def test_all_ways_to_write_an_e_mail_are_one_account(app: Flask, person: Person) -> None:
    variants = ["Reader@Example.org", " reader@example.org", "READER@EXAMPLE.ORG\t", "reader@example.org\n"]
    for number in range(10):
        assert attempt(app, variants[number % len(variants)]).status_code == 401
    assert attempt(app, person.email).status_code == 429
    assert attempt(app, "ｒeader@example.org").status_code == 401, "another account, for the database too"


def test_who_is_tried_from_elsewhere_can_still_sign_in(app: Flask, person: Person) -> None:
    assert statuses(app, 12, person.email, address=THERE)[-1] == 429
    assert attempt(app, person.email, PASSWORD).status_code == 200


def test_a_good_sign_in_forgets_what_failed_before(app: Flask, person: Person) -> None:
    for _ in range(3):
        assert statuses(app, 8, person.email) == [401] * 8
        assert attempt(app, person.email, PASSWORD).status_code == 200


def test_strangers_cannot_lock_somebody_out_of_a_place_that_is_known(
    app: Flask, person: Person, clock: HandClock
) -> None:
    assert attempt(app, person.email, PASSWORD).status_code == 200
    tried = [
        attempt(app, person.email, address=f"203.0.113.{number}").status_code
        for number in range(12)
        for _ in range(10)
    ]
    assert tried.count(401) == 99, "all addresses together, and the good one"
    assert attempt(app, person.email, PASSWORD, THERE).status_code == 429
    assert attempt(app, person.email, PASSWORD).status_code == 200
    clock.wait(3600)
    assert attempt(app, person.email, PASSWORD, THERE).status_code == 200


def test_one_address_cannot_try_one_account_after_the_other(app: Flask) -> None:
    answers = [attempt(app, f"user{number}@example.org").status_code for number in range(31)]
    assert answers == [401] * 30 + [429]
    assert attempt(app, "user0@example.org", address=THERE).status_code == 401


def test_good_ones_of_one_account_do_not_make_room_for_tries_of_others(app: Flask, person: Person) -> None:
    answers = []
    for number in range(20):
        answers.append(attempt(app, f"user{number}@example.org").status_code)
        answers.append(attempt(app, person.email, PASSWORD).status_code)
    assert answers.count(429) == 10


def test_a_forged_address_is_not_believed(app: Flask, person: Person) -> None:
    tried = [
        attempt(app, person.email, **{"X-Forwarded-For": f"10.0.0.{number}", "Forwarded": "for=10.1.1.1"})
        for number in range(11)
    ]
    assert tried[-1].status_code == 429


def test_a_proxy_s_word_is_believed_where_it_is_trusted(make_limited: MakeLimited, sign_up: SignUp) -> None:
    app = make_limited(CHATAPP_TRUSTED_PROXIES="1")
    sign_up(app)
    forged = {"X-Forwarded-For": "1.2.3.4, 192.0.2.9"}
    assert [attempt(app, "reader@example.org", **forged).status_code for _ in range(11)][-1] == 429
    other = {"X-Forwarded-For": "1.2.3.4, 192.0.2.10"}
    assert attempt(app, "reader@example.org", **other).status_code == 401


def test_the_page_says_so(app: Flask, person: Person, log_lines: LogLines) -> None:
    client = app.test_client()
    answers = [submit(client, "/sign-in", email=person.email, password="wrong wrong") for _ in range(11)]
    page = answers[-1].get_data(as_text=True)
    assert [each.status_code for each in answers] == [401] * 10 + [429]
    assert "Please try again in 15 minutes." in page
    assert f'value="{person.email}"' in page
    assert answers[-1].headers["Retry-After"] == "900"
    assert [line["kind"] for line in log_lines.of("Refused")] == ["sign-in"] * 10 + ["limit"]
    assert attempt(app, person.email, address="127.0.0.1").status_code == 429, "the API counts with the page"


def test_a_missing_csrf_token_counts_nothing(app: Flask, person: Person) -> None:
    for _ in range(12):
        assert app.test_client().post("/sign-in", data={"email": person.email}).status_code == 403
    assert attempt(app, person.email, PASSWORD, "127.0.0.1").status_code == 200


def test_accounts_cannot_be_made_by_the_hundred(app: Flask) -> None:
    client = app.test_client()
    token = form_token(client, "/register")
    fields = {"csrf_token": token, "email": "no e-mail", "password": "xxxxxxxx"}
    assert [client.post("/register", data=fields).status_code for _ in range(31)] == [422] * 30 + [429]


def test_old_passwords_cannot_be_tried_by_who_has_found_a_session(app: Flask, person: Person) -> None:
    browser = signed_in(app, person)
    fields = {
        "csrf_token": form_token(browser, "/password"),
        "old_password": "wrong wrong",
        "new_password": "x",
    }
    answers = [browser.post("/password", data=fields) for _ in range(11)]
    assert [each.status_code for each in answers] == [422] * 10 + [429]
    assert "Please try again in 15 minutes." in answers[-1].get_data(as_text=True)


def test_redis_holds_no_e_mail(
    make_limited: MakeLimited, sign_up: SignUp, redis_url: str, shared_valkey: RunningValkey
) -> None:
    app = make_limited(REDIS_URL=redis_url)
    person = sign_up(app)
    for email in (
        person.email,
        "x/1/minute\r\nFLUSHALL@example.org",
        "\ud800@example.org",
        "{a}*?@example.org",
    ):
        attempt(app, email)
    attempt(app, person.email, PASSWORD)
    keys = shared_valkey.redis.keys("*")
    assert len([key for key in keys if b"chatapp:limit:" in key]) > 4
    assert not any(b"example" in key or b"FLUSH" in key or b"\r" in key for key in keys)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", "unknown"),
        (None, "unknown"),
        ("unix:", "unknown"),
        ("1.2.3.4/x\r\nDEL *", "unknown"),
        ("192.0.2.7:50412", "192.0.2.7"),
        ("[2001:db8:1:2:3:4:5:6]:50412", "2001:db8:1:2::"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::"),
        ("[]:1", "unknown"),
        ("192.0.2.7:", "unknown"),
    ],
)
def test_an_address_counts_as(address: str | None, key: str) -> None:
    assert address_key(address) == key


def test_an_account_s_key_tells_nothing_without_the_secret() -> None:
    assert account_key("a@b", "s" * 32) == account_key(" A@B ", "s" * 32)
    assert account_key("a@b", "s" * 32) != account_key("a@b", "t" * 32)
    assert "a@b" not in account_key("a@b", "s" * 32)
