"""The description's examples: sent as they stand, and what comes back is what is described."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from sqlalchemy import insert

from chatapp.store.account import ApiToken
from chatapp.store.conversation import Conversation, Generation, Message, Turn
from chatapp.streaming.dialect import EVENTS, PLAIN
from chatapp.streaming.event import done, failure, snapshot, spoken_by, token, usage, voice_done
from chatapp.streaming.voice_dialect import VoiceDialect
from chatapp.web.openapi import example
from tests.web.conftest import PASSWORD, Person, bearer_client, make_administrator, parts_of
from tests.web.event_stream import Frame, frames_of, until

ANOTHER_ID = "01a1fdee53391c2d3e4f5a6b7c8d9e0f"
"""Of another voice's answer, and of its generation."""
NOW = datetime(2026, 11, 21, 11, 46, 56, tzinfo=UTC)


class Described:
    """The description, and whether a value is what it says."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.description = description

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Every operation, that which takes away what others need last."""
        found = [
            (method.upper(), path, operation)
            for path, methods in self.description["paths"].items()
            for method, operation in methods.items()
        ]
        return iter(sorted(found, key=lambda each: each[0] == "DELETE"))

    def resolved(self, told: dict[str, Any]) -> dict[str, Any]:
        found: Any = self.description
        for part in told["$ref"].removeprefix("#/").split("/") if "$ref" in told else []:
            found = found[part]
        return found if "$ref" in told else told

    def faults(self, schema: dict[str, Any], value: Any) -> list[str]:
        whole = {**schema, "components": self.description["components"]}
        return [str(each.message) for each in OAS31Validator(whole).iter_errors(value)]

    def faults_of_stream(self, media: dict[str, Any], body: bytes) -> list[str]:
        """Also when an event comes that is not described."""
        told = [each for each in frames_of(body) if each.data is not None]
        assert told
        return [fault for each in told for fault in self._faults_of_event(media["x-events"], each)]

    def _faults_of_event(self, events: dict[str, Any], frame: Frame) -> list[str]:
        name = frame.event or "message"
        return self.faults(events[name], frame.data) if name in events else [f"{name} is not described"]


@pytest.fixture
def described(app: Flask) -> Described:
    return Described(app.test_client().get("/api/openapi.json").get_json())


@pytest.fixture
def story(app: Flask, person: Person) -> None:
    """What the examples tell of, said by `person`, who is an administrator."""
    make_administrator(app, person)
    ids = {"session_id": example.SESSION_ID, "turn_id": example.TURN_ID}
    with parts_of(app).database.write() as connection:
        connection.execute(
            insert(Conversation),
            {
                "session_id": example.SESSION_ID,
                "user_id": person.id,
                "title": "Why is the sky blue?",
                "voices": ["seeker"],
            },
        )
        connection.execute(
            insert(Turn),
            {
                "id": example.TURN_ID,
                "session_id": example.SESSION_ID,
                "user_id": person.id,
                "status": "ended",
                "log_id": example.LOG_ID,
                "content_digest": "0" * 64,
                "request_id": example.REQUEST_ID,
                "owner_id": "0" * 32,
                "ended_at": NOW,
            },
        )
        connection.execute(
            insert(Generation),
            {
                "id": example.GENERATION_ID,
                "turn_id": example.TURN_ID,
                "voice": "seeker",
                "model": example.MODEL,
                "status": "complete",
                "finish_reason": "stop",
                "tokens_in": 5,
                "tokens_out": 15,
            },
        )
        question = {"id": example.QUESTION_ID, "role": "user", "content": "Why is the sky blue?", **ids}
        reply = {"id": example.REPLY_ID, "role": "assistant", "content": "Air scatters blue.", **ids}
        connection.execute(
            insert(ApiToken),
            {"jti": example.JTI, "user_id": person.id, "name": "backup script", "expires_at": NOW},
        )
        connection.execute(insert(Message), question)
        reply |= {"parent_id": example.QUESTION_ID}
        connection.execute(insert(Message), {**reply, "generation_id": example.GENERATION_ID})
        another = {"id": ANOTHER_ID, "turn_id": example.TURN_ID, "voice": "explorer", "model": example.MODEL}
        connection.execute(insert(Generation), {**another, "status": "complete", "finish_reason": "stop"})
        connection.execute(insert(Message), {**reply, "id": ANOTHER_ID, "generation_id": ANOTHER_ID})


