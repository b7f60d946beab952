"""What can be asked for: models."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

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


def test_nobody_is_told_anything(standing_app: Flask) -> None:
    assert_error(standing_app.test_client().get("/api/v1/models"), 401)
