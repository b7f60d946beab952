"""The page of one's API tokens."""

from __future__ import annotations

import re
import shlex
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from chatapp.accounts.api_token_rows import MOST
from chatapp.store.account import ApiToken, BrowserSession
from tests.web.api.test_api_token import PING, fill, made, status_of
from tests.web.conftest import (
    LogLines,
    Person,
    form_token,
    parts_of,
    signed_in,
    submit,
)
from tests.web.pages.visit import page_of

TOKEN = re.compile(r'id="made-token" value="([^"]+)"')
CURL = re.compile(r'id="made-curl"[^>]*>([^<]+)<')
FORM = re.compile(r'name="form" value="([^"]+)"')


def send(browser: FlaskClient, name: str = "my laptop", **fields: str) -> str:
    """Where the form leads."""
    answered = submit(browser, "/tokens", name=name, **fields)
    assert answered.status_code == 303, answered.get_data(as_text=True)
    return answered.headers["Location"]


def count(app: Flask) -> int:
    """Tokens beside the one that every person of these tests has."""
    with parts_of(app).database.read() as connection:
        return (connection.scalar(select(func.count()).select_from(ApiToken)) or 0) - 1


def test_a_token_is_shown_once_and_kept_nowhere(
    app: Flask, browser: FlaskClient, log_lines: LogLines
) -> None:
    form = FORM.findall(page_of(browser.get("/tokens")))[0]
    place = send(browser, form=form, days="365")
    answered = browser.get(place)
    page = page_of(answered)
    (token,) = TOKEN.findall(page)
    assert answered.headers["Cache-Control"] == "no-store"
    assert "my laptop" in page
    assert status_of(app, token) == 200
    again = page_of(browser.get(place))
    assert "shown once" in again
    for other in (again, page_of(browser.get("/tokens"))):
        assert token not in other
        assert not TOKEN.search(other)
    assert token not in place
    assert token not in log_lines.text
    with parts_of(app).database.read() as connection:
        kept = [*connection.execute(select(ApiToken)), *connection.execute(select(BrowserSession))]
    assert token.rpartition(".")[2] not in str([tuple(row) for row in kept])
    assert count(app) == 1


def test_the_curl_line_is_complete(app: Flask, browser: FlaskClient) -> None:
    (line,) = CURL.findall(page_of(browser.get(send(browser))))
    curl, unbuffered, url, *rest = shlex.split(unescape(line))
    assert (curl, unbuffered, url) == ("curl", "-N", "http://localhost/api/v1/chat")
    headers = dict(rest[n + 1].split(": ", 1) for n, word in enumerate(rest) if word == "-H")
    assert app.test_client().get(PING, headers=headers).status_code == 200
    posted = app.test_client().post("/api/v1/chat", data=rest[rest.index("-d") + 1], headers=headers)
    assert "event: done" in posted.get_data(as_text=True)


def test_a_form_that_is_sent_twice_makes_one_token(app: Flask, browser: FlaskClient) -> None:
    """A double click: the answer to the first click is never seen."""
    form = FORM.findall(page_of(browser.get("/tokens")))[0]
    first, second = (send(browser, form=form) for _ in range(2))
    assert first == second
    assert count(app) == 1
    assert TOKEN.search(page_of(browser.get(second)))
    assert not TOKEN.search(page_of(browser.get(second)))


def test_two_tabs_make_and_show_one_each(app: Flask, browser: FlaskClient) -> None:
    places = [send(browser, name) for name in ("one", "two")]
    shown = [TOKEN.findall(page_of(browser.get(place))) for place in reversed(places)]
    assert [len(each) for each in shown] == [1, 1]
    assert shown[0] != shown[1]
    assert count(app) == 2


def test_only_the_session_that_asked_is_shown_it(
    app: Flask, person: Person, browser: FlaskClient, stranger: Person, api: FlaskClient
) -> None:
    place = send(browser)
    for other in (signed_in(app, person), signed_in(app, stranger)):
        assert not TOKEN.search(page_of(other.get(place)))
    assert "/sign-in" in api.get(place).headers["Location"]
    assert browser.head(place).status_code == 200
    assert TOKEN.search(page_of(browser.get(place)))


