"""Voices over the API: made, changed, removed, and whose counts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voice import Voice
from chatapp.turns.voices import MOST_VOICES
from tests.web.conftest import (
    Person,
    SignUp,
    assert_error,
    bearer_client,
    fields_at_fault,
    make_administrator,
    parts_of,
)

POET = {"key": "poet", "name": "Poet", "colour": "#7A3fa0", "prompt": "Rhyme."}
WHOLE: dict[str, Any] = {
    **POET,
    "colour": "#7a3fa0",
    "description": "",
    "model": None,
    "parameters": {},
    "history": "branch",
    "scope": "own",
    "disabled": False,
}


@pytest.fixture
def admin(app: Flask, sign_up: SignUp) -> FlaskClient:
    administrator = sign_up(app, "boss@example.org")
    make_administrator(app, administrator)
    return bearer_client(app, administrator)


def keys(client: FlaskClient) -> list[str]:
    return [each["key"] for each in client.get("/api/v1/voices").get_json()["items"]]


def test_what_can_be_asked(standing_api: FlaskClient) -> None:
    found = standing_api.get("/api/v1/voices").get_json()
    assert [each["key"] for each in found["items"]] == list(BUILT_IN)
    assert [each["key"] for each in found["items"] if each["default"]] == ["seeker"]
    assert found["next_cursor"] is None
    assert found["items"][0] | {"name": "", "description": "", "colour": ""} == {
        "key": "seeker", "name": "", "description": "", "colour": "", "model": None, "parameters": {},
        "history": "branch", "scope": "built-in", "default": True,
    }  # fmt: skip


def test_one_s_own_is_made_told_changed_and_removed(api: FlaskClient) -> None:
    made = api.post("/api/v1/voices", json=POET)
    assert (made.status_code, made.get_json()) == (201, WHOLE)
    assert api.get("/api/v1/voices/poet").get_json() == WHOLE
    assert keys(api) == [*BUILT_IN, "poet"]
    full = {
        "name": " Bard ", "colour": "#00ff00", "description": "Sings.", "prompt": "Sing.\r\nLoud.",
        "model": "gpt-4o-mini", "parameters": {"temperature": 1, "top_p": 0.5, "max_output_tokens": 20.0},
        "history": "own", "disabled": True,
    }  # fmt: skip
    changed = api.patch("/api/v1/voices/poet", json=full)
    assert changed.status_code == 200
    told = {**full, "key": "poet", "scope": "own", "name": "Bard", "prompt": "Sing.\nLoud."}
    assert changed.get_json() == api.get("/api/v1/voices/poet").get_json() == told
    assert keys(api) == list(BUILT_IN)
    back: dict[str, Any] = {"model": None, "parameters": {}, "disabled": False}
    assert api.patch("/api/v1/voices/poet", json=back).get_json() == {**told, **back}
    assert api.patch("/api/v1/voices/poet", json={}).get_json() == {**told, **back}
    assert api.delete("/api/v1/voices/poet").status_code == 204
    for missing in (api.get, api.delete):
        assert_error(missing("/api/v1/voices/poet"), 404, "NOT_FOUND")
    assert_error(api.patch("/api/v1/voices/poet", json={"name": "x"}), 404, "NOT_FOUND")


def test_the_nearest_counts_and_what_it_hid_comes_back(api: FlaskClient, admin: FlaskClient) -> None:
    def name(client: FlaskClient) -> tuple[str, str]:
        told = client.get("/api/v1/voices/seeker").get_json()
        return told["name"], told["scope"]

    seeker = {**POET, "key": "seeker"}
    assert admin.post("/api/v1/team/voices", json={**seeker, "name": "Ours"}).status_code == 201
    assert api.post("/api/v1/voices", json={**seeker, "name": "Mine"}).status_code == 201
    assert (name(api), name(admin)) == (("Mine", "own"), ("Ours", "team"))
    api.patch("/api/v1/voices/seeker", json={"disabled": True})
    assert "seeker" not in keys(api), "a disabled one hides those that are further away"
    assert name(api) == ("Mine", "own"), "and is told all the same"
    assert "seeker" in keys(admin)
    assert api.delete("/api/v1/voices/seeker").status_code == 204
    assert name(api) == ("Ours", "team")
    assert_error(api.delete("/api/v1/voices/seeker"), 404)
    assert_error(api.patch("/api/v1/voices/seeker", json={"name": "x"}), 404)
    assert admin.delete("/api/v1/team/voices/seeker").status_code == 204
    assert name(api) == name(admin) == ("Seeker", "built-in")


def test_the_team_s_are_listed_changed_and_removed_by_administrators(
    api: FlaskClient, admin: FlaskClient
) -> None:
    assert admin.post("/api/v1/team/voices", json=POET).get_json() == {**WHOLE, "scope": "team"}
    told = admin.patch("/api/v1/team/voices/poet", json={"disabled": True}).get_json()
    assert told == {**WHOLE, "scope": "team", "disabled": True}
    assert admin.get("/api/v1/team/voices").get_json() == {"items": [told], "next_cursor": None}
    assert "poet" not in keys(api)
    for answered in (
        api.get("/api/v1/team/voices"),
        api.post("/api/v1/team/voices", json=POET),
        api.patch("/api/v1/team/voices/poet", json={}),
        api.delete("/api/v1/team/voices/poet"),
        api.post("/api/v1/voices.toml", json={"toml": "", "scope": "team"}),
    ):
        told = assert_error(answered, 403, "FORBIDDEN")
        assert told["message"] == "Only an administrator can see to the team's voices."
    assert admin.delete("/api/v1/team/voices/poet").status_code == 204
    assert_error(admin.delete("/api/v1/team/voices/poet"), 404)
    assert_error(admin.patch("/api/v1/team/voices/poet", json={}), 404)


def test_a_key_is_there_once_for_each_and_others_are_as_unknown(
    api: FlaskClient, strange_api: FlaskClient
) -> None:
    assert api.post("/api/v1/voices", json=POET).status_code == 201
    assert_error(api.post("/api/v1/voices", json=POET), 409, "VOICE_EXISTS")
    assert_error(strange_api.get("/api/v1/voices/poet"), 404)
    assert strange_api.post("/api/v1/voices", json={**POET, "name": "Other"}).status_code == 201
    assert api.get("/api/v1/voices/poet").get_json()["name"] == "Poet"


def test_there_is_an_end_to_them(api: FlaskClient) -> None:
    for number in range(MOST_VOICES):
        assert api.post("/api/v1/voices", json={**POET, "key": f"v-{number}"}).status_code == 201
    assert_error(api.post("/api/v1/voices", json=POET), 409, "TOO_MANY_VOICES")
    assert api.delete("/api/v1/voices/v-7").status_code == 204
    assert api.post("/api/v1/voices", json=POET).status_code == 201


LINE = ["a\nb", "a\x1bb", "a\u202eb", "a\x85b", "a\u2028b", "a\0b", "\ud800"]
VALUES: dict[str, list[Any]] = {
    "key": ["", "A", "a b", "a_b", "ä", "a" * 33, "a\n", "a\0", "\ud800", "٣", 1, None],
    "name": ["", " ", "\u3164", "x" * 41, *LINE, 1, None],
    "colour": [
        "",
        "red",
        "#fff",
        "2f6f8f",
        "#2f6f8g",
        "#2f6f8f\n",
        "#2f6f8f0",
        "#٣٣٣٣٣٣",
        "#2f6f8f;x",
        0,
        None,
    ],
    "description": ["x" * 201, *LINE, 1, None],
    "prompt": ["", " \n", "x" * 4001, "🤖" * 4001, "a\0b", "\ud800", 1, None],
    "model": ["gpt-nine", "", "x" * 200, "\ud800", 1],
    "history": ["", "none", "OWN", 1, None],
    "disabled": ["true", 1, None],
    "parameters": [None, [], "", 1],
    "parameters.temperature": [-0.1, 2.1, "1", True, None, 10**400, []],
    "parameters.top_p": [0, 1.01, -1, "1", True, None],
    "parameters.max_output_tokens": [0, 2001, 1.5, "9", True, 2**64],
    "parameters.seed": [1],
    "scope": ["own"],
}
WRONG = [
    (field, {field.partition(".")[2]: each} if "." in field else each)
    for field, values in VALUES.items()
    for each in values
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=lambda value: repr(value)[:30])
def test_what_will_not_do_is_refused_by_its_field(
    standing_api: FlaskClient, field: str, value: object
) -> None:
    body = json.dumps({**POET, field.partition(".")[0]: value})
    answered = standing_api.post("/api/v1/voices", data=body, content_type="application/json")
    assert fields_at_fault(answered) == {field}
    assert_error(standing_api.get("/api/v1/voices/poet"), 404)
    if field != "key":
        change = json.dumps({field.partition(".")[0]: value})
        answered = standing_api.patch("/api/v1/voices/x", data=change, content_type="application/json")
        assert fields_at_fault(answered) == {field}


@pytest.mark.parametrize(
    "change",
    [
        {"key": "a" * 32},
        {"key": "-"},
        {"key": "import"},
        {"name": "x" * 40},
        {"name": "🤖" * 40},
        {"name": "می‌خواهم"},
        {"description": "d" * 200},
        {"prompt": "🤖" * 4000},
        {"prompt": " \r\n" + "a\r\n" * 2000 + "\t"},
        {"parameters": {"temperature": 0, "top_p": 1, "max_output_tokens": 2000}},
        {"parameters": {"temperature": 2.0, "top_p": 0.001, "max_output_tokens": 1}},
    ],
    ids=lambda value: repr(value)[:30],
)
@pytest.mark.parametrize("escaped", [True, False])
def test_what_will_do_is_taken(api: FlaskClient, change: dict[str, Any], escaped: bool) -> None:
    body = {**POET, **change}
    data = json.dumps(body, ensure_ascii=escaped).encode()
    made = api.post("/api/v1/voices", data=data, content_type="application/json")
    assert made.status_code == 201, made.get_data(as_text=True)
    assert api.get(f"/api/v1/voices/{body['key']}").get_json() == made.get_json()


def test_several_faults_are_told_at_once_and_a_key_cannot_be_changed(api: FlaskClient) -> None:
    answered = api.post("/api/v1/voices", json={"key": "A", "colour": "red", "extra": 1})
    assert fields_at_fault(answered) == {"key", "name", "colour", "prompt", "extra"}
    api.post("/api/v1/voices", json=POET)
    assert fields_at_fault(api.patch("/api/v1/voices/poet", json={"key": "bard"})) == {"key"}


def test_a_model_that_is_no_longer_offered_does_not_stop_other_changes(app: Flask, person: Person) -> None:
    old = Voice("old", "Old", "#000000", "", "x", model="gone-1")
    parts_of(app).voices.add(person.id, old)
    changed = bearer_client(app, person).patch("/api/v1/voices/old", json={"disabled": True})
    assert (changed.status_code, changed.get_json()["model"]) == (200, "gone-1")


def test_nobody_is_told_anything(standing_app: Flask) -> None:
    for path in ("/api/v1/voices", "/api/v1/voices/seeker", "/api/v1/team/voices", "/api/v1/voices.toml"):
        assert_error(standing_app.test_client().get(path), 401)
