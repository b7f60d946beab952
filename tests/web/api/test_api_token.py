"""The caller's API tokens over the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert

from chatapp.accounts.api_token_rows import MOST
from chatapp.store.account import ApiToken
from chatapp.store.base import now
from chatapp.store.identifier import new_id
from tests.turns.house import until
from tests.web.conftest import (
    PASSWORD,
    LogLines,
    Person,
    SignUp,
    api_token,
    assert_error,
    bearer_client,
    fields_at_fault,
    parts_of,
    submit,
)

TOKENS = "/api/v1/tokens"
PING = "/api/v1/auth/ping"


def made(client: FlaskClient, name: str = "ci", **body: object) -> dict[str, Any]:
    answered = client.post(TOKENS, json={"name": name, **body})
    assert answered.status_code == 201, answered.get_data(as_text=True)
    found: dict[str, Any] = answered.get_json()
    return found


def listed(client: FlaskClient, **query: object) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(TOKENS, query_string=query).get_json()["items"]
    return items


def status_of(app: Flask, token: str) -> int:
    return app.test_client().get(PING, headers={"Authorization": f"Bearer {token}"}).status_code


def fill(app: Flask, person: Person, count: int) -> None:
    with parts_of(app).database.write() as connection:
        row = {
            "user_id": person.id,
            "name": "old",
            "created_at": now(),
            "expires_at": now() + timedelta(days=365),
        }
        connection.execute(insert(ApiToken), [{"jti": new_id(), **row} for _ in range(count)])


def test_a_token_is_made_and_told_once(
    app: Flask, api: FlaskClient, person: Person, log_lines: LogLines
) -> None:
    answered = api.post(TOKENS, json={"name": "  for the cron job ", "days": 7})
    found = answered.get_json()
    assert answered.status_code == 201
    assert answered.headers["Cache-Control"] == "no-store"
    assert set(found) == {"jti", "name", "token", "token_type", "expires_in", "created_at", "expires_at"}
    assert (found["name"], found["token_type"]) == ("for the cron job", "Bearer")
    assert found["expires_in"] == 7 * 24 * 3600
    lives = datetime.fromisoformat(found["expires_at"]) - datetime.fromisoformat(found["created_at"])
    assert lives.total_seconds() == found["expires_in"]
    assert status_of(app, found["token"]) == 200
    assert found["token"] not in api.get(TOKENS).get_data(as_text=True)
    assert found["token"] not in log_lines.text


def test_a_whole_number_of_days_may_be_written_with_a_fraction(api: FlaskClient) -> None:
    """To JSON, and so to who validates by the description, 7.0 is 7."""
    whole, fraction = (api.post(TOKENS, json={"name": "a", "days": days}) for days in (7, 7.0))
    assert (whole.status_code, fraction.status_code) == (201, 201)
    assert abs(whole.get_json()["expires_in"] - fraction.get_json()["expires_in"]) <= 60


def test_a_token_lives_for_thirty_days_unless_it_is_told_otherwise(browser: FlaskClient) -> None:
    headers = {"X-CSRFToken": api_token(browser)}
    found = browser.post(TOKENS, json={"name": "ci"}, headers=headers).get_json()
    assert found["expires_in"] == 30 * 24 * 3600


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name"}),
        ([], {"body"}),
        ({"name": ""}, {"name"}),
        ({"name": " \t "}, {"name"}),
        ({"name": "x" * 129}, {"name"}),
        ({"name": "a\0"}, {"name"}),
        ({"name": "a\nb"}, {"name"}),
        ({"name": "a\x1b[2Jb"}, {"name"}),
        ({"name": "a\u202eb"}, {"name"}),
        ({"name": 5}, {"name"}),
        ({"name": None}, {"name"}),
        ({"name": "a", "days": 0}, {"days"}),
        ({"name": "a", "days": 3651}, {"days"}),
        ({"name": "a", "days": -1}, {"days"}),
        ({"name": "a", "days": 10**30}, {"days"}),
        ({"name": "a", "days": 1.5}, {"days"}),
        ({"name": "a", "days": "30"}, {"days"}),
        ({"name": "a", "days": True}, {"days"}),
        ({"name": "a", "days": None}, {"days"}),
        ({"name": "a", "scope": "all"}, {"scope"}),
        ({"name": "a", "jti": "0" * 32, "user_id": "x"}, {"jti", "user_id"}),
    ],
)
def test_what_will_not_do_is_refused_by_name(
    standing_api: FlaskClient, body: object, fields: set[str]
) -> None:
    assert fields_at_fault(standing_api.post(TOKENS, json=body)) == fields


def test_half_characters_are_no_name(standing_api: FlaskClient) -> None:
    answered = standing_api.post(TOKENS, data='{"name":"\\ud800"}', content_type="application/json")
    assert fields_at_fault(answered) == {"name"}


def test_the_list_says_what_there_is(api: FlaskClient, strange_api: FlaskClient) -> None:
    other = made(strange_api, "a stranger's")
    first, second = made(api, "first"), made(api, "second")
    items = listed(api)
    assert [item["name"] for item in items] == ["second", "first", "for a test"]
    assert items[1] == {
        "jti": first["jti"],
        "name": "first",
        "created_at": first["created_at"],
        "expires_at": first["expires_at"],
        "last_used_at": None,
        "current": False,
    }
    assert [item["current"] for item in items] == [False, False, True]
    assert other["jti"] not in {item["jti"] for item in items}
    api.delete(f"{TOKENS}/{second['jti']}")
    assert [item["name"] for item in listed(api)] == ["first", "for a test"]


def test_a_use_is_listed(api: FlaskClient) -> None:
    until(lambda: listed(api)[0]["last_used_at"])
    before = listed(api)[0]["last_used_at"]
    for _ in range(3):
        assert listed(api)[0]["last_used_at"] == before


def test_the_list_comes_in_pages(app: Flask, api: FlaskClient, person: Person) -> None:
    fill(app, person, 9)
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(TOKENS, query_string={"limit": 3, "cursor": cursor}).get_json()
        assert set(page) == {"items", "next_cursor"}
        assert len(page["items"]) <= 3
        seen += [item["jti"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "x"},
        {"limit": "-1"},
        {"cursor": "x"},
        {"cursor": "A" * 32},
        {"cursor": "0" * 31},
        {"cursor": "0" * 33},
        {"cursor": "0" * 32 + "\n"},
        {"cursor": "' OR 1=1 --"},
        {"cursor": "\0"},
        {"cursor": "é" * 32},
        {"cursor": "٣" * 32},
        {"cursor": "x" * 3000},
    ],
)
def test_garbage_in_the_query_is_refused(standing_api: FlaskClient, query: dict[str, str]) -> None:
    assert fields_at_fault(standing_api.get(TOKENS, query_string=query)) == set(query)


def test_a_revoked_token_is_out_at_once(app: Flask, api: FlaskClient) -> None:
    issued = made(api)
    assert status_of(app, issued["token"]) == 200
    for _ in range(2):
        answered = api.delete(f"{TOKENS}/{issued['jti']}")
        assert (answered.status_code, answered.data) == (204, b"")
        assert status_of(app, issued["token"]) == 401


def test_a_token_may_revoke_itself(api: FlaskClient) -> None:
    (mine,) = listed(api)
    assert api.delete(f"{TOKENS}/{mine['jti']}").status_code == 204
    assert_error(api.get(TOKENS), 401)
    assert_error(api.delete(f"{TOKENS}/{mine['jti']}"), 401)


def test_a_stranger_s_token_is_a_missing_one(app: Flask, api: FlaskClient, strange_api: FlaskClient) -> None:
    issued = made(api)
    told = []
    for jti in (issued["jti"], "0" * 32, "x", "%00", "%ed%a0%80", "x" * 3000):
        body = assert_error(strange_api.delete(f"{TOKENS}/{jti}"), 404)
        told.append({**body, "request_id": None})
    assert all(each == told[0] for each in told)
    assert status_of(app, issued["token"]) == 200


def test_what_a_token_makes_dies_with_it(app: Flask, browser: FlaskClient) -> None:
    headers = {"X-CSRFToken": api_token(browser)}
    first = browser.post(TOKENS, json={"name": "first", "days": 1}, headers=headers).get_json()
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {first['token']}"
    second = made(client, "second", days=3650)
    assert second["expires_in"] <= 24 * 3600
    assert second["expires_at"][:19] <= first["expires_at"][:19]
    assert status_of(app, second["token"]) == 200
    browser.delete(f"{TOKENS}/{first['jti']}", headers=headers)
    assert status_of(app, second["token"]) == 401


def test_there_is_a_most(app: Flask, api: FlaskClient, person: Person) -> None:
    fill(app, person, MOST - 1)
    assert_error(api.post(TOKENS, json={"name": "one more"}), 409, "TOO_MANY_TOKENS")
    credentials = {"email": person.email, "password": PASSWORD}
    assert app.test_client().post("/api/v1/auth/token", json=credentials).status_code == 200


def test_a_change_of_password_ends_what_was_made(app: Flask, api: FlaskClient, browser: FlaskClient) -> None:
    issued = made(api)
    submit(browser, "/password", old_password=PASSWORD, new_password="another good password")
    assert status_of(app, issued["token"]) == 401
    headers = {"X-CSRFToken": api_token(browser)}
    assert browser.get(TOKENS).get_json()["items"] == []
    assert browser.delete(f"{TOKENS}/{issued['jti']}", headers=headers).status_code == 204


def test_both_databases_do_the_same(app_on_either: Flask, sign_up: SignUp) -> None:
    client = bearer_client(app_on_either, sign_up(app_on_either))
    issued = made(client, "日本 <b>&\"'")
    assert [item["name"] for item in listed(client)] == ["日本 <b>&\"'", "for a test"]
    assert client.delete(f"{TOKENS}/{issued['jti']}").status_code == 204
    assert status_of(app_on_either, issued["token"]) == 401
    assert_error(client.delete(f"{TOKENS}/%ed%a0%80"), 404)