@pytest.mark.parametrize("form", ["", "x" * 65, "a/b", "é", "a\0b", "../x", "?"])
def test_a_form_without_a_proper_name_gets_one(app: Flask, browser: FlaskClient, form: str) -> None:
    assert TOKEN.search(page_of(browser.get(send(browser, form=form))))
    assert not TOKEN.search(page_of(browser.get("/tokens", query_string={"new": form})))


@pytest.mark.parametrize("name", ["", "  ", "x" * 129, "a\x1b[31m", "a\u202eb", "a\nb", "a\0"])
def test_a_name_that_will_not_do_is_given_back(app: Flask, browser: FlaskClient, name: str) -> None:
    answered = submit(browser, "/tokens", name=name, days="90")
    page = answered.get_data(as_text=True)
    assert answered.status_code == 422
    assert 'id="form-error"' in page
    assert '<option value="90" selected>' in page
    assert count(app) == 0


def test_a_time_that_is_not_offered_is_the_usual_one(app: Flask, browser: FlaskClient) -> None:
    for days in ("0", "99999", "x", "-1"):
        send(browser, days=days)
    with parts_of(app).database.read() as connection:
        lives = connection.execute(select(ApiToken.expires_at, ApiToken.created_at)).all()
    assert len(lives) == 5
    assert {(end - made).days for end, made in lives} == {30}


def test_there_is_a_most_which_a_page_says(app: Flask, person: Person, browser: FlaskClient) -> None:
    fill(app, person, MOST - 1)
    answered = submit(browser, "/tokens", name="one more")
    assert answered.status_code == 409
    assert "Revoke one" in answered.get_data(as_text=True)


def test_a_name_is_no_markup(app: Flask, browser: FlaskClient) -> None:
    page = page_of(browser.get(send(browser, "<script>alert('x')</script>\"'")))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_revoking_ends_a_token(app: Flask, browser: FlaskClient, api: FlaskClient) -> None:
    issued = made(api, "to be revoked")
    assert "to be revoked" in page_of(browser.get("/tokens"))
    for _ in range(2):
        answered = submit(browser, f"/tokens/{issued['jti']}/revoke", "/tokens")
        assert answered.status_code == 303
        page = page_of(browser.get(answered.headers["Location"]))
        assert "The token is revoked." in page
        assert "to be revoked" not in page
    assert status_of(app, issued["token"]) == 401


def test_a_stranger_s_token_is_a_missing_one(app: Flask, stranger: Person, api: FlaskClient) -> None:
    issued = made(api)
    other = signed_in(app, stranger)
    pages = []
    for jti in (issued["jti"], "0" * 32, "x"):
        answered = submit(other, f"/tokens/{jti}/revoke", "/tokens")
        assert answered.status_code == 404
        assert jti == "x" or jti not in answered.get_data(as_text=True)
        pages.append(answered.get_data(as_text=True))
    assert status_of(app, issued["token"]) == 200


def test_a_long_list_comes_in_pages(app: Flask, person: Person, browser: FlaskClient) -> None:
    fill(app, person, 60)
    page = page_of(browser.get("/tokens"))
    (older,) = re.findall(r'href="(/tokens\?cursor=[0-9a-f]+)"', page)
    rest = page_of(browser.get(older))
    assert (page.count(">Revoke<span"), rest.count(">Revoke<span")) == (50, 11)
    assert "Older tokens" not in rest
    assert browser.get("/tokens?cursor=garbage").status_code == 422


def test_the_menu_leads_to_the_page(browser: FlaskClient) -> None:
    assert 'href="/tokens"' in page_of(browser.get("/"))


def test_an_api_token_makes_none_on_the_page(app: Flask, api: FlaskClient) -> None:
    """The page's tokens are bound to nothing but the session, so a session must have asked."""
    token = (
        form_token(api, "/sign-in") if api.get("/sign-in").status_code == 200 else form_token(api, "/tokens")
    )
    answered = api.post("/tokens", data={"csrf_token": token, "name": "a"})
    assert answered.status_code == 303
    assert answered.headers["Location"].startswith("/sign-in")
    assert count(app) == 0
