"""Bodies that start a turn: what is accepted, and one clear answer to everything else, with nothing half-written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import Field, model_validator

from chatapp.errors import ValidationFailed
from chatapp.web.body import Body, parsed
from tests.scripted_upstream import ScriptedUpstream
from tests.web.conftest import assert_error, fields_at_fault, rows
from tests.web.event_stream import read

CHAT, PLAIN, TURNS = "/api/v1/chat", "/api/chat/stream", "/api/v1/turns"
PATHS = [CHAT, PLAIN, TURNS]
OWN = "session-20250819-143022-a1b2"


def conversation_field(path: str) -> str:
    return "conversationId" if path == PLAIN else "sessionId"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "message",
    [
        "",
        " ",
        "\n\t \u3000",
        "x" * 4001,
        " " + "🤖" * 4001,
        "a\0b",
        "\ud800",
        "a\udfffb",
        5,
        True,
        None,
        [],
        {},
        ["Hi"],
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_message_that_will_not_do_is_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, message: object
) -> None:
    answered = standing_api.post(path, data=json.dumps({"message": message}), content_type="application/json")
    assert fields_at_fault(answered) == {"message"}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("message", ["x", "x" * 4000, "🤖" * 4000, " \n" + "y" * 4000 + "\t "])
@pytest.mark.parametrize("escaped", [True, False])
def test_a_message_that_will_do_is_taken(
    app: Flask, api: FlaskClient, upstream: ScriptedUpstream, path: str, message: str, escaped: bool
) -> None:
    body = json.dumps({"message": message}, ensure_ascii=escaped).encode()
    answered = api.post(path, data=body, content_type="application/json; charset=utf-8", buffered=False)
    assert answered.status_code == (202 if path == TURNS else 200)
    assert upstream.wait_for_requests(1) if path == TURNS else read(answered)
    assert upstream.requests[0].json()["messages"][-1]["content"] == message.strip()


SESSION_IDS = [
    "",
    "session",
    "session-2025081-143022-a1b2",
    "session-20250819-143022-a1b",
    "session-20250819-143022-" + "a" * 33,
    "session-20250819-143022-A1B2",
    "session-20250819-143022-a1b2\n",
    "session-２０２５0819-143022-a1b2",
    "session-20250819-143022-a1b2' OR 1=1 --",
    "../../etc/passwd",
    "\ud800",
    "session-20250819-143022-a1\0b2",
    7,
    ["session-20250819-143022-a1b2"],
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", SESSION_IDS, ids=lambda value: repr(value)[:40])
def test_a_session_id_of_another_shape_is_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, name: object
) -> None:
    body = json.dumps({"message": "Hi", conversation_field(path): name})
    answered = standing_api.post(path, data=body, content_type="application/json")
    assert fields_at_fault(answered) == {conversation_field(path)}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", PATHS)
def test_somebody_else_s_conversation_is_missing(
    app: Flask, api: FlaskClient, strange_api: FlaskClient, path: str
) -> None:
    read(api.post(CHAT, json={"message": "Hi", "sessionId": OWN}))
    before = rows(app)
    answered = strange_api.post(path, json={"message": "Hi", conversation_field(path): OWN})
    assert OWN not in answered.get_data(as_text=True)
    assert_error(answered, 404, "NOT_FOUND")
    assert rows(app) == before


WRONG_TYPES: list[tuple[str, Any]] = [
    ("useMemory", "true"),
    ("useMemory", 1),
    ("useMemory", None),
    ("useKnowledge", "no"),
    ("useKnowledge", 0),
    ("model", 4),
    ("model", ["gpt-6-luna"]),
    ("voices", "seeker"),
    ("voices", [1]),
    ("voices", {"seeker": True}),
    ("clientMessageId", 12),
]


@pytest.mark.parametrize("path", [CHAT, TURNS])
@pytest.mark.parametrize(("field", "value"), WRONG_TYPES)
def test_types_are_exact(
    standing_app: Flask, standing_api: FlaskClient, path: str, field: str, value: object
) -> None:
    answered = standing_api.post(path, json={"message": "Hi", field: value})
    assert {each.partition(".")[0] for each in fields_at_fault(answered)} == {field}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", [CHAT, TURNS])
@pytest.mark.parametrize(
    "voices",
    [[], ["nobody"], ["seeker", "seeker"], [f"voice{n}" for n in range(9)], ["\ud800"], ["seeker\0"]],
)
def test_voices_that_cannot_be_asked_are_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, voices: list[str]
) -> None:
    body = json.dumps({"message": "Hi", "voices": voices})
    answered = standing_api.post(path, data=body, content_type="application/json")
    assert {each.partition(".")[0] for each in fields_at_fault(answered)} == {"voices"}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("model", ["gpt-nine", "", "gpt 4o", "x" * 200, "gpt-6-luna\0", "\ud800"])
def test_a_model_that_is_not_offered_is_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, model: str
) -> None:
    body = json.dumps({"message": "Hi", "model": model})
    answered = standing_api.post(path, data=body, content_type="application/json")
    assert fields_at_fault(answered) == {"model"}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", [CHAT, TURNS])
@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a.b", "ä", "m1\n", "\ud800"])
def test_a_client_message_id_of_another_shape_is_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, name: str
) -> None:
    body = json.dumps({"message": "Hi", "clientMessageId": name})
    answered = standing_api.post(path, data=body, content_type="application/json")
    assert fields_at_fault(answered) == {"clientMessageId"}
    assert set(rows(standing_app).values()) == {0}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", ["x" * 65, "a b", "a.b", "ä", " "])
def test_an_idempotency_key_of_another_shape_is_refused(
    standing_app: Flask, standing_api: FlaskClient, path: str, key: str
) -> None:
    answered = standing_api.post(path, json={"message": "Hi"}, headers={"Idempotency-Key": key})
    assert fields_at_fault(answered) == {"Idempotency-Key"}
    assert set(rows(standing_app).values()) == {0}


def test_a_header_and_a_body_that_disagree_are_refused(
    standing_app: Flask, standing_api: FlaskClient
) -> None:
    body = {"message": "Hi", "clientMessageId": "m1"}
    answered = standing_api.post(CHAT, json=body, headers={"Idempotency-Key": "m2"})
    assert fields_at_fault(answered) == {"clientMessageId"}
    assert set(rows(standing_app).values()) == {0}


def test_a_header_and_a_body_that_agree_are_one_id(api: FlaskClient) -> None:
    body = {"message": "Hi", "clientMessageId": "m1"}
    assert read(api.post(CHAT, json=body, headers={"Idempotency-Key": "m1"}))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "name", ["temperature", "session_id", "message ", "__proto__", "", "\ud800", "a\0", "x" * 500]
)
def test_unknown_fields_are_refused_by_name(
    standing_app: Flask, standing_api: FlaskClient, path: str, name: str
) -> None:
    body = json.dumps({"message": "Hi", name: 1})
    answered = standing_api.post(path, data=body, content_type="application/json")
    (field,) = fields_at_fault(answered)
    assert field[:10] == (name[:10] if name.isascii() else "body")  # half a surrogate pair cannot be told
    assert set(rows(standing_app).values()) == {0}


def test_several_faults_are_told_at_once(standing_api: FlaskClient) -> None:
    answered = standing_api.post(CHAT, json={"message": "", "sessionId": "x", "extra": 1})
    assert fields_at_fault(answered) == {"message", "sessionId", "extra"}


def test_of_thousands_of_unknown_fields_only_some_are_looked_at(app: Flask) -> None:
    looked_at: list[int] = []

    class Wanted(Body):
        session_id: str = Field(alias="sessionId")
        last: int

        @model_validator(mode="before")
        @classmethod
        def _count(cls, value: dict[str, object]) -> dict[str, object]:
            looked_at.append(len(value))
            return value

    sent = {**{f"x{each}": 1 for each in range(20_000)}, "sessionId": 5, "last": 1}
    body: dict[str, Any] = {"data": json.dumps(sent), "content_type": "application/json"}
    with app.test_request_context(method="POST", **body), pytest.raises(ValidationFailed) as refused:
        request.max_content_length = 1_000_000
        parsed(Wanted)
    assert [each.field for each in refused.value.errors] == ["sessionId", *(f"x{each}" for each in range(19))]
    assert looked_at[0] <= 22


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=20)
    | st.sampled_from(["Hi", "seeker", "gpt-6-luna", OWN, "\ud800", "\0", "m1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=()), max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
names = st.sampled_from(
    ["message", "sessionId", "useMemory", "useKnowledge", "model", "voices", "clientMessageId"]
) | st.text(st.characters(exclude_categories=()), max_size=8)
messages = st.just("Hi") | st.text(st.characters(exclude_categories=()), max_size=3) | values
bodies = values | st.builds(
    lambda message, rest: {**rest, "message": message}, messages, st.dictionaries(names, values, max_size=3)
)


@given(body=bodies, path=st.sampled_from([CHAT, TURNS]), escaped=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_surprises_it(api: FlaskClient, body: object, path: str, escaped: bool) -> None:
    data = json.dumps(body, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    answered = api.post(path, data=data, content_type="application/json", buffered=False)
    assert answered.status_code in {200, 202, 400, 409, 413, 415, 422}
    if answered.status_code >= 400:
        assert_error(answered, answered.status_code)
    elif path == CHAT:
        assert read(answered)


@given(
    body=st.binary(max_size=200),
    kind=st.sampled_from(["application/json", "text/plain", "application/jsonp", ""]),
)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_surprise_it(standing_api: FlaskClient, body: bytes, kind: str) -> None:
    answered = standing_api.post(CHAT, data=body, content_type=kind)
    assert_error(answered, answered.status_code)
    assert answered.status_code in ({400, 422} if kind == "application/json" else {415})
