"""Voices as TOML over the API."""

from __future__ import annotations

import tomllib

from flask import Flask
from flask.testing import FlaskClient

from chatapp.turns.built_in_voices import BUILT_IN
from chatapp.turns.voices import MOST_VOICES
from chatapp.web.voice_toml import MOST_BYTES, written
from tests.web.conftest import Person, assert_error, fields_at_fault, make_administrator

GOOD = '[voices.poet]\nname = "Poet"\ncolour = "#7a3fa0"\nprompt = "Rhyme."\n'
IMPORT = "/api/v1/voices.toml"


def test_one_s_own_go_out_and_in(api: FlaskClient, strange_api: FlaskClient) -> None:
    brought = api.post(IMPORT, json={"toml": written(BUILT_IN.values()) + GOOD})
    assert brought.get_json() == {"keys": [*BUILT_IN, "poet"]}
    out = api.get("/api/v1/voices.toml")
    assert (out.status_code, out.mimetype) == (200, "application/toml")
    assert out.headers["Content-Disposition"] == 'attachment; filename="voices.toml"'
    text = out.get_data(as_text=True)
    assert set(tomllib.loads(text)["voices"]) == {*BUILT_IN, "poet"}
    assert strange_api.get("/api/v1/voices.toml").get_data(as_text=True) == "[voices]\n"
    assert strange_api.post(IMPORT, json={"toml": text, "scope": "own"}).status_code == 200
    for key in ("seeker", "poet"):
        ours, theirs = (client.get(f"/api/v1/voices/{key}").get_json() for client in (api, strange_api))
        assert ours == theirs
        assert ours["scope"] == "own"


def test_those_that_are_there_are_replaced_and_others_stay(api: FlaskClient) -> None:
    api.post(IMPORT, json={"toml": GOOD + GOOD.replace("poet", "bard")})
    again = GOOD.replace('"Poet"', '"Another"') + "disabled = true\n"
    assert api.post(IMPORT, json={"toml": again}).status_code == 200
    poet, bard = (api.get(f"/api/v1/voices/{key}").get_json() for key in ("poet", "bard"))
    assert (poet["name"], poet["disabled"], bard["name"]) == ("Another", True, "Poet")


def test_all_or_nothing(api: FlaskClient) -> None:
    answered = api.post(IMPORT, json={"toml": GOOD + GOOD.replace("poet", "bard").replace("#7a3fa0", "red")})
    assert fields_at_fault(answered) == {"voices.bard.colour"}
    assert_error(api.get("/api/v1/voices/poet"), 404)
    for number in range(MOST_VOICES - 1):
        one = GOOD.replace("poet", f"v{number}")
        assert api.post(IMPORT, json={"toml": one}).status_code == 200
    two = GOOD + GOOD.replace("poet", "bard")
    assert_error(api.post(IMPORT, json={"toml": two}), 409, "TOO_MANY_VOICES")
    assert_error(api.get("/api/v1/voices/poet"), 404)
    assert api.post(IMPORT, json={"toml": GOOD + GOOD.replace("poet", "v7")}).status_code == 200


def test_the_team_s_are_brought_in_by_administrators_and_read_by_all(
    app: Flask, person: Person, api: FlaskClient, strange_api: FlaskClient
) -> None:
    assert_error(api.post(IMPORT, json={"toml": GOOD, "scope": "team"}), 403, "FORBIDDEN")
    make_administrator(app, person)
    assert api.post(IMPORT, json={"toml": GOOD, "scope": "team"}).status_code == 200
    assert strange_api.get("/api/v1/voices/poet").get_json()["scope"] == "team"
    out = strange_api.get("/api/v1/voices.toml?scope=team")
    assert tomllib.loads(out.get_data(as_text=True))["voices"]["poet"]["name"] == "Poet"
    assert "team-voices.toml" in out.headers["Content-Disposition"]
    assert strange_api.get("/api/v1/voices.toml").get_data(as_text=True) == "[voices]\n"


def test_a_scope_that_is_none(standing_api: FlaskClient) -> None:
    assert fields_at_fault(standing_api.get("/api/v1/voices.toml?scope=built-in")) == {"scope"}
    assert fields_at_fault(standing_api.post(IMPORT, json={"toml": GOOD, "scope": "all"})) == {"scope"}


def test_the_longest_that_is_allowed_fits_and_no_more(api: FlaskClient) -> None:
    longest = GOOD + "#" * (MOST_BYTES - len(GOOD))
    assert api.post(IMPORT, json={"toml": longest}).status_code == 200
    assert fields_at_fault(api.post(IMPORT, json={"toml": longest + "#"})) == {"toml"}
    assert_error(api.post(IMPORT, json={"toml": longest * 5}), 413, "TOO_LARGE")
