"""What can be asked for: models and voices."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from chatapp.turns.built_in_voices import BUILT_IN
from tests.web.conftest import MakeApp, SignUp, assert_error, bearer_client
from tests.web.event_stream import until


def test_the_models_that_were_configured(standing_api: FlaskClient) -> None:
    assert standing_api.get("/api/v1/models").get_json() == {
        "items": [
            {"id": "gpt-6-luna", "default": True, "simulated": False},
            {"id": "gpt-4o-mini", "default": False, "simulated": False},
        ],
        "next_cursor": None,
        "simulated": False,
    }


def test_a_simulated_upstream_says_so_and_lists_four_models(make_app: MakeApp, sign_up: SignUp) -> None:
    app = make_app()
    api = bearer_client(app, sign_up(app))
    assert api.get("/api/v1/models").get_json()["simulated"] is True
    assert until(lambda: len(api.get("/api/v1/models").get_json()["items"]) == 4)
    found = api.get("/api/v1/models").get_json()["items"]
    assert [each["id"] for each in found] == ["gpt-6-luna", "gpt-4o", "gpt-4o-mini", "gpt-5-mini"]
    assert all(each["simulated"] for each in found)


def test_the_voices(standing_api: FlaskClient) -> None:
    found = standing_api.get("/api/v1/voices").get_json()
    assert [each["key"] for each in found["items"]] == list(BUILT_IN)
    assert [each["key"] for each in found["items"] if each["default"]] == ["seeker"]
    assert found["next_cursor"] is None
    assert "prompt" not in found["items"][0]


def test_nobody_is_told_anything(standing_app: Flask) -> None:
    for path in ("/api/v1/models", "/api/v1/voices"):
        assert_error(standing_app.test_client().get(path), 401)
