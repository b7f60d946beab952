"""`POST /api/v1/estimates`: what a message would cost at most."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.scripted_upstream import ScriptedUpstream
from tests.web.conftest import MODELS, MakeApp, SignUp, bearer_client, fields_at_fault, rows

PATH = "/api/v1/estimates"


def test_each_voice_and_their_sum(app: Flask, api: FlaskClient, upstream: ScriptedUpstream) -> None:
    asked = {"message": "Hi", "model": "gpt-4o-mini", "voices": ["seeker", "explorer"]}
    answered = api.post(PATH, json=asked)
    told: dict[str, Any] = answered.get_json()
    assert answered.status_code == 200
    assert [(each["voice"], each["model"]) for each in told["voices"]] == [
        ("seeker", "gpt-4o-mini"),
        ("explorer", "gpt-4o-mini"),
    ]
    for each in told["voices"]:
        assert set(each) == {"voice", "model", "tokens_in", "tokens_out_at_most", "cost_usd_at_most"}
        dollars = (each["tokens_in"] * 0.15 + 2000 * 0.60) / 1_000_000
        assert each["cost_usd_at_most"] == pytest.approx(dollars)
    sums = sum(each["cost_usd_at_most"] for each in told["voices"])
    assert told["cost_usd_at_most"] == pytest.approx(sums)
    assert set(rows(app).values()) == {0}
    assert upstream.requests == []


def test_a_model_without_a_known_price_is_not_free(api: FlaskClient) -> None:
    told = api.post(PATH, json={"message": "Hi"}).get_json()
    assert told["voices"][0]["model"] == "gpt-6-luna"
    assert told["voices"][0]["cost_usd_at_most"] is None
    assert told["cost_usd_at_most"] is None


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"message": "Hi", "voices": []}, "voices"),
        ({"message": "Hi", "voices": ["nobody"]}, "voices"),
        ({"message": "Hi", "voices": ["seeker", "seeker"]}, "voices"),
        ({"message": "Hi", "voices": list("abcdefghi")}, "voices"),
        ({"message": ""}, "message"),
        ({"message": "Hi", "price": 1}, "price"),
    ],
)
def test_a_body_that_would_not_do_is_refused_as_when_sending(
    api: FlaskClient, asked: dict[str, Any], field: str
) -> None:
    refused = fields_at_fault(api.post(PATH, json=asked))
    assert {each.partition(".")[0] for each in refused} == {field}


def test_it_is_no_message(make_app: MakeApp, upstream: ScriptedUpstream, sign_up: SignUp) -> None:
    limits = {"CHATAPP_RATE_LIMITS": "1", "CHATAPP_MESSAGES_PER_MINUTE": "1"}
    app = make_app(OPENAI_BASE_URL=upstream.base_url, CHATAPP_MODELS=MODELS, **limits)
    api = bearer_client(app, sign_up(app))
    assert [api.post(PATH, json={"message": "Hi"}).status_code for _ in range(3)] == [200] * 3
    assert api.post("/api/v1/turns", json={"message": "Hi"}).status_code == 202