@pytest.mark.usefixtures("story")
def test_every_example_is_answered_as_described(app: Flask, person: Person, described: Described) -> None:
    assert (person.email, PASSWORD) == (example.EMAIL, example.PASSWORD)
    api = bearer_client(app, person)
    for method, path, operation in described.operations():
        assert faults_of_call(described, api, method, path, operation) == [], f"{method} {path}"
        assert until(lambda: not parts_of(app).busy), (
            "what is asked next may be asked of a conversation at rest"
        )


def faults_of_call(
    described: Described, api: FlaskClient, method: str, path: str, operation: dict[str, Any]
) -> list[str]:
    for each in operation["parameters"]:
        if each.get("in") == "path":
            path = path.replace(f"{{{each['name']}}}", each["example"])
    media = operation.get("requestBody", {}).get("content", {}).get("application/json")
    answered = api.open(path, method=method, **({"json": media["example"]} if media else {}))
    told = operation["responses"][next(status for status in operation["responses"] if status.startswith("2"))]
    if str(answered.status_code) not in operation["responses"] or answered.status_code >= 300:
        return [f"{answered.status_code}: {answered.get_data(as_text=True)}"]
    faults = [f"no {name}" for name in told["headers"] if name not in answered.headers]
    for media_type, content in told.get("content", {}).items():
        if media_type != answered.mimetype:
            faults.append(f"{answered.mimetype}, not {media_type}")
        elif media_type == "application/json":
            faults += described.faults(content["schema"], answered.get_json())
        elif media_type == "text/event-stream":
            faults += described.faults_of_stream(content, answered.get_data())
    return faults


def test_every_example_is_what_its_schema_says(described: Described) -> None:
    checked = 0
    for _, path, operation in described.operations():
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        answers = [described.resolved(each) for each in operation["responses"].values()]
        for told in [*bodies, *answers]:
            for media_type, content in told.get("content", {}).items():
                if media_type == "application/json":
                    assert described.faults(content["schema"], content["example"]) == [], path
                elif media_type == "text/event-stream":
                    assert described.faults_of_stream(content, content["example"].encode()) == [], path
                checked += 1
    assert checked > 100


def test_every_event_that_can_be_told_is_described(described: Described) -> None:
    said = [
        token("Hello"),
        usage(None, None, None, "gpt-4o"),
        usage(5, 15, 0.1, "gpt-4o"),
        failure("SERVER_ERROR", "Server error, please try again later.", retryable=True, request_id="req_1"),
        snapshot([{"generation_id": "g", "voice": "seeker", "text": "Hello", "status": "partial"}]),
    ]
    ends = [spoken_by("seeker", voice_done("cancelled"))]
    turn = stream_of(described, "/api/v1/turns/{turn_id}/stream")
    for dialect, path in ((EVENTS, turn), (VoiceDialect("seeker"), turn)):
        told = [*said, *(spoken_by("seeker", event) for event in said[:-1]), *ends, done("error")]
        written = [dialect.frame(b"x", number, event) for number, event in enumerate(told)]
        assert described.faults_of_stream(path, b"".join(written) + dialect.heartbeat(1)) == []
    plain = stream_of(described, "/api/chat/stream", "post")
    frames = [PLAIN.frame(b"x", number, event) for number, event in enumerate([*said, done("error")])]
    assert described.faults_of_stream(plain, b"".join([*frames, PLAIN.replacement(b"x", 9, said[-1])])) == []


def stream_of(described: Described, path: str, method: str = "get") -> dict[str, Any]:
    operation = described.description["paths"][path][method]
    found: dict[str, Any] = operation["responses"]["200"]["content"]["text/event-stream"]
    return found


def test_an_event_that_is_not_as_described_is_noticed(described: Described) -> None:
    turn = stream_of(described, "/api/v1/turns/{turn_id}/stream")
    for wrong in (b'event: token\ndata: {"text":7}\n\n', b'event: news\ndata: {"text":"x"}\n\n'):
        assert described.faults_of_stream(turn, wrong) != []
    assert described.faults_of_stream(turn, b'event: done\ndata: {"finish_reason":"stop","more":1}\n\n') != []
